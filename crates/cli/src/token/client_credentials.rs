//! `perform client-credentials`, and the token request behind v1's `token client`.
//!
//! Spec: RFC 6749 section 4.4 (client credentials), section 2.3.1 (client authentication).

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::credentials::{Credentials, MISSING};
use crate::{
    api::{Answer, Api, CallError},
    args, clock, cobra,
    connection::Connection,
    failure::{Failure, Outcome},
    print,
    print::{format::Output, json},
};

/// Arguments.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ClientCredentials {
    #[command(flatten)]
    credentials: Credentials,
    #[command(flatten)]
    wanted: Wanted,
}

/// What the token should be good for.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Wanted {
    /// Scopes to ask for.
    #[arg(long, value_name = "LIST")]
    scope: Vec<String>,
    /// Audiences to ask for.
    #[arg(long, value_name = "LIST")]
    audience: Vec<String>,
}

/// Gets a token and prints it.
pub(crate) fn run(arguments: &ClientCredentials, connection: &Connection) -> Outcome {
    let Some((id, secret)) = arguments.credentials.both() else {
        print::stdout(&args::help(&["perform", "client-credentials"]));
        return Err(Failure::Notice(MISSING.to_owned()));
    };
    let (api, output) = connection.open()?;
    let answer = request(&api, &id, &secret, &arguments.wanted).map_err(|error| {
        let why = match error {
            CallError::Transport(message) => message,
            CallError::Refused(answer) => refusal(&answer),
        };
        Failure::Notice(format!("Could not retrieve access token because: {why}"))
    })?;
    let body = answer.token().map_err(|why| {
        Failure::Notice(format!("Could not retrieve access token because: {why}"))
    })?;
    print_token(&output, &body, clock::now())
}

/// Prints the token endpoint's answer as a row, or as JSON without the lifetime but with the end.
pub(crate) fn print_token(output: &Output, body: &Value, now: Timestamp) -> Outcome {
    let expiry = expiry(body, now);
    let cell = |name| match json::text(body, name) {
        "" => "<empty>".to_owned(),
        token => token.to_owned(),
    };
    let columns = [
        ("ACCESS TOKEN", json::text(body, "access_token").to_owned()),
        ("REFRESH TOKEN", cell("refresh_token")),
        ("ID TOKEN", cell("id_token")),
        (
            "EXPIRY",
            expiry.map_or_else(
                || "0001-01-01 00:00:00 +0000 UTC".to_owned(),
                clock::go_text,
            ),
        ),
    ];
    output.row(&columns, &token(body, expiry))
}

/// Asks the token endpoint: with HTTP Basic, and once more with the credentials in the body if that was no valid client.
///
/// Compat: the first way that works counts, so both authentication methods do. Of two refusals the one that says more is kept.
pub(crate) fn request(
    api: &Api,
    id: &str,
    secret: &str,
    wanted: &Wanted,
) -> Result<Answer, CallError> {
    let scope = cobra::list(&wanted.scope).join(" ");
    let audience = cobra::list(&wanted.audience).join(" ");
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("audience", audience.as_str()),
    ];
    if !scope.is_empty() {
        form.push(("scope", &scope));
    }
    let first = match api.post_form("/oauth2/token", &form, Some((id, secret))) {
        Err(CallError::Refused(answer)) if is_invalid_client(&answer) => answer,
        result => return result,
    };
    form.extend([("client_id", id), ("client_secret", secret)]);
    match api.post_form("/oauth2/token", &form, None) {
        Err(CallError::Refused(second)) if is_invalid_client(&second) => {
            Err(CallError::Refused(first))
        }
        result => result,
    }
}

/// When the token ends; nothing when the server does not say.
pub(crate) fn expiry(body: &Value, now: Timestamp) -> Option<Timestamp> {
    let seconds = body
        .get("expires_in")
        .and_then(Value::as_i64)
        .filter(|seconds| *seconds > 0)?;
    now.checked_add(SignedDuration::from_secs(seconds)).ok()
}

/// The token as JSON. Compat: `id_token` is ours, Hydra leaves it out.
fn token(body: &Value, expiry: Option<Timestamp>) -> Value {
    let mut token = Map::new();
    for name in ["access_token", "token_type", "refresh_token", "id_token"] {
        if let Some(value) = body.get(name).filter(|value| value.as_str() != Some("")) {
            token.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(expiry) = expiry {
        token.insert("expiry".to_owned(), Value::from(expiry.to_string()));
    }
    Value::from(token)
}

/// Whether a refusal is about who the client is.
pub(crate) fn is_invalid_client(answer: &Answer) -> bool {
    let code = answer.json().ok();
    answer.is_unauthorized
        || code.is_some_and(|body| json::text(&body, "error") == "invalid_client")
}

/// A refusal of the token endpoint, in the words of Go's library.
pub(crate) fn refusal(answer: &Answer) -> String {
    match answer.json() {
        Ok(body) if !json::text(&body, "error").is_empty() => format!(
            "oauth2: {:?} {:?}",
            json::text(&body, "error"),
            json::text(&body, "error_description")
        ),
        _ => format!(
            "oauth2: cannot fetch token: {}\nResponse: {}",
            answer.status, answer.body
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_prints_its_end_instead_of_its_lifetime() {
        let body =
            json!({"access_token": "a", "expires_in": 3600, "scope": "", "token_type": "bearer"});
        let expiry = expiry(&body, Timestamp::from_second(1_795_538_459).unwrap());
        assert_eq!(
            token(&body, expiry),
            json!({"access_token": "a", "token_type": "bearer", "expiry": "2026-11-24T17:40:59Z"})
        );
    }
}
