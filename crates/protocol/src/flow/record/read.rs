//! From a record to its flow.

use super::Leg;
use super::tags::*;
use crate::authorize::parameters::RequestParameters;
use crate::flow::short_text::{self, Form};
use crate::flow::{
    AcceptedConsent, AcceptedLogin, ConsentRequest, Flow, KnownLogin, Rejection, Step,
};
use crate::time::Timestamp;
use crate::token::record::{Fields, read_number, read_text};

/// Reads a flow at the step that the leg stands for; `None` when the record holds anything else.
pub(super) fn read(record: &[u8], leg: Leg) -> Option<Flow> {
    let mut parts = Parts::default();
    for field in Fields(record) {
        let (tag, value) = field?;
        parts.take(tag, value)?;
    }
    parts.into_flow(leg)
}

/// Everything a record may hold, before it is known which step it is.
#[derive(Default)]
struct Parts {
    flow_id: Option<[u8; 16]>,
    requested_at: Timestamp,
    login_csrf: Option<[u8; 16]>,
    sid: Option<[u8; 16]>,
    known_subject: Option<String>,
    known_auth_time: Timestamp,
    request_pending: Option<[u8; 16]>,
    pairs: Vec<(String, String)>,
    other_name: Option<String>,
    object: Vec<(String, String)>,
    login: AcceptedLogin,
    has_login: bool,
    grant_id: Option<[u8; 16]>,
    consent_csrf: Option<[u8; 16]>,
    consent_flags: u64,
    consent: AcceptedConsent,
    rejection: Option<Rejection>,
}

impl Parts {
    fn take(&mut self, tag: u8, value: &[u8]) -> Option<()> {
        match tag {
            FLOW_ID => self.flow_id = Some(value.try_into().ok()?),
            REQUESTED_AT => self.requested_at = read_time(value)?,
            LOGIN_CSRF => self.login_csrf = Some(value.try_into().ok()?),
            SID => self.sid = Some(value.try_into().ok()?),
            KNOWN_SUBJECT => self.known_subject = Some(read_text(value)?),
            KNOWN_AUTH_TIME => self.known_auth_time = read_time(value)?,
            REQUEST_PENDING => self.request_pending = Some(value.try_into().ok()?),
            OTHER_NAME | OBJECT_NAME => self.other_name = Some(read_text(value)?),
            OBJECT_VALUE => {
                let name = self.other_name.take()?;
                self.object.push((name, read_text(value)?));
            }
            OTHER_VALUE => {
                let name = self.other_name.take()?;
                self.pairs.push((name, read_text(value)?));
            }
            AUTH_TIME..=CONTEXT_PENDING => self.take_login(tag, value)?,
            GRANT_ID..=CONSENT_PENDING => self.take_consent(tag, value)?,
            ERROR..=ERROR_DEBUG => {
                let rejection = self.rejection.get_or_insert_default();
                let text = read_text(value)?;
                match tag {
                    ERROR => rejection.error = text,
                    ERROR_DESCRIPTION => rejection.description = text,
                    ERROR_HINT => rejection.hint = text,
                    _ => rejection.debug = text,
                }
            }
            SHORT_SUBJECT..=SHORT_SUBJECT_LAST => {
                let form = Form::ALL.get(usize::from(tag.checked_sub(SHORT_SUBJECT)?))?;
                self.login.subject = short_text::restore(*form, value)?;
                self.has_login = true;
            }
            parameter => {
                let number = parameter.checked_sub(PARAMETER)?;
                let form = Form::ALL.get(usize::from(number.checked_div(FORM_STEP)?))?;
                let index = usize::from(number.checked_rem(FORM_STEP)?);
                let name = (*NAMES.get(index)?).to_owned();
                self.pairs.push((name, short_text::restore(*form, value)?));
            }
        }
        Some(())
    }

    fn take_login(&mut self, tag: u8, value: &[u8]) -> Option<()> {
        let login = &mut self.login;
        self.has_login = true;
        match tag {
            AUTH_TIME => login.auth_time = read_time(value)?,
            LOGIN_FLAGS => {
                let flags = read_number(value)?;
                login.remember = flags & REMEMBER != 0;
                login.extend_session_lifespan = flags & EXTEND != 0;
            }
            REMEMBER_FOR => login.remember_for = i64::try_from(read_number(value)?).ok()?,
            ACR => login.acr = read_text(value)?,
            AMR => login.amr.push(read_text(value)?),
            PROVIDER_SESSION => login.identity_provider_session_id = read_text(value)?,
            FORCED_SUBJECT => login.force_subject_identifier = read_text(value)?,
            CONTEXT_PENDING => login.context_pending = Some(value.try_into().ok()?),
            _ => return None,
        }
        Some(())
    }

    fn take_consent(&mut self, tag: u8, value: &[u8]) -> Option<()> {
        let consent = &mut self.consent;
        match tag {
            GRANT_ID => self.grant_id = Some(value.try_into().ok()?),
            CONSENT_CSRF => self.consent_csrf = Some(value.try_into().ok()?),
            CONSENT_FLAGS => self.consent_flags = read_number(value)?,
            GRANTED_SCOPE => consent.scope.push(read_text(value)?),
            GRANTED_AUDIENCE => consent.audience.push(read_text(value)?),
            CONSENT_REMEMBER_FOR => {
                consent.remember_for = i64::try_from(read_number(value)?).ok()?;
            }
            HANDLED_AT => consent.handled_at = read_time(value)?,
            CONSENT_PENDING => consent.pending = Some(value.try_into().ok()?),
            _ => return None,
        }
        Some(())
    }

    fn into_flow(mut self, leg: Leg) -> Option<Flow> {
        let flags = self.consent_flags;
        self.consent.remember = flags & CONSENT_REMEMBER != 0;
        let login = self.has_login.then_some(self.login);
        let asked = |login| {
            Some(ConsentRequest {
                login,
                grant_id: self.grant_id?,
                consent_csrf: self.consent_csrf?,
                skip: flags & SKIP != 0,
            })
        };
        let step = match (leg, self.rejection) {
            (Leg::LoginChallenge, _) => Step::LoginAsked,
            (Leg::LoginVerifier, Some(rejection)) => Step::LoginAnswered(Err(rejection)),
            (Leg::LoginVerifier, None) => Step::LoginAnswered(Ok(login?)),
            (Leg::ConsentChallenge, _) => Step::ConsentAsked(asked(login?)?),
            (Leg::ConsentVerifier, Some(rejection)) => {
                Step::ConsentAnswered(asked(login?)?, Err(rejection))
            }
            (Leg::ConsentVerifier, None) => Step::ConsentAnswered(asked(login?)?, Ok(self.consent)),
        };
        let known_login = self.known_subject.map(|subject| KnownLogin {
            subject,
            auth_time: self.known_auth_time,
        });
        Some(Flow {
            flow_id: self.flow_id?,
            requested_at: self.requested_at,
            parameters: RequestParameters::from_parts(self.pairs, self.object),
            request_pending: self.request_pending,
            login_csrf: self.login_csrf?,
            sid: self.sid?,
            known_login,
            step,
        })
    }
}

fn read_time(value: &[u8]) -> Option<Timestamp> {
    Some(Timestamp::from_micros(
        i64::try_from(read_number(value)?).ok()?,
    ))
}
