//! What the running server says about itself at its public URL.
//!
//! Spec: OpenID Connect Discovery 1.0 section 4.

use jiff::Timestamp;
use serde_json::Value;
use tessera_server::config::Settings;

use super::{finding::Finding, site::origin};
use crate::{
    api::{Api, CallError, Target},
    clock,
    failure::Failure,
    print::json::text,
};

const AREA: &str = "public url";
const PATH: &str = "/.well-known/openid-configuration";

/// What came back, and when.
#[derive(Debug)]
pub(super) struct Running {
    url: String,
    document: Result<Value, String>,
    /// The answer's `Date`.
    pub(super) date: Option<String>,
    /// When the question went out.
    pub(super) asked: Timestamp,
    /// When the answer was there.
    pub(super) answered: Timestamp,
}

/// Asks for the metadata document. That nobody answers is a finding, an unusable address is an error.
pub(super) fn ask(public_url: &str, skip_tls_verify: bool) -> Result<Running, Failure> {
    let target = Target {
        endpoint: public_url.to_owned(),
        skip_tls_verify,
        ..Target::default()
    };
    let api = Api::new(&target).map_err(Failure::Error)?;
    let asked = clock::now();
    let answer = api.get(PATH, &[]);
    let answered = clock::now();
    let (document, date) = match answer {
        Ok(answer) => (answer.json(), answer.date),
        Err(CallError::Refused(answer)) => {
            (Err(format!("the answer is {}", answer.status)), answer.date)
        }
        Err(CallError::Transport(message)) => (Err(message), None),
    };
    Ok(Running {
        url: format!("{}{PATH}", public_url.trim_end_matches('/')),
        document,
        date,
        asked,
        answered,
    })
}

/// Compares what the server announces with the configuration that was given here.
pub(super) fn check(settings: &Settings, running: &Running) -> Vec<Finding> {
    let document = match &running.document {
        Ok(document) => document,
        Err(why) => {
            return vec![Finding::problem(
                AREA,
                "the metadata document can be fetched",
                format!("{}: {why}", running.url),
                "start the server, or look at proxy, name server and firewall on the way",
            )];
        }
    };
    let fetched = Finding::ok(
        AREA,
        "the metadata document can be fetched",
        running.url.as_str(),
    );
    vec![
        fetched,
        issuer(settings, document),
        endpoint(settings, document),
        place(document, running),
    ]
}

fn issuer(settings: &Settings, document: &Value) -> Finding {
    let rule = "the issuer is the configured one, byte by byte";
    let (announced, configured) = (text(document, "issuer"), settings.issuer());
    if announced == configured {
        return Finding::ok(AREA, rule, announced);
    }
    let is_slash = announced.trim_end_matches('/') == configured.trim_end_matches('/');
    Finding::problem(
        AREA,
        rule,
        format!("{announced}, and {configured} is configured"),
        if is_slash {
            "only the slash at the end differs, and clients refuse that too: set urls.self.issuer to what they use"
        } else {
            "the server that answers has another configuration; name the right files, or correct urls.self.issuer"
        },
    )
}

fn endpoint(settings: &Settings, document: &Value) -> Finding {
    let rule = "the token endpoint is the configured one";
    let (announced, configured) = (text(document, "token_endpoint"), settings.token_url());
    if announced == configured {
        Finding::ok(AREA, rule, announced)
    } else {
        Finding::problem(
            AREA,
            rule,
            format!("{announced}, and {configured} is configured"),
            "restart the server after a change of urls.self.public, or name the right configuration files",
        )
    }
}

/// Clients look for the document below the issuer.
fn place(document: &Value, running: &Running) -> Finding {
    let rule = "the document is found below the issuer";
    let issuer = text(document, "issuer");
    if origin(issuer).is_some() && origin(issuer) == origin(&running.url) {
        Finding::ok(AREA, rule, issuer)
    } else {
        Finding::warning(
            AREA,
            rule,
            format!("{issuer}, fetched from {}", running.url),
            "fine when --public-url is an inner address; otherwise clients do not find the server under its issuer",
        )
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::{super::finding::Level, super::tests::*, *};

    pub(in crate::doctor) fn running(issuer: &str, date: Option<&str>) -> Running {
        let at = Timestamp::from_second(1_795_538_459).unwrap();
        Running {
            url: format!("https://auth.example.com{PATH}"),
            document: Ok(json!({
                "issuer": issuer, "token_endpoint": "https://auth.example.com/oauth2/token",
            })),
            date: date.map(str::to_owned),
            asked: at,
            answered: at,
        }
    }

    #[test]
    fn the_issuer_has_to_be_the_same_byte_by_byte() {
        for (announced, problems) in [
            ("https://auth.example.com/", 0),
            ("https://auth.example.com", 1),
            ("https://other.example.com/", 1),
        ] {
            let found = check(&settings(&[]), &running(announced, None));
            assert_eq!(rules(&found, Level::Problem).len(), problems, "{found:?}");
        }
    }

    #[test]
    fn another_configuration_shows_in_the_endpoints() {
        let settings = settings(&[("URLS_SELF_PUBLIC", "https://public.example.com/")]);
        let found = check(&settings, &running("https://auth.example.com/", None));
        assert_eq!(
            rules(&found, Level::Problem),
            ["the token endpoint is the configured one"]
        );
    }

    #[test]
    fn a_server_that_nobody_reaches_is_one_problem() {
        // Port 9 of this machine refuses.
        let running = ask("http://127.0.0.1:9", false).unwrap();
        let found = check(&settings(&[]), &running);
        assert_eq!(
            rules(&found, Level::Problem),
            ["the metadata document can be fetched"]
        );
        assert!(ask("auth.example.com", false).is_err());
    }
}
