//! The only way out: every request this server sends.
//!
//! Security: no redirects, bounded time and size, and with `clients.http.disallow_private_ip_ranges` no address
//! that is not public. The address that was checked is the address that is connected to, because the check is
//! the resolver's.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Url};

use crate::tls_roots::{own_certificates, tls_roots};

/// Longest time for a whole request that has no bounds of its own.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time until connected.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bounds of a document that a client publishes: a request object, a key set, a sector. Whoever waits for it is a person
/// or another server.
pub(crate) const DOCUMENT: Bounds = Bounds {
    time: Duration::from_secs(3),
    body_max: 64 * 1024,
};

/// Sends requests.
#[derive(Debug, Clone)]
pub(crate) struct Egress {
    client: Client,
    /// For URLs that the operator exempted.
    unrestricted: Client,
    is_restricted: bool,
    exceptions: Arc<[String]>,
}

/// Why nothing was fetched; for the log and for `debug` texts.
pub(crate) type EgressError = String;

/// Limits of one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// For all of it.
    pub time: Duration,
    /// Bytes of the answer.
    pub body_max: usize,
}

/// What a POST was answered with.
#[derive(Debug)]
pub(crate) struct Answer {
    /// HTTP status.
    pub status: http::StatusCode,
    /// Empty unless the status is 200.
    pub body: Vec<u8>,
}

/// Why a POST has no answer. The texts do not hold the URL, which may hold a secret.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PostError {
    /// Another try would fail in the same way.
    Never(EgressError),
    /// The connection failed or took too long.
    Lost(EgressError),
}

impl Egress {
    /// `exceptions` are URL patterns with `*` that may be private all the same.
    pub(crate) fn new(disallow_private: bool, exceptions: &[String]) -> Result<Self, EgressError> {
        let tls = tls_config()?;
        let build = |resolver: PublicOnly| {
            Client::builder()
                .use_preconfigured_tls(tls.clone())
                .redirect(reqwest::redirect::Policy::none())
                // Security: a proxy would resolve the name itself, past the check of the address.
                .no_proxy()
                .timeout(TIMEOUT)
                .connect_timeout(CONNECT_TIMEOUT)
                .pool_max_idle_per_host(4)
                .dns_resolver(Arc::new(resolver))
                .user_agent("tessera")
                .build()
                .map_err(|e| e.to_string())
        };
        Ok(Self {
            client: build(PublicOnly(disallow_private))?,
            unrestricted: build(PublicOnly(false))?,
            is_restricted: disallow_private,
            exceptions: exceptions.into(),
        })
    }

    /// GETs a document within [`DOCUMENT`]; any status but 200 is an error.
    ///
    /// Security: the error tells what lies at an address of the operator's network, so it is not for those who chose the
    /// address.
    pub(crate) async fn fetch(&self, url: &str) -> Result<Vec<u8>, EgressError> {
        let parsed = Url::parse(url).map_err(|e| format!("'{url}' is not a URL: {e}"))?;
        let request = self.client_for(&parsed)?.get(parsed);
        let sent = request.timeout(DOCUMENT.time).send().await;
        let mut answer = sent.map_err(describe)?;
        if answer.status() != reqwest::StatusCode::OK {
            return Err(format!("'{url}' answered {}", answer.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(describe)? {
            if body.len().saturating_add(chunk.len()) > DOCUMENT.body_max {
                let max = DOCUMENT.body_max;
                return Err(format!("'{url}' answered more than {max} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// POSTs a body. Only the body of a 200 is read.
    pub(crate) async fn post(
        &self,
        url: &str,
        headers: http::HeaderMap,
        body: Vec<u8>,
        bounds: Bounds,
    ) -> Result<Answer, PostError> {
        let parsed = Url::parse(url).map_err(|e| PostError::Never(e.to_string()))?;
        let client = self.client_for(&parsed).map_err(PostError::Never)?;
        let lost = |error: reqwest::Error| PostError::Lost(describe(error.without_url()));
        let request = client.post(parsed).headers(headers).body(body);
        let sent = request.timeout(bounds.time).send().await;
        let mut answer = sent.map_err(lost)?;
        let status = answer.status();
        let mut body = Vec::new();
        if status == reqwest::StatusCode::OK {
            while let Some(chunk) = answer.chunk().await.map_err(lost)? {
                if body.len().saturating_add(chunk.len()) > bounds.body_max {
                    let max = bounds.body_max;
                    return Err(PostError::Never(format!("answered more than {max} bytes")));
                }
                body.extend_from_slice(&chunk);
            }
        }
        Ok(Answer { status, body })
    }

    /// Sends a DELETE, and answers its status.
    pub(crate) async fn delete(
        &self,
        url: Url,
        headers: http::HeaderMap,
        time: Duration,
    ) -> Result<http::StatusCode, EgressError> {
        let request = self.client_for(&url)?.delete(url).headers(headers);
        let sent = request.timeout(time).send().await;
        sent.map(|answer| answer.status())
            .map_err(|error| describe(error.without_url()))
    }

    /// Whether this URL may be called at all; resolves its host where private addresses are refused.
    pub(crate) async fn check_address(&self, url: &str) -> Result<(), EgressError> {
        if !self.is_restricted || self.is_exempt(url) {
            return Ok(());
        }
        let parsed = Url::parse(url).map_err(|e| e.to_string())?;
        self.client_for(&parsed)?;
        match parsed.host() {
            Some(url::Host::Domain(name)) => resolve(name, true)
                .await
                .map(|_| ())
                .map_err(|e| e.to_string()),
            _ => Ok(()),
        }
    }

    fn is_exempt(&self, url: &str) -> bool {
        let bare = url.split(['?', '#']).next().unwrap_or(url);
        self.exceptions
            .iter()
            .any(|pattern| glob(pattern.as_bytes(), bare.as_bytes()))
    }

    /// A host that is an address never reaches the resolver, so it is checked here.
    fn client_for(&self, url: &Url) -> Result<&Client, EgressError> {
        if !["http", "https"].contains(&url.scheme()) {
            return Err(format!("scheme '{}' is not http or https", url.scheme()));
        }
        if self.is_exempt(url.as_str()) {
            return Ok(&self.unrestricted);
        }
        let address = match url.host() {
            Some(url::Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(url::Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            Some(url::Host::Domain(_)) => None,
            None => return Err("the URL has no host".to_owned()),
        };
        match address {
            Some(ip) if self.is_restricted && !is_public(ip) => Err(not_permitted(ip)),
            _ => Ok(&self.client),
        }
    }
}

fn not_permitted(ip: IpAddr) -> String {
    format!("address {ip} is not public, which clients.http.disallow_private_ip_ranges demands")
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "used as a function value in map_err"
)]
fn describe(error: reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

fn tls_config() -> Result<rustls::ClientConfig, EgressError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(tls_roots(&own_certificates()?)?)
        .with_no_client_auth())
}

/// Resolves names, and with `true` leaves out every address that is not public.
struct PublicOnly(bool);

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let restricted = self.0;
        Box::pin(async move {
            let found = resolve(name.as_str(), restricted).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

async fn resolve(name: &str, restricted: bool) -> Result<Vec<SocketAddr>, io::Error> {
    let mut found: Vec<SocketAddr> = tokio::net::lookup_host((name, 0)).await?.collect();
    if restricted {
        let refused = found
            .iter()
            .find(|address| !is_public(address.ip()))
            .copied();
        found.retain(|address| is_public(address.ip()));
        if let (true, Some(address)) = (found.is_empty(), refused) {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                not_permitted(address.ip()),
            ));
        }
    }
    Ok(found)
}

/// Whether an address is reachable from everywhere: none of the special-purpose ranges.
///
/// Spec: RFC 6890, RFC 4193, RFC 4291, RFC 6052, RFC 3056
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_broadcast()
                || ip.is_documentation()
                || ip.is_multicast()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && (b == 18 || b == 19)))
        }
        IpAddr::V6(ip) => {
            if let Some(v4) = embedded_v4(ip) {
                return is_public(IpAddr::V4(v4));
            }
            let [first, second, ..] = ip.segments();
            !(ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_multicast()
                || first & 0xfe00 == 0xfc00
                || first & 0xffc0 == 0xfe80
                || first & 0xffc0 == 0xfec0
                || (first == 0x2001 && second < 0x0200)
                || (first == 0x2001 && second == 0x0db8)
                || first == 0x0100
                || (first == 0x0064 && second == 0xff9b))
        }
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible, NAT64 or 6to4.
fn embedded_v4(ip: Ipv6Addr) -> Option<std::net::Ipv4Addr> {
    let tail = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        std::net::Ipv4Addr::new(a, b, c, d)
    };
    match ip.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(tail(high, low))
        }
        [0, 0, 0, 0, 0, 0, high, low] if (high, low) > (0, 1) => Some(tail(high, low)),
        [0x2002, high, low, ..] => Some(tail(high, low)),
        _ => None,
    }
}

/// `*` stands for any characters but `.` and `/`.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => {
            let reach = text
                .iter()
                .position(|b| matches!(b, b'.' | b'/'))
                .unwrap_or(text.len());
            (0..=reach).any(|n| text.get(n..).is_some_and(|tail| glob(rest, tail)))
        }
        Some((want, rest)) => text
            .split_first()
            .is_some_and(|(got, tail)| got == want && glob(rest, tail)),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[test]
    fn special_purpose_addresses_are_not_public() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.0.1",
            "198.18.0.1",
            "240.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "::7f00:1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in [
            "8.8.8.8",
            "1.1.1.1",
            "172.32.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn exceptions_are_globs_between_separators() {
        assert!(glob(
            b"http://*.example.com/jwks",
            b"http://a.example.com/jwks"
        ));
        assert!(!glob(
            b"http://*.example.com/jwks",
            b"http://a.b.example.com/jwks"
        ));
        assert!(!glob(b"http://a/*", b"http://a/b/c"));
    }

    /// Answers every connection with `head`, and then with `more`, again and again at this pace.
    async fn serve(head: &'static str, more: Vec<u8>, pace: Duration) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let more = more.clone();
                tokio::spawn(async move {
                    let _ = stream.read(&mut [0; 1024]).await;
                    let mut begun = stream.write_all(head.as_bytes()).await;
                    while begun.is_ok() {
                        tokio::time::sleep(pace).await;
                        begun = stream.write_all(&more).await;
                    }
                });
            }
        });
        url
    }

    const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n";

    #[tokio::test]
    async fn a_body_without_an_end_is_left_at_the_limit() {
        let url = serve(HEAD, vec![b'x'; 8 * 1024], Duration::from_millis(1)).await;
        let egress = Egress::new(false, &[]).unwrap();
        let error = egress.fetch(&url).await.unwrap_err();
        assert!(error.contains("more than 65536 bytes"), "{error}");
    }

    #[tokio::test]
    async fn the_bound_on_time_is_for_the_whole_answer() {
        let egress = Egress::new(false, &[]).unwrap();
        for (head, more) in [(HEAD, b"x".to_vec()), ("", b"H".to_vec())] {
            let url = serve(head, more, Duration::from_millis(200)).await;
            let fetched = tokio::time::timeout(Duration::from_secs(6), egress.fetch(&url)).await;
            assert!(fetched.unwrap().is_err());
        }
    }

    #[tokio::test]
    async fn redirects_are_not_followed() {
        let target = serve(HEAD, b"x".to_vec(), Duration::from_millis(1)).await;
        let head = format!("HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n");
        let url = serve(head.leak(), Vec::new(), Duration::from_secs(9)).await;
        let error = Egress::new(false, &[]).unwrap().fetch(&url).await;
        assert!(error.unwrap_err().contains("302"));
    }

    #[tokio::test]
    async fn private_addresses_are_refused_where_configured() {
        let open = Egress::new(false, &[]).unwrap();
        assert!(open.check_address("http://127.0.0.1/").await.is_ok());
        let closed = Egress::new(true, &["http://127.0.0.1:9/ok".to_owned()]).unwrap();
        for url in [
            "http://127.0.0.1/",
            "http://[::1]/",
            "http://localhost/",
            "http://0x7f.1/",
        ] {
            let refused = closed.check_address(url).await.unwrap_err();
            assert!(refused.contains("not public"), "{url}: {refused}");
        }
        assert!(closed.check_address("http://127.0.0.1:9/ok").await.is_ok());
        assert!(
            closed
                .fetch("http://127.0.0.1:1/")
                .await
                .unwrap_err()
                .contains("not public")
        );
    }
}
