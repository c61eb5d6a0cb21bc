//! From a flow to its record.

use super::tags::*;
use crate::authorize::parameters::RequestParameters;
use crate::flow::short_text::{self, Form};
use crate::flow::{AcceptedConsent, AcceptedLogin, ConsentRequest, Flow, Rejection, Step};
use crate::token::record::Writer;

/// Writes a flow at the step at which it is.
pub(super) fn write(flow: &Flow) -> Vec<u8> {
    let mut out = Writer::with_capacity(384);
    out.bytes(FLOW_ID, &flow.flow_id);
    out.time(REQUESTED_AT, flow.requested_at);
    out.bytes(LOGIN_CSRF, &flow.login_csrf);
    out.bytes(SID, &flow.sid);
    if let Some(known) = &flow.known_login {
        out.bytes(KNOWN_SUBJECT, known.subject.as_bytes());
        out.time(KNOWN_AUTH_TIME, known.auth_time);
    }
    if let Some(id) = &flow.request_pending {
        out.bytes(REQUEST_PENDING, id);
    }
    write_parameters(&mut out, &flow.parameters);
    match &flow.step {
        Step::LoginAsked => {}
        Step::LoginAnswered(Ok(login)) => write_login(&mut out, login),
        Step::LoginAnswered(Err(rejection)) => write_rejection(&mut out, rejection),
        Step::ConsentAsked(asked) => write_consent_request(&mut out, asked, 0),
        Step::ConsentAnswered(asked, Ok(accepted)) => {
            write_consent_request(&mut out, asked, flag(accepted.remember, CONSENT_REMEMBER));
            write_consent(&mut out, accepted);
        }
        Step::ConsentAnswered(asked, Err(rejection)) => {
            write_consent_request(&mut out, asked, 0);
            write_rejection(&mut out, rejection);
        }
    }
    out.0
}

fn write_parameters(out: &mut Writer, parameters: &RequestParameters) {
    for (name, value) in parameters.sent() {
        let index = NAMES.iter().position(|known| *known == name);
        match index.and_then(|index| u8::try_from(index).ok()) {
            Some(index) => {
                let (form, bytes) = short_text::shorten(value);
                let block = number_of(form).saturating_mul(FORM_STEP);
                let tag = PARAMETER.saturating_add(index).saturating_add(block);
                out.bytes(tag, &bytes);
            }
            None => {
                out.bytes(OTHER_NAME, name.as_bytes());
                out.bytes(OTHER_VALUE, value.as_bytes());
            }
        }
    }
    for (name, value) in parameters.object() {
        out.bytes(OBJECT_NAME, name.as_bytes());
        out.bytes(OBJECT_VALUE, value.as_bytes());
    }
}

/// The index of a form.
fn number_of(form: Form) -> u8 {
    let index = Form::ALL.iter().position(|known| *known == form);
    index
        .and_then(|index| u8::try_from(index).ok())
        .unwrap_or_default()
}

fn write_login(out: &mut Writer, login: &AcceptedLogin) {
    let (form, subject) = short_text::shorten(&login.subject);
    out.bytes(SHORT_SUBJECT.saturating_add(number_of(form)), &subject);
    out.time(AUTH_TIME, login.auth_time);
    let flags = flag(login.remember, REMEMBER) | flag(login.extend_session_lifespan, EXTEND);
    out.number(LOGIN_FLAGS, flags);
    out.number(REMEMBER_FOR, login.remember_for.max(0).unsigned_abs());
    out.text(ACR, &login.acr);
    for method in &login.amr {
        out.bytes(AMR, method.as_bytes());
    }
    out.text(PROVIDER_SESSION, &login.identity_provider_session_id);
    out.text(FORCED_SUBJECT, &login.force_subject_identifier);
    if let Some(id) = &login.context_pending {
        out.bytes(CONTEXT_PENDING, id);
    }
}

fn write_consent_request(out: &mut Writer, asked: &ConsentRequest, flags: u64) {
    write_login(out, &asked.login);
    out.bytes(GRANT_ID, &asked.grant_id);
    out.bytes(CONSENT_CSRF, &asked.consent_csrf);
    out.number(CONSENT_FLAGS, flags | flag(asked.skip, SKIP));
}

const fn flag(is_set: bool, bit: u64) -> u64 {
    if is_set { bit } else { 0 }
}

fn write_consent(out: &mut Writer, accepted: &AcceptedConsent) {
    for scope in &accepted.scope {
        out.bytes(GRANTED_SCOPE, scope.as_bytes());
    }
    for audience in &accepted.audience {
        out.bytes(GRANTED_AUDIENCE, audience.as_bytes());
    }
    out.number(
        CONSENT_REMEMBER_FOR,
        accepted.remember_for.max(0).unsigned_abs(),
    );
    out.time(HANDLED_AT, accepted.handled_at);
    if let Some(id) = &accepted.pending {
        out.bytes(CONSENT_PENDING, id);
    }
}

fn write_rejection(out: &mut Writer, rejection: &Rejection) {
    out.bytes(ERROR, rejection.error.as_bytes());
    out.text(ERROR_DESCRIPTION, &rejection.description);
    out.text(ERROR_HINT, &rejection.hint);
    out.text(ERROR_DEBUG, &rejection.debug);
}
