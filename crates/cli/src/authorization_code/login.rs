//! The login page for trying things out: whoever types a name is that person.
//!
//! Compat: paths, form fields and calls are those of Hydra's command; the admin calls go to the same endpoint.

use serde_json::{Value, json};

use super::{
    form::Form,
    page::{self, Reply, escaped},
    site::Demo,
};
use crate::{
    api::{Answer, CallError, form_encoded},
    print::json::{joined, text},
};

const REQUEST: &str = "/admin/oauth2/auth/requests/login";
const CONSENT_SESSIONS: &str = "/admin/oauth2/auth/sessions/consent";
/// Seconds that "remember me" lasts.
pub(super) const REMEMBER_FOR: i64 = 3600;

/// The form, or at once what comes after it when the server knows the person and pages may be skipped.
pub(super) fn show(demo: &Demo, query: &Form) -> Reply {
    let challenge = query.text("login_challenge");
    let request = match called(demo.api.get(REQUEST, &[("login_challenge", challenge)])) {
        Ok(request) => request,
        Err(reply) => return reply,
    };
    let subject = text(&request, "subject");
    if demo.skips && request.get("skip") == Some(&Value::Bool(true)) {
        return accept(demo, challenge, subject, true);
    }
    let (application, wants) = (
        client_name(&request),
        joined(&request, "requested_scope", ", "),
    );
    let main = format!(
        "<p>This page is for trying things out: there is no password.</p>\n{}<form method=\"post\" action=\"/login\">\n{}\
         <input type=\"hidden\" name=\"ls\" value=\"{}\">\n\
         <label for=\"username\">User name</label>\n\
         <input type=\"text\" id=\"username\" name=\"username\" value=\"{}\" autocomplete=\"username\" autocapitalize=\"none\">\n\
         <label><input type=\"checkbox\" name=\"remember\" value=\"true\"> Remember me for an hour</label>\n\
         <label><input type=\"checkbox\" name=\"revoke-consents\" value=\"true\"> Forget what I allowed before</label>\n{}</form>\n",
        page::list(&[("Application", &application), ("Wants", &wants)]),
        demo.form_field(),
        escaped(challenge),
        escaped(subject),
        buttons("Log in"),
    );
    Reply::page(200, "Log in", main)
}

/// What the form says.
pub(super) fn decide(demo: &Demo, form: &Form) -> Reply {
    if !demo.made(form) {
        return foreign_form();
    }
    let challenge = form.text("ls");
    if form.text("action") != "accept" {
        return put(
            demo,
            &leg(REQUEST, "reject", "login_challenge", challenge),
            &json!({"error": "access_denied", "error_description": "The login was denied."}),
        );
    }
    let subject = form.text("username");
    if subject.is_empty() {
        return Reply::sentence(
            400,
            "Log in",
            "The user name is missing. Go back and type one.",
        );
    }
    if !form.text("revoke-consents").is_empty() {
        let query = [("subject", subject), ("all", "true")];
        if let Err(error) = demo.api.delete(CONSENT_SESSIONS, &query) {
            return failed(error);
        }
    }
    accept(demo, challenge, subject, !form.text("remember").is_empty())
}

fn accept(demo: &Demo, challenge: &str, subject: &str, remember: bool) -> Reply {
    put(
        demo,
        &leg(REQUEST, "accept", "login_challenge", challenge),
        &json!({
            "subject": subject,
            "remember": remember,
            "remember_for": REMEMBER_FOR,
            "context": {"context from": "login step"},
        }),
    )
}

/// Path and query of a decision.
pub(super) fn leg(request: &str, decision: &str, parameter: &str, challenge: &str) -> String {
    format!(
        "{request}/{decision}?{parameter}={}",
        form_encoded(challenge)
    )
}

/// Tells the server the decision and sends the browser back to it.
pub(super) fn put(demo: &Demo, path: &str, body: &Value) -> Reply {
    match called(demo.api.put_json(path, body)) {
        Ok(answer) if !text(&answer, "redirect_to").is_empty() => {
            Reply::to(text(&answer, "redirect_to").to_owned())
        }
        Ok(_) => Reply::sentence(500, "Failed", "The server's answer has no redirect_to."),
        Err(reply) => reply,
    }
}

/// The JSON of an answer, or the page that says why there is none.
pub(super) fn called(answer: Result<Answer, CallError>) -> Result<Value, Reply> {
    answer
        .map_err(failed)?
        .json()
        .map_err(|message| Reply::sentence(500, "Failed", &message))
}

/// A request that was answered already knows where to go on.
fn failed(error: CallError) -> Reply {
    let answer = match error {
        CallError::Transport(message) => return Reply::sentence(500, "Failed", &message),
        CallError::Refused(answer) => answer,
    };
    let body = answer.json().unwrap_or_default();
    if answer.status.starts_with("410") && !text(&body, "redirect_to").is_empty() {
        return Reply::to(text(&body, "redirect_to").to_owned());
    }
    let main = format!(
        "<p role=\"alert\">The admin API refused the call. It is expected at the same --endpoint as the public API.</p>\n{}",
        page::list(&[
            ("Status", &answer.status),
            ("Error", text(&body, "error")),
            ("Description", text(&body, "error_description")),
        ])
    );
    Reply::page(500, "Failed", main)
}

/// Security: a form that this process did not make is another site's.
pub(super) fn foreign_form() -> Reply {
    Reply::sentence(
        403,
        "Refused",
        "This form was not made by the command that runs now. Start again.",
    )
}

/// What the person sees as the application's name.
pub(super) fn client_name(request: &Value) -> String {
    let client = request.get("client").unwrap_or(&Value::Null);
    match text(client, "client_name") {
        "" => text(client, "client_id").to_owned(),
        name => name.to_owned(),
    }
}

/// The two ways out of a form.
pub(super) fn buttons(accept: &str) -> String {
    format!(
        "<button type=\"submit\" name=\"action\" value=\"accept\">{accept}</button>\n\
         <button type=\"submit\" name=\"action\" value=\"deny\">Deny</button>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_one_value_of_the_query() {
        assert_eq!(
            leg(REQUEST, "accept", "login_challenge", "a&b=c"),
            "/admin/oauth2/auth/requests/login/accept?login_challenge=a%26b%3Dc"
        );
    }

    #[test]
    fn a_request_that_was_answered_goes_on() {
        let answer = |status: &str| Answer {
            status: status.to_owned(),
            succeeded: false,
            is_unauthorized: false,
            next_page_token: String::new(),
            date: None,
            body: r#"{"redirect_to":"http://x/auth?a=b"}"#.to_owned(),
        };
        let gone = failed(CallError::Refused(answer("410 Gone")));
        assert_eq!(gone.location.unwrap(), "http://x/auth?a=b");
        let other = failed(CallError::Refused(answer("404 Not Found")));
        assert_eq!((other.status, other.location), (500, None));
    }

    #[test]
    fn applications_go_by_their_name_or_their_id() {
        let named = json!({"client": {"client_id": "a", "client_name": "A"}});
        assert_eq!(client_name(&named), "A");
        assert_eq!(client_name(&json!({"client": {"client_id": "a"}})), "a");
        assert_eq!(client_name(&json!({})), "");
    }
}
