//! Bodies are compared with recorded ones, answers come from a listener that stands in for the operator's service.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tessera_protocol::grant::record::GrantContent;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::config::testing::settings;

/// A service that gives these answers one after the other, the last one for ever.
struct Service {
    url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Service {
    async fn start(answers: &[(u16, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?k=1", listener.local_addr().unwrap());
        let answers: Vec<(u16, String)> =
            answers.iter().map(|(s, b)| (*s, (*b).to_owned())).collect();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        tokio::spawn(async move {
            for count in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read_request(&mut stream).await;
                log.lock().unwrap().push(request);
                let (status, body) = &answers[count.min(answers.len() - 1)];
                // Status 0 stands for a connection that is lost.
                if *status != 0 {
                    let head = format!(
                        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                        body.len()
                    );
                    let _ = stream.write_all(head.as_bytes()).await;
                    let _ = stream.write_all(body.as_bytes()).await;
                }
            }
        });
        Self { url, seen }
    }

    fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    fn bodies(&self) -> Vec<Value> {
        let requests = self.requests();
        let bodies = requests.iter().map(|r| r.split_once("\r\n\r\n").unwrap().1);
        bodies.map(|b| serde_json::from_str(b).unwrap()).collect()
    }
}

async fn read_request(stream: &mut tokio::net::TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        match stream.read(&mut buffer).await.unwrap() {
            0 => return text,
            n => bytes.extend_from_slice(&buffer[..n]),
        }
    }
}

fn oauth2(hooks: &Value) -> OAuth2 {
    settings(&json!({"oauth2": hooks})).oauth2
}

async fn run(hooks: &Value, facts: &Facts<'_>) -> Result<Option<SessionClaims>, OAuthError> {
    run_through(&Egress::new(false, &[]).unwrap(), hooks, facts).await
}

async fn run_through(
    egress: &Egress,
    hooks: &Value,
    facts: &Facts<'_>,
) -> Result<Option<SessionClaims>, OAuthError> {
    let hooks = Hooks {
        settings: &oauth2(hooks),
        issuer: "http://127.0.0.1:4444",
        egress,
        pauses: [Duration::ZERO; 2],
    };
    hooks.run(facts).await
}

fn claims(access_token: &Value, id_token: &Value) -> SessionClaims {
    SessionClaims {
        access_token: access_token.as_object().unwrap().clone(),
        id_token: id_token.as_object().unwrap().clone(),
    }
}

fn at(text: &str) -> Timestamp {
    serde_json::from_value(json!(text)).unwrap()
}

/// Owns what [`Facts`] borrow.
struct Request {
    grant_type: &'static str,
    client_id: &'static str,
    requested: Vec<String>,
    granted: Vec<String>,
    audience: Vec<String>,
    payload: Payload,
    subject: &'static str,
    session: SessionClaims,
    expiries: Expiries,
    grant: Option<GrantRecord>,
    kid: &'static str,
}

impl Request {
    fn machine() -> Self {
        Self {
            grant_type: "client_credentials",
            client_id: "hk",
            requested: vec!["a".to_owned()],
            granted: vec!["a".to_owned()],
            audience: vec!["https://api.example.com".to_owned()],
            payload: payload(
                b"grant_type=client_credentials&scope=a&audience=https://api.example.com&extra=x",
            ),
            subject: "hk",
            session: SessionClaims::default(),
            expiries: Expiries {
                access_token: at("2026-11-24T17:22:22.186066Z"),
                ..Expiries::default()
            },
            grant: None,
            kid: "",
        }
    }

    fn person(grant_type: &'static str) -> Self {
        let grant = GrantRecord {
            grant_id: *b"\x3d\x3f\x6a\x77\x03\x6d\x40\x5f\xb7\x52\x84\x23\x69\xcf\x97\xb9",
            client_id: "hkc".to_owned(),
            subject: "alice".to_owned(),
            sid: Some(*b"\x79\x40\x63\x0b\x49\x49\x42\x40\xa7\x65\xc4\xb7\x77\xd2\xc1\xc6"),
            requested_at: at("2026-11-24T16:22:25.4Z"),
            remembered_until: None,
            tokens_until: Timestamp::MAX,
            server_epoch: 5,
            was_asked: true,
            content: GrantContent {
                auth_time: at("2026-11-24T16:22:25Z"),
                handled_at: at("2026-11-24T16:22:27.9Z"),
                nonce: "nonce-1234567890".to_owned(),
                ..GrantContent::default()
            },
            session: Vec::new(),
            context: Vec::new(),
        };
        Self {
            grant_type,
            client_id: "hkc",
            requested: vec!["openid".to_owned(), "offline".to_owned()],
            granted: vec!["openid".to_owned(), "offline".to_owned()],
            audience: Vec::new(),
            payload: payload(
                format!(
                    "grant_type={grant_type}&code=c&refresh_token=r&code_verifier=v&client_secret=s"
                )
                .as_bytes(),
            ),
            subject: "alice",
            session: claims(&json!({"foo": "bar"}), &json!({"email": "a@example.com"})),
            expiries: Expiries {
                access_token: at("2026-11-24T17:22:28Z"),
                authorize_code: Some(at("2026-11-24T16:32:27.971644Z")),
                refresh_token: Some(at("2026-12-24T16:22:28Z")),
            },
            grant: Some(grant),
            kid: "21848e67-3f56-41fc-87f4-52b7e56baac9",
        }
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            grant_type: self.grant_type,
            client_id: self.client_id,
            requested_scope: &self.requested,
            granted_scope: &self.granted,
            granted_audience: &self.audience,
            payload: &self.payload,
            subject: self.subject,
            session: &self.session,
            now: at("2026-11-24T16:22:22.1861Z"),
            expiries: self.expiries,
            grant: self.grant.as_ref(),
            id_token_kid: self.kid,
            access_token_kid: "",
        }
    }
}

#[tokio::test]
async fn a_machines_request_is_told_as_recorded() {
    let service = Service::start(&[(204, "")]).await;
    let hooks = json!({"token_hook": service.url});
    let request = Request::machine();
    assert_eq!(run(&hooks, &request.facts()).await, Ok(None));
    let expected = r#"{"session":{"id_token":{"id_token_claims":{"jti":"","iss":"http://127.0.0.1:4444","sub":"","aud":null,"nonce":"","exp":"0001-01-01T00:00:00Z","iat":"2026-11-24T16:22:22.1861Z","rat":"0001-01-01T00:00:00Z","auth_time":"0001-01-01T00:00:00Z","at_hash":"","acr":"","amr":null,"c_hash":"","ext":null},"headers":{"extra":null},"expires_at":{"access_token":"2026-11-24T17:22:22.186066Z"},"subject":"hk"},"extra":{},"kid":"","client_id":"hk","consent_challenge":"","exclude_not_before_claim":false,"allowed_top_level_claims":[],"mirror_top_level_claims":true},"request":{"client_id":"hk","requested_scopes":["a"],"granted_scopes":["a"],"granted_audience":["https://api.example.com"],"grant_types":["client_credentials"],"payload":{"grant_type":["client_credentials"],"scope":["a"]}}}"#;
    let requests = service.requests();
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    assert_eq!(body, expected);
    assert!(head.starts_with("POST /hook?k=1 HTTP/1.1"));
    assert!(
        head.to_lowercase()
            .contains("content-type: application/json; charset=utf-8")
    );
}

#[tokio::test]
async fn a_request_without_scopes_says_null() {
    let service = Service::start(&[(204, "")]).await;
    let mut request = Request::machine();
    (request.requested, request.granted, request.audience) = (vec![], vec![], vec![]);
    run(&json!({"token_hook": service.url}), &request.facts())
        .await
        .unwrap();
    let told = &service.bodies()[0]["request"];
    assert_eq!(told["requested_scopes"], Value::Null);
    assert_eq!(told["granted_scopes"], json!([]));
    assert_eq!(told["granted_audience"], json!([]));
}

#[tokio::test]
async fn a_persons_code_is_told_as_recorded() {
    let service = Service::start(&[(204, "")]).await;
    let request = Request::person("authorization_code");
    run(&json!({"token_hook": service.url}), &request.facts())
        .await
        .unwrap();
    let expected = json!({"session": {"id_token": {"id_token_claims": {"jti": "", "iss": "http://127.0.0.1:4444", "sub": "alice",
        "aud": ["hkc"], "nonce": "nonce-1234567890", "exp": "0001-01-01T00:00:00Z", "iat": "2026-11-24T16:22:27Z",
        "rat": "2026-11-24T16:22:25Z", "auth_time": "2026-11-24T16:22:25Z", "at_hash": "", "acr": "", "amr": null,
        "c_hash": "", "ext": {"email": "a@example.com", "sid": "7940630b-4949-4240-a765-c4b777d2c1c6"}},
        "headers": {"extra": {"kid": "21848e67-3f56-41fc-87f4-52b7e56baac9"}},
        "expires_at": {"access_token": "2026-11-24T17:22:28Z", "authorize_code": "2026-11-24T16:32:27.971644Z",
            "refresh_token": "2026-12-24T16:22:28Z"}, "subject": "alice"},
        "extra": {"foo": "bar"}, "kid": "", "client_id": "hkc", "consent_challenge": "3d3f6a77036d405fb752842369cf97b9",
        "exclude_not_before_claim": false, "allowed_top_level_claims": [], "mirror_top_level_claims": true},
        "request": {"client_id": "hkc", "requested_scopes": ["openid", "offline"], "granted_scopes": [],
            "granted_audience": [], "grant_types": ["authorization_code"],
            "payload": {"grant_type": ["authorization_code"]}}});
    assert_eq!(service.bodies(), [expected]);
}

#[tokio::test]
async fn a_pairwise_client_sees_its_own_subject_in_the_id_token() {
    let service = Service::start(&[(204, "")]).await;
    let mut request = Request::person("refresh_token");
    let grant = request.grant.as_mut().unwrap();
    grant.content.subject_identifier = "pairwise-1".to_owned();
    grant.content.amr = vec!["pwd".to_owned()];
    run(&json!({"token_hook": service.url}), &request.facts())
        .await
        .unwrap();
    let session = &service.bodies()[0]["session"]["id_token"];
    assert_eq!(session["id_token_claims"]["sub"], "pairwise-1");
    assert_eq!(session["id_token_claims"]["amr"], json!(["pwd"]));
    assert_eq!(session["subject"], "alice");
}

#[tokio::test]
async fn on_refresh_both_hooks_run_in_order() {
    let refresh = Service::start(&[(200, r#"{"session":{"access_token":{"a":1}}}"#)]).await;
    let token = Service::start(&[(
        200,
        r#"{"session":{"access_token":{"b":2},"id_token":null}}"#,
    )])
    .await;
    let hooks = json!({"token_hook": token.url, "refresh_token_hook": refresh.url});
    let request = Request::person("refresh_token");
    let changed = run(&hooks, &request.facts()).await.unwrap().unwrap();
    assert_eq!(
        changed,
        claims(&json!({"b": 2}), &json!({})),
        "replaced, not merged"
    );
    let told = &refresh.bodies()[0];
    let members: Vec<_> = told.as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        [
            "subject",
            "session",
            "requester",
            "client_id",
            "granted_scopes",
            "granted_audience"
        ]
    );
    assert_eq!(told["subject"], "alice");
    assert_eq!(
        told["requester"],
        json!({"client_id": "hkc", "granted_scopes": ["openid", "offline"], "granted_audience": [],
            "grant_types": ["refresh_token"]})
    );
    assert_eq!(told["session"]["extra"], json!({"foo": "bar"}));
    let told = &token.bodies()[0];
    assert_eq!(
        told["session"]["extra"],
        json!({"a": 1}),
        "it sees what the first one made"
    );
    assert_eq!(
        told["request"]["granted_scopes"],
        json!(["openid", "offline"])
    );

    let keep = Service::start(&[(204, "")]).await;
    let hooks = json!({"token_hook": keep.url, "refresh_token_hook": refresh.url});
    let changed = run(&hooks, &request.facts()).await.unwrap().unwrap();
    assert_eq!(
        changed,
        claims(&json!({"a": 1}), &json!({})),
        "204 keeps the first one's result"
    );
    let code = Request::person("authorization_code");
    run(&hooks, &code.facts()).await.unwrap();
    assert_eq!(refresh.requests().len(), 2, "not called for a code");
}

#[tokio::test]
async fn where_a_code_is_redeemed_the_consent_apps_claims_win() {
    let answer =
        r#"{"session":{"access_token":{"hooked":true,"foo":"x"},"id_token":{"hook_id":1}}}"#;
    let service = Service::start(&[(200, answer)]).await;
    let hooks = json!({"token_hook": service.url});
    let code = Request::person("authorization_code");
    let changed = run(&hooks, &code.facts()).await.unwrap().unwrap();
    assert_eq!(changed.access_token["foo"], "bar");
    assert_eq!(changed.access_token["hooked"], true);
    assert_eq!(
        changed.id_token,
        claims(&json!({}), &json!({"hook_id": 1, "email": "a@example.com"})).id_token
    );
}

#[tokio::test]
async fn an_empty_answer_empties_the_session() {
    for answer in ["{}", r#"{"session":null}"#, r#"{"session":{},"more":1}"#] {
        let service = Service::start(&[(200, answer)]).await;
        let mut request = Request::machine();
        request.session = claims(&json!({"a": 1}), &json!({}));
        let changed = run(&json!({"token_hook": service.url}), &request.facts()).await;
        assert_eq!(changed, Ok(Some(SessionClaims::default())), "{answer}");
    }
}

#[tokio::test]
async fn whatever_else_a_hook_says_no_token_is_issued() {
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(BOUNDS.body_max));
    for (answers, code, tries) in [
        (vec![(403, "")], ErrorCode::AccessDenied, 1),
        (vec![(400, "")], ErrorCode::ServerError, 1),
        (vec![(302, "")], ErrorCode::ServerError, 1),
        (vec![(201, "{}")], ErrorCode::ServerError, 1),
        (vec![(501, "")], ErrorCode::ServerError, 1),
        (vec![(200, "not json")], ErrorCode::ServerError, 1),
        (
            vec![(200, r#"{"session":{"access_token":[]}}"#)],
            ErrorCode::ServerError,
            1,
        ),
        (vec![(200, large.as_str())], ErrorCode::ServerError, 1),
        (vec![(500, "")], ErrorCode::ServerError, 3),
        (vec![(0, "")], ErrorCode::ServerError, 3),
        (
            vec![(429, ""), (503, ""), (403, "")],
            ErrorCode::AccessDenied,
            3,
        ),
    ] {
        let service = Service::start(&answers).await;
        let request = Request::machine();
        let refused = run(&json!({"token_hook": service.url}), &request.facts()).await;
        let error = refused.unwrap_err();
        assert_eq!(error.code, code, "{:?}", &answers[0].0);
        assert_eq!(service.requests().len(), tries, "{:?}", &answers[0].0);
        assert!(
            !error.full_description(true).contains("k=1"),
            "no URL is told"
        );
    }
}

#[tokio::test]
async fn a_fault_that_passes_is_survived() {
    let service = Service::start(&[(0, ""), (502, ""), (200, "{}")]).await;
    let request = Request::machine();
    let changed = run(&json!({"token_hook": service.url}), &request.facts()).await;
    assert_eq!(changed, Ok(Some(SessionClaims::default())));
    let bodies = service.bodies();
    assert_eq!(bodies.len(), 3);
    assert_eq!(bodies[0], bodies[2], "each try carries the whole body");
}

#[tokio::test]
async fn the_key_goes_where_it_is_configured_to() {
    for (place, line) in [
        ("header", "x-my-key: hook-key-value"),
        ("cookie", "cookie: X-My-Key=hook-key-value"),
    ] {
        let service = Service::start(&[(204, "")]).await;
        let config = json!({"in": place, "name": "X-My-Key", "value": "hook-key-value"});
        let hook = json!({"url": service.url, "auth": {"type": "api_key", "config": config}});
        let request = Request::machine();
        run(&json!({"token_hook": hook}), &request.facts())
            .await
            .unwrap();
        let head = service.requests()[0].clone();
        let found = head.lines().any(|l| l.eq_ignore_ascii_case(line));
        assert!(found, "{head}");
    }
    let config = json!({"in": "header", "name": "not a name", "value": "v"});
    let hook = json!({"url": "http://127.0.0.1:9/", "auth": {"type": "api_key", "config": config}});
    let request = Request::machine();
    let refused = run(&json!({"token_hook": hook}), &request.facts()).await;
    assert_eq!(refused.unwrap_err().code, ErrorCode::ServerError);
}

#[tokio::test]
async fn private_addresses_are_refused_where_configured() {
    let service = Service::start(&[(200, "{}")]).await;
    let egress = Egress::new(true, &[]).unwrap();
    let request = Request::machine();
    let refused = run_through(
        &egress,
        &json!({"token_hook": service.url}),
        &request.facts(),
    )
    .await;
    assert!(refused.unwrap_err().debug.unwrap().contains("not public"));
    assert!(service.requests().is_empty());
}

#[tokio::test]
async fn without_hooks_nothing_changes() {
    let request = Request::machine();
    assert_eq!(run(&json!({}), &request.facts()).await, Ok(None));
}

#[test]
fn a_payload_holds_no_credentials() {
    let form = b"grant_type=g&scope=a&scope=b&client_id=c&response_type=t&assertion=x&client_secret=s&code=c\
        &refresh_token=r&code_verifier=v&password=p&bad=%zz";
    let expected = json!({"assertion": ["x"], "client_id": ["c"], "grant_type": ["g"], "response_type": ["t"],
        "scope": ["a", "b"]});
    assert_eq!(json!(payload(form)), expected);
}
