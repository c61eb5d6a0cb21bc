//! The consent page for trying things out.
//!
//! Compat: paths, form fields and calls are those of Hydra's command, with the session data that it puts into tokens.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    form::Form,
    login::{REMEMBER_FOR, buttons, called, client_name, foreign_form, leg, put},
    page::{self, Reply, escaped},
    site::Demo,
};
use crate::print::json::text;

const REQUEST: &str = "/admin/oauth2/auth/requests/consent";
const SESSIONS: &str = "/admin/oauth2/auth/sessions/consent";

/// The form, or at once what comes after it when pages may be skipped.
pub(super) fn show(demo: &Demo, query: &Form) -> Reply {
    let challenge = query.text("consent_challenge");
    let request = match called(demo.api.get(REQUEST, &[("consent_challenge", challenge)])) {
        Ok(request) => request,
        Err(reply) => return reply,
    };
    let scopes = texts(&request, "requested_scope");
    let audiences = texts(&request, "requested_access_token_audience");
    if demo.skips && request.get("skip") == Some(&Value::Bool(true)) {
        return accept(demo, challenge, (&scopes, &audiences), true);
    }
    let earlier = [
        ("subject", text(&request, "subject")),
        ("login_session_id", text(&request, "login_session_id")),
    ];
    let earlier = match called(demo.api.get(SESSIONS, &earlier)) {
        Ok(earlier) => earlier.as_array().map_or(0, Vec::len),
        Err(reply) => return reply,
    };
    let main = format!(
        "{}<form method=\"post\" action=\"/consent\">\n{}<input type=\"hidden\" name=\"cs\" value=\"{}\">\n{}{}\
         <label><input type=\"checkbox\" name=\"remember\" value=\"true\"> Remember this for an hour</label>\n{}</form>\n",
        page::list(&[
            ("Application", &client_name(&request)),
            ("You are", text(&request, "subject")),
            ("Given in this session before", &earlier.to_string()),
        ]),
        demo.form_field(),
        escaped(challenge),
        choices("scope", "Allow these scopes", &scopes),
        choices("audience", "For these audiences", &audiences),
        buttons("Allow"),
    );
    Reply::page(200, "Allow access", main)
}

/// What the form says.
pub(super) fn decide(demo: &Demo, form: &Form) -> Reply {
    if !demo.made(form) {
        return foreign_form();
    }
    let challenge = form.text("cs");
    if form.text("action") != "accept" {
        return put(
            demo,
            &leg(REQUEST, "reject", "consent_challenge", challenge),
            &json!({"error": "access_denied", "error_description": "The access was denied."}),
        );
    }
    let granted = (&*form.texts("scope"), &*form.texts("audience"));
    accept(demo, challenge, granted, !form.text("remember").is_empty())
}

fn accept(
    demo: &Demo,
    challenge: &str,
    (scopes, audiences): (&[&str], &[&str]),
    remember: bool,
) -> Reply {
    put(
        demo,
        &leg(REQUEST, "accept", "consent_challenge", challenge),
        &json!({
            "grant_scope": scopes,
            "grant_access_token_audience": audiences,
            "remember": remember,
            "remember_for": REMEMBER_FOR,
            "session": {"access_token": {"foo": "bar"}, "id_token": {"baz": "bar"}},
        }),
    )
}

/// Boxes to tick, all of them ticked.
fn choices(name: &str, legend: &str, values: &[&str]) -> String {
    if values.is_empty() {
        return String::new();
    }
    let mut out = format!("<fieldset><legend>{legend}</legend>\n");
    for value in values {
        let value = escaped(value);
        let _ = writeln!(
            out,
            "<label><input type=\"checkbox\" name=\"{name}\" value=\"{value}\" checked> <code>{value}</code></label>"
        );
    }
    out.push_str("</fieldset>\n");
    out
}

fn texts<'a>(request: &'a Value, name: &str) -> Vec<&'a str> {
    let items = request.get(name).and_then(Value::as_array);
    items
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_becomes_boxes_that_are_escaped() {
        let html = choices("scope", "Allow these scopes", &["openid", "\"><script>"]);
        assert!(html.contains("name=\"scope\" value=\"openid\" checked"));
        assert!(!html.contains("<script>"));
        assert_eq!(choices("audience", "For these audiences", &[]), "");
    }
}
