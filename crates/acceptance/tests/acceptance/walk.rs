//! The published walk, command by command: create a client, get a token, introspect it, introspect an altered one.
//!
//! The server has nothing but a DSN and ports in its environment, as the published compose file has it.

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;
use tessera_acceptance::binary::{self, Output};
use tessera_acceptance::database::Engine;
use tessera_acceptance::http::{Request, Response};
use tessera_acceptance::matcher;
use tessera_acceptance::server::{Server, Setup};
use tessera_acceptance::vars::Vars;

/// Members of an introspected machine token, sorted.
const INTROSPECTED: [&str; 10] = [
    "active",
    "aud",
    "client_id",
    "exp",
    "iat",
    "iss",
    "nbf",
    "sub",
    "token_type",
    "token_use",
];

/// A server set up as published, and a shell beside it.
struct Walk {
    server: Server,
    // Keeps the folder of the program.
    _names: TempDir,
    hydra: PathBuf,
}

impl Walk {
    fn start(engine: Engine) -> Self {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect();
        let server = Server::start(Setup {
            engine,
            config: None,
            args: words("--dangerous-force-http"),
            env: Vec::new(),
            dsn_options: "&max_conns=20&max_idle_conns=4".to_owned(),
            migrate: words("migrate sql -e --yes"),
        });
        let names = tempfile::tempdir().unwrap();
        let hydra = binary::hydra_in(names.path());
        Self {
            server,
            _names: names,
            hydra,
        }
    }

    /// Runs a command as it is written in the walk; the two ports stand for the published ones.
    fn hydra(&self, line: &str) -> Output {
        let (public, admin) = self.server.ports();
        let line = line
            .replace("localhost:4444", &format!("localhost:{public}"))
            .replace("localhost:4445", &format!("localhost:{admin}"));
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        binary::run(&self.hydra, &args, &[], "", self.server.dir())
    }

    /// What the server calls itself with nothing configured but the ports.
    fn issuer(&self) -> String {
        format!("http://localhost:{}/", self.server.ports().0)
    }

    fn request(&self, method: &str, url: &str) -> Request {
        let (public, admin) = self.server.ports();
        let url = match url.strip_prefix(":4444") {
            Some(path) => format!("http://localhost:{public}{path}"),
            None => format!(
                "http://localhost:{admin}{}",
                url.strip_prefix(":4445").unwrap()
            ),
        };
        Request::for_url(method, &url).unwrap()
    }

    fn introspect(&self, url: &str, token: &str) -> Response {
        let request = self.request("POST", url);
        request
            .body(
                "application/x-www-form-urlencoded",
                &format!("token={token}"),
            )
            .send()
    }
}

fn words_of(output: &Output) -> Vec<&str> {
    output.stdout.split_whitespace().collect()
}

/// Fails unless the command went well; gives what it printed.
fn printed(output: &Output) -> &str {
    assert_eq!(output.exit_code, Some(0), "{output:?}");
    &output.stdout
}

/// Another last character. It counts even if it differs only in bits that base64url leaves unused.
fn altered(token: &str) -> String {
    let (head, last) = token.split_at(token.len() - 1);
    format!("{head}{}", if last == "A" { "Q" } else { "A" })
}

fn sorted_names(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names
}

fn assert_fits(expected: &Value, got: &Value) {
    let found = matcher::compare(expected, got, &Vars::default());
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_walk_of_the_first_generation() {
    for engine in Engine::at_hand() {
        let walk = Walk::start(engine);
        let created = walk.hydra(
            "clients create --endpoint http://localhost:4445/ --id my-client --secret my-secret \
             --grant-types client_credentials --scope api",
        );
        let lines: Vec<&str> = printed(&created).lines().collect();
        assert_eq!(lines.last(), Some(&"OAuth 2.0 Client ID: my-client"));
        assert_eq!(
            lines.len(),
            2,
            "a warning about secrets in flags, then the id: {lines:?}"
        );

        let issued = walk.hydra(
            "token client --endpoint http://localhost:4444/ --client-id my-client --client-secret my-secret",
        );
        let token = printed(&issued)
            .strip_suffix('\n')
            .expect("a line")
            .to_owned();
        assert!(
            !token.is_empty() && !token.contains(char::is_whitespace),
            "the token alone: {issued:?}"
        );

        let output = walk.hydra(&format!(
            "token introspect --endpoint http://localhost:4445/ {token}"
        ));
        let found: Value = serde_json::from_str(printed(&output)).expect("JSON");
        assert_eq!(sorted_names(&found), INTROSPECTED);
        let expected = json!({"active": true, "aud": [], "client_id": "my-client", "sub": "my-client",
            "token_type": "Bearer", "token_use": "access_token", "iss": walk.issuer(),
            "exp": {"$match": "int-near-now", "offset": 3600, "tolerance": 60},
            "iat": {"$match": "int-near-now", "offset": 0, "tolerance": 60},
            "nbf": {"$match": "int-near-now", "offset": 0, "tolerance": 60}});
        assert_fits(&expected, &found);
        assert!(
            output.stdout.starts_with("{\n\t\"active\": true,\n"),
            "indented by tabs: {output:?}"
        );

        let altered = altered(&token);
        let output = walk.hydra(&format!(
            "token introspect --endpoint http://localhost:4445/ {altered}"
        ));
        assert_eq!(
            printed(&output),
            "{\n\t\"active\": false,\n\t\"aud\": null\n}\n"
        );
    }
}

#[test]
fn the_walk_of_the_current_generation() {
    for engine in Engine::at_hand() {
        let walk = Walk::start(engine);
        let created = walk.hydra(
            "create client --endpoint http://localhost:4445/ --id my-client --secret my-secret \
             --grant-type client_credentials --scope api",
        );
        printed(&created);
        assert!(
            words_of(&created).starts_with(&["CLIENT", "ID", "my-client"]),
            "{created:?}"
        );

        let issued = walk.hydra(
            "perform client-credentials --endpoint http://localhost:4444/ --client-id my-client \
             --client-secret my-secret --format json",
        );
        let answer: Value = serde_json::from_str(printed(&issued)).expect("JSON");
        let token = answer["access_token"].as_str().expect("a token").to_owned();

        let table = walk.hydra(&format!(
            "introspect token --endpoint http://localhost:4445/ {token}"
        ));
        printed(&table);
        assert!(
            words_of(&table).starts_with(&["ACTIVE", "true", "SUBJECT", "my-client"]),
            "{table:?}"
        );

        let output = walk.hydra(&format!(
            "introspect token --format json --endpoint http://localhost:4445/ {token}"
        ));
        let found: Value = serde_json::from_str(printed(&output)).expect("JSON");
        assert_eq!(sorted_names(&found), INTROSPECTED);
        assert_fits(&json!("my-client"), &found["client_id"]);

        let altered = altered(&token);
        let output = walk.hydra(&format!(
            "introspect token --format json --endpoint http://localhost:4445/ {altered}"
        ));
        assert_eq!(printed(&output), "{\"active\":false}\n");
    }
}

/// Every member that a client of the first generation had, as its creation answers it.
fn whole_client() -> Value {
    json!({
        "client_id": "my-client-2", "client_name": "MyClientApp", "client_secret": "my-secret-2",
        "redirect_uris": null, "grant_types": ["client_credentials"], "response_types": null,
        "scope": "api", "audience": [], "owner": "", "policy_uri": "", "allowed_cors_origins": [],
        "tos_uri": "", "client_uri": "", "logo_uri": "", "contacts": null,
        "client_secret_expires_at": 0, "subject_type": "public", "jwks": {},
        "token_endpoint_auth_method": "client_secret_basic",
        "userinfo_signed_response_alg": "none",
        "created_at": {"$match": "rfc3339"}, "updated_at": {"$match": "rfc3339"}, "metadata": {},
        "registration_access_token": {"$match": "opaque"},
        "registration_client_uri": {"$match": "opaque"},
        "authorization_code_grant_access_token_lifespan": null,
        "authorization_code_grant_id_token_lifespan": null,
        "authorization_code_grant_refresh_token_lifespan": null,
        "client_credentials_grant_access_token_lifespan": null,
        "implicit_grant_access_token_lifespan": null,
        "implicit_grant_id_token_lifespan": null,
        "jwt_bearer_grant_access_token_lifespan": null,
        "password_grant_access_token_lifespan": null,
        "password_grant_refresh_token_lifespan": null,
        "refresh_token_grant_id_token_lifespan": null,
        "refresh_token_grant_access_token_lifespan": null,
        "refresh_token_grant_refresh_token_lifespan": null,
    })
}

/// The members of `expected` fit those of `got`, which may have more.
fn assert_has(expected: &Value, got: &Value) {
    for (name, value) in expected.as_object().unwrap() {
        assert!(got.get(name).is_some(), "no member {name} in {got}");
        let found = &got[name.as_str()];
        let mismatches = matcher::compare(value, found, &Vars::default());
        assert!(mismatches.is_empty(), "{name}: {mismatches:#?}");
    }
}

#[test]
fn the_walk_by_http() {
    for engine in Engine::at_hand() {
        for prefix in ["", "/admin"] {
            let walk = Walk::start(engine);
            let client = r#"{"client_id":"my-client-2","client_name":"MyClientApp","client_secret":"my-secret-2","grant_types":["client_credentials"],"scope":"api"}"#;
            let request = walk.request("POST", &format!(":4445{prefix}/clients"));
            let created = request.body("application/json", client).send();
            assert_eq!(created.status, 201, "{created:?}");
            let mut expected = whole_client();
            if !prefix.is_empty() {
                let members = expected.as_object_mut().unwrap();
                members.retain(|name, _| !name.starts_with("password_grant_"));
            }
            assert_has(&expected, &created.json().expect("JSON"));

            // base64 of my-client-2:my-secret-2
            let issued = walk
                .request("POST", ":4444/oauth2/token")
                .header("Authorization", "Basic bXktY2xpZW50LTI6bXktc2VjcmV0LTI=")
                .body(
                    "application/x-www-form-urlencoded",
                    "grant_type=client_credentials&scope=api",
                )
                .send();
            assert_eq!(issued.status, 200, "{issued:?}");
            let answer = issued.json().expect("JSON");
            let expected = json!({"access_token": {"$match": "opaque"}, "expires_in": 3599,
                "scope": "api", "token_type": "bearer"});
            assert_fits(&expected, &answer);
            let token = answer["access_token"].as_str().unwrap();

            let url = format!(":4445{prefix}/oauth2/introspect");
            let found = walk.introspect(&url, token).json().expect("JSON");
            assert_has(
                &json!({"active": true, "client_id": "my-client-2", "scope": "api"}),
                &found,
            );
            let refused = walk.introspect(&url, &altered(token));
            assert_eq!(
                (refused.status, refused.body.trim()),
                (200, "{\"active\":false}")
            );
        }
    }
}
