//! The cookie that changes with the login session, for applications that ask a page of this server whether it has.
//!
//! Spec: OpenID Connect Session Management 1.0 2 ("OP browser state"), 3.2
//!
//! Invariant: it is set and removed with the session cookie, and set for a session that has no cookie when a client is
//! told its `session_state`.
//! Security: scripts read it, also in frames of other sites. It is a hash of the session's id: the same at each process
//! and under each secret, and nothing can be done with it.

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

    /// Sets the cookie for this session unless the browser has it, and answers its value; `None` unless session management
    /// is on.
    pub(crate) fn show_session(
        &self,
        headers: &HeaderMap,
        reply: &mut HeaderMap,
        sid: &SessionId,
    ) -> Option<String> {
        let name = self.browser_state.as_deref()?;
        let state = of(sid);
        if !values(headers, name).any(|value| value == state) {
            self.write_browser_state(reply, &state, "");
        }
        Some(state)
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
