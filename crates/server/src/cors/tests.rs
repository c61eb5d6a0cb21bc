//! What a listener's settings let in, without the clients, which `acceptance` tests.

use http::{HeaderValue, Method, Request};
use serde_json::{Value, json};

use super::policy::{Place, Policy, Verdict};
use crate::observe::Port;

const APP: &str = "https://app.example.com";

fn policy(port: Port, cors: &Value) -> Policy {
    let file = json!({"dsn": "memory", "serve": {"public": {"cors": cors}}});
    with_flag(port, &file)
}

fn with_flag(port: Port, file: &Value) -> Policy {
    let settings = crate::config::testing::settings(file);
    Policy::new(&settings.serve.public.cors, port, &settings.feature_flags)
}

fn ask(path: &str, origin: &str, method: &str, headers: &[&str]) -> Request<()> {
    let mut request = Request::options(path)
        .header("origin", origin)
        .header("access-control-request-method", method);
    for names in headers {
        request = request.header("access-control-request-headers", *names);
    }
    request.body(()).unwrap()
}

/// The value of a header that was granted; `None` for a refusal.
fn value(verdict: &Verdict, name: &str) -> Option<String> {
    match verdict {
        Verdict::Granted(headers) => Some(
            headers
                .get(name)
                .map_or("", |v| v.to_str().unwrap())
                .to_owned(),
        ),
        Verdict::NotListed | Verdict::Refused(_) => None,
    }
}

fn actual(policy: &Policy, path: &str, method: &Method, origin: &'static str) -> Verdict {
    policy.by_list(
        policy.place(path),
        method,
        &HeaderValue::from_static(origin),
    )
}

const ALLOW_ORIGIN: &str = "access-control-allow-origin";
const ALLOW_HEADERS: &str = "access-control-allow-headers";

#[test]
fn requested_headers_may_come_in_any_case_and_order() {
    let policy = policy(Port::Public, &json!({"allowed_origins": [APP]}));
    for (names, echoed) in [
        (&["authorization"][..], Some("authorization")),
        (&["Authorization"], Some("Authorization")),
        (
            &["content-type, Authorization"],
            Some("content-type, Authorization"),
        ),
        (&["authorization,x-custom"], None),
        (&["authorization", "x-custom"], None),
        (&[], Some("")),
        (&[""], Some("")),
    ] {
        let verdict = policy.preflight(&ask("/clients", APP, "POST", names));
        assert_eq!(
            value(&verdict, ALLOW_HEADERS).as_deref(),
            echoed,
            "{names:?}"
        );
    }
    let verdict = policy.preflight(&ask("/clients", APP, "BREW", &[]));
    assert_eq!(verdict, Verdict::Refused("its method is not allowed"));
}

#[test]
fn a_star_of_headers_is_every_header_and_an_empty_list_the_simple_ones() {
    let custom = ask("/clients", APP, "POST", &["x-custom"]);
    let simple = ask("/clients", APP, "HEAD", &["Content-Type"]);
    let star = policy(Port::Public, &json!({"allowed_headers": ["*"]}));
    assert!(value(&star.preflight(&custom), ALLOW_HEADERS).is_some());
    let none = policy(
        Port::Public,
        &json!({"allowed_headers": [], "allowed_methods": []}),
    );
    assert_eq!(value(&none.preflight(&custom), ALLOW_HEADERS), None);
    assert!(value(&none.preflight(&simple), ALLOW_HEADERS).is_some());
    let patch = ask("/clients", APP, "PATCH", &[]);
    assert_eq!(value(&none.preflight(&patch), ALLOW_HEADERS), None);
}

#[test]
fn every_option_is_in_the_answers() {
    let file = json!({"allowed_origins": [APP], "exposed_headers": ["X-A", "X-B"], "max_age": 600,
        "allow_credentials": false, "allowed_methods": ["POST"]});
    let policy = policy(Port::Public, &file);
    let verdict = policy.preflight(&ask("/", APP, "POST", &[]));
    assert_eq!(value(&verdict, "access-control-max-age").unwrap(), "600");
    assert_eq!(
        value(&verdict, "access-control-allow-methods").unwrap(),
        "POST"
    );
    assert_eq!(
        value(&verdict, "access-control-allow-credentials").unwrap(),
        ""
    );
    let verdict = actual(&policy, "/", &Method::POST, APP);
    assert_eq!(
        value(&verdict, "access-control-expose-headers").unwrap(),
        "X-A, X-B"
    );
    assert_eq!(value(&verdict, "access-control-max-age").unwrap(), "");
    assert_eq!(
        value(&actual(&policy, "/", &Method::GET, APP), ALLOW_ORIGIN),
        None
    );
    assert_eq!(
        value(&actual(&policy, "/", &Method::OPTIONS, APP), ALLOW_ORIGIN).unwrap(),
        APP
    );
}

#[test]
fn without_a_max_age_none_is_sent_and_credentials_are_allowed() {
    let policy = policy(Port::Public, &json!({"allowed_origins": [APP]}));
    let verdict = policy.preflight(&ask("/", APP, "POST", &[]));
    assert_eq!(value(&verdict, "access-control-max-age").unwrap(), "");
    assert_eq!(
        value(&verdict, "access-control-allow-credentials").unwrap(),
        "true"
    );
}

#[test]
fn everyone_is_a_star_except_where_clients_call() {
    for origins in [json!([]), json!([APP, "*"])] {
        let policy = policy(Port::Public, &json!({"allowed_origins": origins}));
        let origin = "https://other.example";
        for path in ["/oauth2/token", "/clients"] {
            let verdict = policy.preflight(&ask(path, origin, "POST", &[]));
            assert_eq!(value(&verdict, ALLOW_ORIGIN).unwrap(), "*", "{path}");
        }
        let verdict = actual(&policy, "/oauth2/token", &Method::POST, origin);
        assert_eq!(value(&verdict, ALLOW_ORIGIN).unwrap(), origin);
        let verdict = actual(&policy, "/clients", &Method::GET, origin);
        assert_eq!(value(&verdict, ALLOW_ORIGIN).unwrap(), "*");
    }
}

#[test]
fn pages_of_people_are_never_shared() {
    let policy = policy(Port::Public, &json!({}));
    for path in [
        "/oauth2/auth",
        "/oauth2/fallbacks/login",
        "/oauth2/fallbacks/consent",
    ] {
        assert_eq!(
            value(&policy.preflight(&ask(path, APP, "GET", &[])), ALLOW_ORIGIN),
            None
        );
        assert_eq!(
            value(&actual(&policy, path, &Method::GET, APP), ALLOW_ORIGIN),
            None
        );
    }
}

#[test]
fn a_preflight_where_clients_call_is_answered_for_every_web_origin() {
    let file = json!({"allowed_origins": [APP]});
    let of_port = |port| policy(port, &file);
    let other = "https://client.example.com";
    for (port, path, origin, is_answered) in [
        (Port::Public, "/oauth2/token", other, true),
        (Port::Public, "/userinfo", "http://localhost:3000", true),
        (Port::Public, "/oauth2/token", "null", false),
        (Port::Public, "/oauth2/sessions/logout", other, false),
        (Port::Admin, "/oauth2/introspect", other, false),
    ] {
        let verdict = of_port(port).preflight(&ask(path, origin, "POST", &[]));
        assert_eq!(
            value(&verdict, ALLOW_ORIGIN).is_some(),
            is_answered,
            "{path} {origin}"
        );
    }
    let policy = of_port(Port::Public);
    assert_eq!(policy.place("/oauth2/token"), Place::OfClients);
    assert_eq!(
        actual(&policy, "/oauth2/token", &Method::POST, other),
        Verdict::NotListed
    );
}

#[test]
fn a_list_whose_patterns_count_for_nothing_lets_nobody_in() {
    let cors = json!({"allowed_origins": ["https://*example.com"]});
    let origin = "https://evilexample.com";
    let careful = policy(Port::Public, &cors);
    assert_eq!(
        value(&actual(&careful, "/", &Method::GET, origin), ALLOW_ORIGIN),
        None
    );
    let file = json!({"dsn": "memory", "serve": {"public": {"cors": cors}},
        "feature_flags": {"legacy_allow_insecure_origins": true}});
    let legacy = with_flag(Port::Public, &file);
    assert_eq!(
        value(&actual(&legacy, "/", &Method::GET, origin), ALLOW_ORIGIN).unwrap(),
        origin
    );
}

#[test]
fn origins_are_compared_without_regard_to_case() {
    let policy = policy(
        Port::Public,
        &json!({"allowed_origins": ["https://*.Example.com"]}),
    );
    let origin = "HTTPS://A.example.COM";
    let verdict = actual(&policy, "/", &Method::GET, origin);
    assert_eq!(value(&verdict, ALLOW_ORIGIN).unwrap(), origin);
}
