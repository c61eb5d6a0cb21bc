//! A logout between the end-session endpoint and the logout app: sealed in the URLs like the other flows.
//!
//! Spec: OpenID Connect RP-Initiated Logout 1.0 2

use tessera_crypto::{Entropy, SealKeys, b64};

use crate::grant::record::SessionId;
use crate::time::Timestamp;
use crate::token::record::{Fields, Writer, read_number, read_text};

/// Longest wire form looked at.
const LENGTH_MAX: usize = 64 * 1024;

/// What a sealed logout is for; the seal is bound to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogoutLeg {
    /// To the logout app.
    Challenge,
    /// Back from it.
    Verifier,
}

impl LogoutLeg {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Challenge => b"logout_challenge",
            Self::Verifier => b"logout_verifier",
        }
    }
}

/// A logout that waits for the person's word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogoutRequest {
    /// The session that is to end.
    pub sid: SessionId,
    /// Whose it is.
    pub subject: String,
    /// The client that asked; empty when nobody did and the browser's own session ends.
    pub client_id: String,
    /// Path and query of the request; empty in a verifier.
    pub request_url: String,
    /// Where the browser goes in the end; empty for the server's own page.
    pub redirect_uri: String,
    /// Handed on to that place.
    pub state: String,
    /// Who should log out, as the client calls them; nobody has checked it. Empty in a verifier.
    pub logout_hint: String,
    /// The languages that the person prefers. Empty in a verifier.
    pub ui_locales: String,
    /// When it was asked.
    pub requested_at: Timestamp,
    /// Where the rest is kept when it is too long for a URL; then only `requested_at` is sealed beside it.
    pub pending: Option<[u8; 16]>,
}

impl LogoutRequest {
    /// Whether a client asked for it.
    pub fn is_rp_initiated(&self) -> bool {
        !self.client_id.is_empty()
    }
}

const SID: u8 = 1;
const SUBJECT: u8 = 2;
const CLIENT_ID: u8 = 3;
const REQUEST_URL: u8 = 4;
const REDIRECT_URI: u8 = 5;
const STATE: u8 = 6;
const REQUESTED_AT: u8 = 7;
const PENDING: u8 = 8;
const LOGOUT_HINT: u8 = 9;
const UI_LOCALES: u8 = 10;

/// Seals a logout for a leg.
pub fn seal(
    request: &LogoutRequest,
    leg: LogoutLeg,
    keys: &SealKeys,
    entropy: &dyn Entropy,
) -> String {
    let record = match request.pending {
        Some(id) => {
            let mut record = Writer::with_capacity(32);
            record.time(REQUESTED_AT, request.requested_at);
            record.bytes(PENDING, &id);
            record.0
        }
        None => write_for(request, leg),
    };
    let mut sealed = Vec::with_capacity(record.len().saturating_add(64));
    keys.seal(entropy, leg.label(), &record, &mut sealed);
    let mut wire = String::new();
    b64::encode_into(&sealed, &mut wire);
    wire
}

/// A whole request, to be kept.
pub fn write(request: &LogoutRequest) -> Vec<u8> {
    write_for(request, LogoutLeg::Challenge)
}

fn write_for(request: &LogoutRequest, leg: LogoutLeg) -> Vec<u8> {
    let mut record = Writer::with_capacity(256);
    record.bytes(SID, &request.sid);
    record.text(SUBJECT, &request.subject);
    record.text(CLIENT_ID, &request.client_id);
    if leg == LogoutLeg::Challenge {
        record.text(REQUEST_URL, &request.request_url);
        record.text(LOGOUT_HINT, &request.logout_hint);
        record.text(UI_LOCALES, &request.ui_locales);
    }
    record.text(REDIRECT_URI, &request.redirect_uri);
    record.text(STATE, &request.state);
    record.time(REQUESTED_AT, request.requested_at);
    record.0
}

/// Opens what was sealed for the same leg; `None` for anything else.
pub fn open(wire: &str, leg: LogoutLeg, keys: &SealKeys) -> Option<LogoutRequest> {
    if wire.len() > LENGTH_MAX {
        return None;
    }
    read(&keys.open(leg.label(), &b64::decode(wire).ok()?).ok()?)
}

/// Reads what [`write`] made; `None` for anything else.
pub fn read(record: &[u8]) -> Option<LogoutRequest> {
    let mut request = LogoutRequest::default();
    for field in Fields(record) {
        let (tag, value) = field?;
        match tag {
            SID => request.sid = value.try_into().ok()?,
            SUBJECT => request.subject = read_text(value)?,
            CLIENT_ID => request.client_id = read_text(value)?,
            REQUEST_URL => request.request_url = read_text(value)?,
            REDIRECT_URI => request.redirect_uri = read_text(value)?,
            STATE => request.state = read_text(value)?,
            LOGOUT_HINT => request.logout_hint = read_text(value)?,
            UI_LOCALES => request.ui_locales = read_text(value)?,
            REQUESTED_AT => {
                let micros = i64::try_from(read_number(value)?).ok()?;
                request.requested_at = Timestamp::from_micros(micros);
            }
            PENDING => request.pending = Some(value.try_into().ok()?),
            _ => return None,
        }
    }
    Some(request)
}

#[cfg(test)]
mod tests {
    use tessera_crypto::{Keyring, OsEntropy, Purpose, Secret};

    use super::*;

    #[test]
    fn a_logout_reads_back_on_its_own_leg_only() {
        let keys = Keyring::new(&[Secret::new("a-secret-of-16-chars".to_owned())])
            .unwrap()
            .seal_keys(Purpose::Challenge);
        let mut request = LogoutRequest {
            sid: [7; 16],
            subject: "alice".to_owned(),
            client_id: "rp".to_owned(),
            request_url: "/oauth2/sessions/logout?state=s".to_owned(),
            redirect_uri: "https://rp/bye".to_owned(),
            state: "s".to_owned(),
            logout_hint: "alice@example.com".to_owned(),
            ui_locales: "de en".to_owned(),
            requested_at: Timestamp::from_micros(1_795_540_447_123_456),
            pending: None,
        };
        assert_eq!(read(&write(&request)).as_ref(), Some(&request));
        let wire = seal(&request, LogoutLeg::Challenge, &keys, &OsEntropy);
        assert_eq!(
            open(&wire, LogoutLeg::Challenge, &keys).as_ref(),
            Some(&request)
        );
        assert_eq!(open(&wire, LogoutLeg::Verifier, &keys), None);
        let wire = seal(&request, LogoutLeg::Verifier, &keys, &OsEntropy);
        request.request_url.clear();
        request.logout_hint.clear();
        request.ui_locales.clear();
        assert_eq!(
            open(&wire, LogoutLeg::Verifier, &keys),
            Some(request.clone())
        );
        request.pending = Some([9; 16]);
        let kept = LogoutRequest {
            requested_at: request.requested_at,
            pending: Some([9; 16]),
            ..LogoutRequest::default()
        };
        for leg in [LogoutLeg::Challenge, LogoutLeg::Verifier] {
            let wire = seal(&request, leg, &keys, &OsEntropy);
            assert_eq!(open(&wire, leg, &keys).as_ref(), Some(&kept));
        }
    }
}
