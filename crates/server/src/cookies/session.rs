//! The cookie that says which login session a browser has.
//!
//! Compat: `remember_for: 0` makes a cookie that ends with the browser, as documented; the reference server makes one of
//! 30 days.
//! Security: what an older secret sealed is sealed anew under the first one when its browser comes back, so that the
//! older one may go.

use std::time::Duration;

use http::HeaderMap;
use tessera_crypto::{OsEntropy, b64};
use tessera_protocol::grant::record::{LoginSession, SessionId};
use tessera_protocol::time::Timestamp;

use super::attributes::{Kind, Written};
use super::{Cookies, browser_state, values};
use crate::config::AUTHENTICATION_SESSION_MAX;

/// The lifetime of a removed cookie, also for browsers that read only the first part.
const REMOVED: &str = "; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0";

/// The last byte of a session cookie's content: whether it was given a lifetime.
const ENDS_WITH_BROWSER: u8 = 0;
const OUTLIVES_BROWSER: u8 = 1;

/// A session cookie that opened.
struct Presented {
    sid: SessionId,
    ends_with_browser: bool,
    is_sealed_with_newest: bool,
}

impl Cookies {
    /// The login session that the browser presents; `None` too when the cookie is not one of this server.
    pub(crate) fn session(&self, headers: &HeaderMap) -> Option<SessionId> {
        self.presented(headers).map(|presented| presented.sid)
    }

    fn presented(&self, headers: &HeaderMap) -> Option<Presented> {
        values(headers, &self.session).find_map(|value| {
            let sealed = b64::decode(value).ok()?;
            let plain = self.keys.open(self.session.as_bytes(), &sealed).ok()?;
            let (last, sid) = plain.split_last()?;
            Some(Presented {
                sid: sid.try_into().ok()?,
                ends_with_browser: *last == ENDS_WITH_BROWSER,
                is_sealed_with_newest: self.keys.sealed_with_newest(&sealed),
            })
        })
    }

    /// Seals the browser's session cookie anew if an older secret sealed it; it lives on for as long as the session.
    pub(crate) fn renew_session(
        &self,
        headers: &HeaderMap,
        reply: &mut HeaderMap,
        session: &LoginSession,
        now: Timestamp,
    ) {
        let Some(presented) = self.presented(headers) else {
            return;
        };
        if presented.is_sealed_with_newest || presented.sid != session.sid {
            return;
        }
        let left = session.expires_at.as_secs().saturating_sub(now.as_secs());
        let max_age = match presented.ends_with_browser {
            true => None,
            false => session_max_age(left),
        };
        self.set_session(reply, &session.sid, max_age);
    }

    /// Adds the session cookie to an answer; `None` ends it with the browser. See [`session_max_age`].
    pub(crate) fn set_session(
        &self,
        reply: &mut HeaderMap,
        sid: &SessionId,
        max_age: Option<Duration>,
    ) {
        let last = match max_age {
            None => ENDS_WITH_BROWSER,
            Some(_) => OUTLIVES_BROWSER,
        };
        let plain = [sid.as_slice(), &[last]].concat();
        let mut sealed = Vec::new();
        self.keys
            .seal(&OsEntropy, self.session.as_bytes(), &plain, &mut sealed);
        let lifetime = max_age.map(|max| format!("; Max-Age={}", max.as_secs()));
        let lifetime = lifetime.unwrap_or_default();
        self.write_session(reply, &b64::encode(&sealed), &lifetime);
        self.write_browser_state(reply, &browser_state::of(sid), &lifetime);
    }

    /// Removes the session cookie.
    pub(crate) fn clear_session(&self, reply: &mut HeaderMap) {
        self.write_session(reply, "", REMOVED);
        self.write_browser_state(reply, "", REMOVED);
    }

    /// Removes what the browser keeps of a session that has ended.
    ///
    /// Security: a logout that is handed to somebody else leaves their session alone, remembered or not.
    pub(crate) fn forget_session(
        &self,
        headers: &HeaderMap,
        reply: &mut HeaderMap,
        ended: &SessionId,
    ) {
        let own = self.session(headers);
        if own.is_none_or(|own| own == *ended) {
            self.write_session(reply, "", REMOVED);
        }
        if own == Some(*ended) || self.is_shown(headers, ended) {
            self.write_browser_state(reply, "", REMOVED);
        }
    }

    fn write_session(&self, reply: &mut HeaderMap, value: &str, lifetime: &str) {
        let cookie = Written {
            name: &self.session,
            value,
            path: &self.session_path,
            lifetime,
            kind: Kind::Usual,
        };
        self.attributes.write(reply, &cookie);
    }
}

/// How long a session cookie lives that the login app wants remembered for this many seconds; 0 leaves it to the browser.
pub(crate) fn session_max_age(remember_for: i64) -> Option<Duration> {
    let secs = u64::try_from(remember_for).ok().filter(|secs| *secs > 0)?;
    Some(Duration::from_secs(secs).min(AUTHENTICATION_SESSION_MAX))
}

#[cfg(test)]
mod tests;
