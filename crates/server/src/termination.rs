//! Plain HTTP on a port that speaks TLS: from proxies that ended it, and from nobody else.
//!
//! Spec: RFC 9325 3.2
//! Compat: v1 spoke plain HTTP alone on such a port, v26 TLS alone; here both arrive. Statuses and the paths that are
//! left open are Hydra's.
//! Security: the peer of the connection has to lie in the networks. Hydra also believes any entry of
//! `X-Forwarded-For`, which whoever sends the request can write.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::StatusCode;

use crate::config::{Cidr, Listener, Settings};
use crate::observe;
use crate::reply::{AdminError, ErrorStyle, Failure};

const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// In the extensions of a request that came without TLS to a port that speaks it: who sent it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlainFrom(pub(crate) IpAddr);

/// Adds the check to a listener that takes plain HTTP besides TLS.
///
/// Compat: development mode of either generation takes it from everyone.
pub(crate) fn wrap(router: Router, settings: &Settings, listener: &Listener) -> Router {
    let networks = settings.serve.termination_from(listener);
    if networks.is_empty() || settings.is_development() {
        return router;
    }
    router.layer(from_fn_with_state(Arc::from(networks), check))
}

async fn check(State(networks): State<Arc<[Cidr]>>, request: Request, next: Next) -> Response {
    match refusal(&networks, &request) {
        None => next.run(request).await,
        Some(description) => {
            let refused = AdminError {
                status: StatusCode::BAD_GATEWAY,
                error: "error",
                description: description.into(),
            };
            Failure::Admin(refused).into_reply(ErrorStyle::default())
        }
    }
}

/// Why a request is not answered.
fn refusal<B>(networks: &[Cidr], request: &http::Request<B>) -> Option<&'static str> {
    let PlainFrom(peer) = request.extensions().get()?;
    if observe::is_probe(request.uri().path()) {
        return None;
    }
    if !networks.iter().any(|network| network.contains(*peer)) {
        return Some(
            "This port wants TLS. Plain HTTP is answered from the networks of serve.tls.allow_termination_from only, \
             and your address is in none of them.",
        );
    }
    let is_https = request
        .headers()
        .get(FORWARDED_PROTO)
        .is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https"));
    (!is_https).then_some(
        "This port wants TLS, and plain HTTP from a proxy only where the proxy was reached by TLS: it has to say \
         'X-Forwarded-Proto: https'.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str, peer: Option<&str>, headers: &[(&str, &str)]) -> http::Request<()> {
        let mut request = http::Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(()).unwrap();
        if let Some(peer) = peer {
            let peer = PlainFrom(peer.parse().unwrap());
            request.extensions_mut().insert(peer);
        }
        request
    }

    #[test]
    fn plain_http_is_answered_to_proxies_that_were_reached_by_tls() {
        let networks = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        let https = ("X-Forwarded-Proto", "https");
        let forged = ("X-Forwarded-For", "10.1.2.3");
        let (inside, outside) = (Some("10.1.2.3"), Some("203.0.113.9"));
        for (path, peer, headers, is_answered) in [
            ("/userinfo", None, vec![], true),
            ("/userinfo", inside, vec![https], true),
            ("/userinfo", Some("::ffff:10.1.2.3"), vec![https], true),
            ("/userinfo", Some("fd00::1"), vec![https], true),
            ("/userinfo", inside, vec![], false),
            (
                "/userinfo",
                inside,
                vec![("X-Forwarded-Proto", "http")],
                false,
            ),
            ("/userinfo", outside, vec![https], false),
            ("/userinfo", outside, vec![https, forged], false),
            ("/health/alive", outside, vec![], true),
            ("/admin/health/ready", outside, vec![], true),
            ("/metrics/prometheus", outside, vec![], true),
            ("/x/health/alive", outside, vec![], false),
        ] {
            let why = refusal(&networks, &request(path, peer, &headers));
            assert_eq!(why.is_none(), is_answered, "{path} {peer:?} {headers:?}");
        }
    }
}
