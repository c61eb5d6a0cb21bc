//! The cookie that changes with the login session, for applications that ask a page of this server whether it has.
//!
//! Spec: OpenID Connect Session Management 1.0 2 ("OP browser state"), 3.2
//!
//! Invariant: it is set and removed with the session cookie. A browser in which a sign-in ends has it, also for a
//! session that no cookie remembers, unless it has gone on to another session.
//! Security: scripts read it, also in frames of other sites. It is a hash of the session's id, the same at each process
//! and under each secret. Whoever knows that id, as the session's clients do, can compute it; it opens nothing.

use http::HeaderMap;
use tessera_crypto::{b64, sha256};
use tessera_protocol::grant::record::SessionId;

use super::attributes::{Kind, Written};
use super::{Cookies, values};

/// What keeps the hash apart from any other of a session's id.
const PREFIX: &[u8] = b"browser state\0";

impl Cookies {
    /// The cookie's name; `None` unless session management is on.
    pub(crate) fn browser_state(&self) -> Option<&str> {
        self.browser_state.as_deref()
    }

    /// What the cookie says of this session; `None` unless session management is on.
    pub(crate) fn browser_state_of(&self, sid: &SessionId) -> Option<String> {
        self.browser_state.as_ref().map(|_| of(sid))
    }

    /// Sets the cookie for this session, unless the browser has it or has gone on to another session.
    pub(crate) fn show_session(&self, headers: &HeaderMap, reply: &mut HeaderMap, sid: &SessionId) {
        let has_another = || self.session(headers).is_some_and(|own| own != *sid);
        if self.browser_state.is_some() && !self.is_shown(headers, sid) && !has_another() {
            self.write_browser_state(reply, &of(sid), "");
        }
    }

    /// Whether the browser has the cookie for this session.
    pub(super) fn is_shown(&self, headers: &HeaderMap, sid: &SessionId) -> bool {
        let Some(name) = &self.browser_state else {
            return false;
        };
        let state = of(sid);
        values(headers, name).any(|value| value == state)
    }

    pub(super) fn write_browser_state(&self, reply: &mut HeaderMap, value: &str, lifetime: &str) {
        let Some(name) = &self.browser_state else {
            return;
        };
        let cookie = Written {
            name,
            value,
            path: "/",
            lifetime,
            kind: Kind::ForFrames,
        };
        self.attributes.write(reply, &cookie);
    }
}

/// What the cookie says of a session.
pub(super) fn of(sid: &SessionId) -> String {
    b64::encode(&sha256(&[PREFIX, sid].concat()))
}

#[cfg(test)]
mod tests;
