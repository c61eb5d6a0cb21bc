//! `list consents`, `revoke consents`, `revoke sessions`: what people allowed, and where they are logged in.
//!
//! Compat: Hydra has the endpoints and no commands for them.

use serde_json::{Value, json};

use crate::{
    cobra,
    connection::Connection,
    failure::{Failure, Outcome},
    ids,
    print::json::{joined, text},
};

const CONSENTS: &str = "/admin/oauth2/auth/sessions/consent";
const LOGINS: &str = "/admin/oauth2/auth/sessions/login";

/// Headings of the table.
const HEADINGS: [&str; 6] = [
    "CONSENT REQUEST ID",
    "CLIENT ID",
    "SCOPE",
    "AUDIENCE",
    "REMEMBERED",
    "HANDLED AT",
];

/// Arguments of `list consents`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct List {
    /// The person.
    #[arg(value_name = "SUBJECT")]
    subject: Vec<String>,
    /// Only what was allowed in this login session.
    #[arg(long, value_name = "ID")]
    login_session_id: Option<String>,
    /// Consents per page.
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    page_size: i64,
    /// Token of the page, from an earlier answer.
    #[arg(
        long,
        value_name = "TOKEN",
        default_value = "",
        hide_default_value = true
    )]
    page_token: String,
}

/// Arguments of `revoke consents`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Revoke {
    /// The person.
    #[arg(value_name = "SUBJECT")]
    subject: Vec<String>,
    /// Only what this client was allowed.
    #[arg(long, value_name = "ID")]
    client: Option<String>,
    /// Everything that any client was allowed.
    #[arg(long)]
    all: bool,
    /// Only this consent; without a subject.
    #[arg(long, value_name = "ID")]
    consent_request_id: Option<String>,
}

/// Arguments of `revoke sessions`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct RevokeSessions {
    /// The person, whose sessions all end.
    #[arg(value_name = "SUBJECT")]
    subject: Vec<String>,
    /// The one session that ends; its clients are told by back-channel logout.
    #[arg(long, value_name = "ID")]
    sid: Option<String>,
}

/// Prints one page of a person's consents and the token of the next.
pub(crate) fn list(arguments: &List, connection: &Connection) -> Outcome {
    let subject = cobra::exactly_one(&arguments.subject)?;
    let (api, output) = connection.open()?;
    let page_size = arguments.page_size.to_string();
    let mut query = vec![
        ("subject", subject),
        ("page_size", &page_size),
        ("page_token", &arguments.page_token),
    ];
    if let Some(session) = given(arguments.login_session_id.as_ref()) {
        query.push(("login_session_id", session));
    }
    let answer = api.get(CONSENTS, &query)?;
    let next = answer.next_page_token.clone();
    let Value::Array(consents) = answer.json().map_err(Failure::Error)? else {
        return Err(Failure::Error(
            "the server did not answer with a list of consents".to_owned(),
        ));
    };
    let is_last = next.is_empty();
    let rows = consents.iter().map(cells).collect();
    let footer = vec![
        vec![String::new()],
        vec!["NEXT PAGE TOKEN".to_owned(), next.clone()],
        vec!["IS LAST PAGE".to_owned(), is_last.to_string()],
    ];
    let page = json!({"items": consents, "next_page_token": next, "is_last_page": is_last});
    output.table(&HEADINGS, rows, footer, &page)
}

fn cells(consent: &Value) -> Vec<String> {
    let request = consent.get("consent_request").unwrap_or(&Value::Null);
    let client = request.get("client").unwrap_or(&Value::Null);
    let remembered = consent.get("remember").and_then(Value::as_bool);
    vec![
        text(consent, "consent_request_id").to_owned(),
        text(client, "client_id").to_owned(),
        joined(consent, "grant_scope", " "),
        joined(consent, "grant_access_token_audience", " "),
        remembered.unwrap_or_default().to_string(),
        text(consent, "handled_at").to_owned(),
    ]
}

/// Ends consents, and with them the tokens that came of them.
pub(crate) fn revoke(arguments: &Revoke, connection: &Connection) -> Outcome {
    let query = revoked(arguments)?;
    let (api, output) = connection.open()?;
    api.delete(CONSENTS, &query)?;
    ids::print(&output, &named(&query))
}

/// The server's three forms; anything else is refused here, before a request could end more than was meant.
fn revoked(arguments: &Revoke) -> Result<Vec<(&'static str, &str)>, Failure> {
    let subject = subject(&arguments.subject)?;
    let client = given(arguments.client.as_ref());
    let request = given(arguments.consent_request_id.as_ref());
    match (subject, client, arguments.all, request) {
        (None, None, false, Some(id)) => Ok(vec![("consent_request_id", id)]),
        (Some(subject), Some(client), false, None) => {
            Ok(vec![("subject", subject), ("client", client)])
        }
        (Some(subject), None, true, None) => Ok(vec![("subject", subject), ("all", "true")]),
        (Some(_), None, false, None) => Err(Failure::Error(
            "say what to revoke: --client ID for one client, or --all".to_owned(),
        )),
        (Some(_), _, _, Some(_)) => Err(Failure::Error(
            "--consent-request-id names one consent and cannot stand beside a subject".to_owned(),
        )),
        (None, _, _, Some(_)) => Err(Failure::Error(
            "--consent-request-id cannot stand beside --client or --all".to_owned(),
        )),
        (Some(_), Some(_), true, None) => Err(Failure::Error(
            "--client and --all exclude each other".to_owned(),
        )),
        (None, _, _, None) => Err(Failure::Error(
            "name a subject with --client ID or --all, or a consent with --consent-request-id"
                .to_owned(),
        )),
    }
}

/// Ends login sessions. Consents and tokens stay.
pub(crate) fn revoke_sessions(arguments: &RevokeSessions, connection: &Connection) -> Outcome {
    let query = match (subject(&arguments.subject)?, given(arguments.sid.as_ref())) {
        (Some(subject), None) => [("subject", subject)],
        (None, Some(sid)) => [("sid", sid)],
        _ => {
            return Err(Failure::Error(
                "name either a subject, or one session with --sid".to_owned(),
            ));
        }
    };
    let (api, output) = connection.open()?;
    api.delete(LOGINS, &query)?;
    ids::print(&output, &named(&query))
}

/// What was acted on, as its id.
fn named(query: &[(&str, &str)]) -> Vec<String> {
    query
        .first()
        .map(|(_, id)| (*id).to_owned())
        .into_iter()
        .collect()
}

fn subject(arguments: &[String]) -> Result<Option<&str>, Failure> {
    match arguments {
        [] => Ok(None),
        some => cobra::exactly_one(some).map(Some),
    }
}

fn given(flag: Option<&String>) -> Option<&str> {
    flag.map(String::as_str).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(subject: &[&str], client: &str, all: bool, request: &str) -> Revoke {
        Revoke {
            subject: subject.iter().map(|text| (*text).to_owned()).collect(),
            client: Some(client.to_owned()),
            all,
            consent_request_id: Some(request.to_owned()),
        }
    }

    #[test]
    fn the_three_forms_of_the_server_pass() {
        assert_eq!(
            revoked(&arguments(&["alice"], "app", false, "")),
            Ok(vec![("subject", "alice"), ("client", "app")])
        );
        assert_eq!(
            revoked(&arguments(&["alice"], "", true, "")),
            Ok(vec![("subject", "alice"), ("all", "true")])
        );
        assert_eq!(
            revoked(&arguments(&[], "", false, "r")),
            Ok(vec![("consent_request_id", "r")])
        );
    }

    #[test]
    fn whatever_could_end_more_than_was_meant_is_refused() {
        for arguments in [
            arguments(&[], "", false, ""),
            arguments(&[], "", true, ""),
            arguments(&[], "app", false, ""),
            arguments(&["alice"], "", false, ""),
            arguments(&["alice"], "app", true, ""),
            arguments(&["alice"], "", false, "r"),
            arguments(&["alice", "bob"], "", true, ""),
            arguments(&[], "", true, "r"),
        ] {
            assert!(revoked(&arguments).is_err(), "{arguments:?}");
        }
    }

    #[test]
    fn a_consent_is_a_row() {
        let consent = json!({
            "consent_request_id": "r", "grant_scope": ["a", "b"], "grant_access_token_audience": [],
            "remember": true, "handled_at": "2026-11-24T16:39:27Z",
            "consent_request": {"client": {"client_id": "app"}},
        });
        assert_eq!(
            cells(&consent),
            ["r", "app", "a b", "", "true", "2026-11-24T16:39:27Z"]
        );
    }
}
