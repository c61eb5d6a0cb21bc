//! TLS of the listeners, and the proxy that may stand before them.

use tessera_server::config::{Cidr, ListenAddress, Listener, Settings, Tls};

use super::finding::Finding;

const AREA: &str = "tls";

/// Looks at both listeners against the addresses that are announced.
pub(super) fn check(settings: &Settings) -> Vec<Finding> {
    let mut found = vec![public(settings), certificate(settings), admin(settings)];
    let serve = &settings.serve;
    for (key, listener) in [("public", &serve.public), ("admin", &serve.admin)] {
        found.extend(termination(settings, key, listener));
    }
    found
}

/// Who may bring plain HTTP to a port that speaks TLS?
fn termination(settings: &Settings, name: &str, listener: &Listener) -> Option<Finding> {
    let networks = settings.serve.termination_from(listener);
    if networks.is_empty() {
        return None;
    }
    let rule = format!("serve.{name} takes plain HTTP from proxies that ended TLS only");
    let listed: Vec<String> = networks.iter().map(ToString::to_string).collect();
    Some(if settings.is_development() {
        Finding::warning(
            AREA,
            &rule,
            "from everyone, in development mode",
            "start without --dev and --dangerous-force-http",
        )
    } else if networks.iter().any(Cidr::is_everyone) {
        Finding::warning(
            AREA,
            &rule,
            listed.join(", "),
            "anyone can write X-Forwarded-Proto: name the addresses of the proxies in allow_termination_from",
        )
    } else {
        Finding::ok(AREA, &rule, listed.join(", "))
    })
}

/// Who ends TLS on the way to the public port?
fn public(settings: &Settings) -> Finding {
    let rule =
        "urls.self.public and the public listener speak the same protocol, or a proxy translates";
    let listener = &settings.serve.public;
    let speaks_tls = settings.serve.tls(listener) != Tls::Off;
    let url = settings.public_url();
    let announces_tls = url.starts_with("https://");
    let seen = format!(
        "{url}, and {} on port {}",
        if speaks_tls { "HTTPS" } else { "plain HTTP" },
        listener.port
    );
    match (announces_tls, speaks_tls) {
        (true, true) | (false, false) => Finding::ok(AREA, rule, seen),
        (true, false) if is_open(listener) => Finding::warning(
            AREA,
            rule,
            format!("{seen}, on an address that is not loopback"),
            "a proxy has to end TLS, and nobody else may reach this port: let it listen on loopback or close it in the \
             firewall, and let the proxy overwrite X-Forwarded-For and X-Forwarded-Proto that clients send",
        ),
        (true, false) => Finding::ok(AREA, rule, format!("{seen}; a proxy has to end TLS")),
        (false, true) => Finding::problem(
            AREA,
            rule,
            seen,
            "write https in urls.self.public (or in the issuer, if it is not set): browsers are sent to a port that \
             does not speak http",
        ),
    }
}

fn certificate(settings: &Settings) -> Finding {
    let rule = "clients trust the public listener's certificate";
    match settings.serve.tls(&settings.serve.public) {
        Tls::Off => Finding::ok(AREA, rule, "the listener has none to show"),
        Tls::Certificate { .. } => Finding::ok(AREA, rule, "a configured certificate"),
        Tls::SelfSigned => Finding::warning(
            AREA,
            rule,
            "one that the server makes at each start",
            "set serve.tls.cert and serve.tls.key, unless only a proxy that does not look at it comes here",
        ),
    }
}

/// Security: whoever reaches the admin port is the administrator.
fn admin(settings: &Settings) -> Finding {
    let rule = "the admin port is closed to strangers";
    let listener = &settings.serve.admin;
    let has_guard = listener.auth.bearer_token.is_some() || listener.auth.client_ca.is_some();
    let seen = |how: &str| format!("{how}, port {}", listener.port);
    if has_guard {
        Finding::ok(AREA, rule, seen("callers have to authenticate"))
    } else if is_open(listener) {
        Finding::warning(
            AREA,
            rule,
            seen("open to every address, and callers need no credentials"),
            "set serve.admin.auth.bearer_token or client_ca, or let it listen on loopback or a closed network only",
        )
    } else {
        Finding::ok(AREA, rule, seen("only this machine reaches it"))
    }
}

fn is_open(listener: &Listener) -> bool {
    match listener.address() {
        ListenAddress::Loopback { .. } | ListenAddress::Unix { .. } => false,
        ListenAddress::AllInterfaces { .. } => true,
        ListenAddress::Host { host, .. } => !super::site::is_loopback(&host),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Level, super::tests::*, *};

    const LOCAL: (&str, &str) = ("SERVE_PUBLIC_HOST", "127.0.0.1");

    #[test]
    fn a_proxy_before_a_loopback_port_is_fine() {
        let found = check(&settings(&[LOCAL]));
        assert!(found.iter().all(|one| one.level == Level::Ok), "{found:?}");
    }

    #[test]
    fn plain_http_on_every_address_is_told() {
        let found = check(&settings(&[("SERVE_PUBLIC_HOST", "0.0.0.0")]));
        assert_eq!(rules(&found, Level::Warning).len(), 1, "{found:?}");
        assert!(found[0].way_out.contains("X-Forwarded-For"));
    }

    #[test]
    fn networks_of_proxies_are_told_and_everyone_is_no_network() {
        let tls = ("SERVE_ADMIN_TLS_ENABLED", "true");
        let rule = "serve.admin takes plain HTTP from proxies that ended TLS only";
        for (networks, level) in [
            ("10.0.0.0/8,fd00::/8", Level::Ok),
            ("10.0.0.0/8,0.0.0.0/0", Level::Warning),
        ] {
            let networks = ("SERVE_ADMIN_TLS_ALLOW_TERMINATION_FROM", networks);
            let found = check(&settings(&[LOCAL, tls, networks]));
            assert!(rules(&found, level).contains(&rule), "{found:?}");
            let found = check(&settings(&[LOCAL, networks]));
            assert!(found.iter().all(|one| one.rule != rule), "{found:?}");
        }
    }

    #[test]
    fn an_http_address_of_an_https_port_is_a_problem() {
        let found = check(&settings(&[
            LOCAL,
            ("URLS_SELF_PUBLIC", "http://auth.example.com/"),
            ("SERVE_PUBLIC_TLS_ENABLED", "true"),
        ]));
        assert_eq!(rules(&found, Level::Problem).len(), 1, "{found:?}");
        assert_eq!(
            rules(&found, Level::Warning),
            ["clients trust the public listener's certificate"]
        );
    }

    #[test]
    fn an_open_admin_port_is_told_unless_it_is_guarded() {
        let open = ("SERVE_ADMIN_HOST", "0.0.0.0");
        let found = check(&settings(&[LOCAL, open]));
        assert_eq!(
            rules(&found, Level::Warning),
            ["the admin port is closed to strangers"]
        );
        let token = (
            "SERVE_ADMIN_AUTH_BEARER_TOKEN",
            "a-token-of-some-length-0123456789",
        );
        let found = check(&settings(&[LOCAL, open, token]));
        assert!(found.iter().all(|one| one.level == Level::Ok), "{found:?}");
    }
}
