//! The sealed form of a flow: a binary record in base64url.
//!
//! Invariant: an ordinary request makes fewer than 500 characters at every step.

use tessera_crypto::{Entropy, SealKeys, b64};

use super::short_text::{self, Form};
use super::{AcceptedConsent, AcceptedLogin, ConsentRequest, Flow, KnownLogin, Rejection, Step};
use crate::authorize::parameters::RequestParameters;
use crate::time::Timestamp;
use crate::token::record::{Fields, Writer, read_number, read_text};

/// Longest wire form looked at.
const LENGTH_MAX: usize = 64 * 1024;

/// What a sealed flow is for; the seal is bound to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leg {
    /// To the login app.
    LoginChallenge,
    /// Back from it.
    LoginVerifier,
    /// To the consent app.
    ConsentChallenge,
    /// Back from it.
    ConsentVerifier,
}

impl Leg {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::LoginChallenge => b"login_challenge",
            Self::LoginVerifier => b"login_verifier",
            Self::ConsentChallenge => b"consent_challenge",
            Self::ConsentVerifier => b"consent_verifier",
        }
    }
}

/// Parameters that most requests have, as one byte each. New ones are added at the end, up to [`FORM_STEP`].
const NAMES: [&str; 18] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "response_mode",
    "prompt",
    "max_age",
    "audience",
    "resource",
    "login_hint",
    "ui_locales",
    "acr_values",
    "display",
    "id_token_hint",
];

const FLOW_ID: u8 = 1;
const REQUESTED_AT: u8 = 2;
const LOGIN_CSRF: u8 = 3;
const SID: u8 = 4;
const KNOWN_SUBJECT: u8 = 5;
const KNOWN_AUTH_TIME: u8 = 6;
const REQUEST_PENDING: u8 = 7;
const OTHER_NAME: u8 = 8;
const OTHER_VALUE: u8 = 9;
const AUTH_TIME: u8 = 11;
const LOGIN_FLAGS: u8 = 12;
const REMEMBER_FOR: u8 = 13;
const ACR: u8 = 14;
const AMR: u8 = 15;
const PROVIDER_SESSION: u8 = 16;
const FORCED_SUBJECT: u8 = 17;
const CONTEXT_PENDING: u8 = 18;
const GRANT_ID: u8 = 19;
const CONSENT_CSRF: u8 = 20;
const CONSENT_FLAGS: u8 = 21;
const GRANTED_SCOPE: u8 = 22;
const GRANTED_AUDIENCE: u8 = 23;
const CONSENT_REMEMBER_FOR: u8 = 24;
const HANDLED_AT: u8 = 25;
const CONSENT_PENDING: u8 = 26;
const ERROR: u8 = 27;
const ERROR_DESCRIPTION: u8 = 28;
const ERROR_HINT: u8 = 29;
const ERROR_DEBUG: u8 = 30;
const OBJECT_NAME: u8 = 31;
const OBJECT_VALUE: u8 = 32;
/// The subject's tags: this plus the index in [`Form::ALL`].
const SHORT_SUBJECT: u8 = 33;
const SHORT_SUBJECT_LAST: u8 = 36;
/// Tags from here on are parameters: this, plus the index in [`NAMES`], plus [`FORM_STEP`] times the index in [`Form::ALL`].
const PARAMETER: u8 = 64;
const FORM_STEP: u8 = 48;

const REMEMBER: u64 = 1;
const EXTEND: u64 = 2;
const SKIP: u64 = 1;
const CONSENT_REMEMBER: u64 = 2;

/// Seals a flow for a leg.
pub fn seal(flow: &Flow, leg: Leg, keys: &SealKeys, entropy: &dyn Entropy) -> String {
    let record = write(flow);
    let mut sealed = Vec::with_capacity(record.len().saturating_add(64));
    keys.seal(entropy, leg.label(), &record, &mut sealed);
    let mut wire = String::with_capacity(sealed.len().saturating_mul(4) / 3 + 4);
    b64::encode_into(&sealed, &mut wire);
    wire
}

/// Opens what was sealed for the same leg; `None` for anything else.
pub fn open(wire: &str, leg: Leg, keys: &SealKeys) -> Option<Flow> {
    if wire.len() > LENGTH_MAX {
        return None;
    }
    let sealed = b64::decode(wire).ok()?;
    let record = keys.open(leg.label(), &sealed).ok()?;
    read(&record, leg)
}

fn write(flow: &Flow) -> Vec<u8> {
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

fn read(record: &[u8], leg: Leg) -> Option<Flow> {
    let mut parts = Parts::default();
    for field in Fields(record) {
        let (tag, value) = field?;
        parts.take(tag, value)?;
    }
    parts.into_flow(leg)
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

#[cfg(test)]
mod tests {
    use tessera_crypto::{Keyring, OsEntropy, Purpose, Secret};

    use super::*;

    fn keys() -> SealKeys {
        Keyring::new(&[Secret::new("a-secret-of-16-chars".to_owned())])
            .unwrap()
            .seal_keys(Purpose::Challenge)
    }

    fn flow(step: Step) -> Flow {
        let query = b"client_id=0f8fad5b-d9cb-469f-a165-70867728950e&response_type=code&scope=openid+offline\
            &redirect_uri=http%3A%2F%2F127.0.0.1%3A5555%2Fcallback&state=0123456789abcdef0123456789abcdef\
            &nonce=0123456789abcdef0123456789abcdef&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM\
            &code_challenge_method=S256&x-own=%C3%BC";
        Flow {
            flow_id: [1; 16],
            requested_at: Timestamp::from_micros(1_795_540_447_123_456),
            parameters: RequestParameters::parse(query, b"")
                .unwrap()
                .with_object(vec![("state".to_owned(), "object".to_owned())]),
            request_pending: None,
            login_csrf: [2; 16],
            sid: [3; 16],
            known_login: Some(KnownLogin {
                subject: String::new(),
                auth_time: Timestamp::from_secs(1_795_540_000),
            }),
            step,
        }
    }

    fn login() -> AcceptedLogin {
        AcceptedLogin {
            subject: "alice@example.com".to_owned(),
            auth_time: Timestamp::from_secs(1_795_540_000),
            remember: true,
            remember_for: 3_600,
            extend_session_lifespan: true,
            acr: "1".to_owned(),
            amr: vec!["pwd".to_owned(), String::new()],
            identity_provider_session_id: "idp".to_owned(),
            force_subject_identifier: "forced".to_owned(),
            context_pending: Some([4; 16]),
        }
    }

    fn asked() -> ConsentRequest {
        ConsentRequest {
            login: login(),
            grant_id: [5; 16],
            consent_csrf: [6; 16],
            skip: true,
        }
    }

    fn rejection() -> Rejection {
        Rejection {
            error: "login request denied".to_owned(),
            description: "d".to_owned(),
            hint: "h".to_owned(),
            debug: String::new(),
        }
    }

    fn all() -> Vec<(Leg, Flow)> {
        let accepted = AcceptedConsent {
            scope: vec!["openid".to_owned()],
            audience: vec!["https://api".to_owned()],
            remember: true,
            remember_for: 0,
            handled_at: Timestamp::from_secs(1_795_540_100),
            pending: Some([7; 16]),
        };
        vec![
            (Leg::LoginChallenge, flow(Step::LoginAsked)),
            (Leg::LoginVerifier, flow(Step::LoginAnswered(Ok(login())))),
            (
                Leg::LoginVerifier,
                flow(Step::LoginAnswered(Err(rejection()))),
            ),
            (Leg::ConsentChallenge, flow(Step::ConsentAsked(asked()))),
            (
                Leg::ConsentVerifier,
                flow(Step::ConsentAnswered(asked(), Ok(accepted))),
            ),
            (
                Leg::ConsentVerifier,
                flow(Step::ConsentAnswered(asked(), Err(rejection()))),
            ),
        ]
    }

    #[test]
    fn every_step_reads_back_whole() {
        let keys = keys();
        for (leg, flow) in all() {
            let wire = seal(&flow, leg, &keys, &OsEntropy);
            assert_eq!(open(&wire, leg, &keys), Some(flow));
        }
    }

    #[test]
    fn an_ordinary_challenge_is_short() {
        let mut plain = flow(Step::LoginAsked);
        plain.known_login = None;
        let short = plain.parameters.sent().filter(|(name, _)| *name != "x-own");
        let short = short.map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        plain.parameters = RequestParameters::from_parts(short, Vec::new());
        let mut asked = asked();
        asked.login = AcceptedLogin {
            subject: "6f1a1c1e-1111-4a4a-8b8b-0123456789ab".to_owned(),
            identity_provider_session_id: String::new(),
            force_subject_identifier: String::new(),
            context_pending: None,
            amr: vec!["pwd".to_owned()],
            ..asked.login
        };
        for (leg, step) in [
            (Leg::LoginChallenge, Step::LoginAsked),
            (Leg::ConsentChallenge, Step::ConsentAsked(asked)),
        ] {
            plain.step = step;
            let wire = seal(&plain, leg, &keys(), &OsEntropy);
            assert!(wire.len() < 500, "{leg:?}: {}", wire.len());
        }
    }

    #[test]
    fn no_leg_passes_for_another() {
        let keys = keys();
        let legs = [
            Leg::LoginChallenge,
            Leg::LoginVerifier,
            Leg::ConsentChallenge,
            Leg::ConsentVerifier,
        ];
        for (leg, flow) in all() {
            let wire = seal(&flow, leg, &keys, &OsEntropy);
            for other in legs.into_iter().filter(|other| *other != leg) {
                assert_eq!(open(&wire, other, &keys), None);
            }
        }
    }
}
