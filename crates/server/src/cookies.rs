//! The cookies of the browser flow: a CSRF value for each leg and client, one for the built-in logout page, and the login
//! session.
//!
//! Spec: RFC 6265 4.1, 5.4; draft-ietf-httpbis-rfc6265bis (`SameSite`)
//!
//! Compat: names, `_dev`, the client's suffix and the attributes are those of the reference server, in both generations;
//! the cookie of the logout page is our own. Values are opaque there and our own here. No cookie lives longer than 180
//! days, which the reference server does not see to.
//! Compat: `remember_for: 0` makes a cookie that ends with the browser, as documented; the reference server makes one of
//! 30 days.
//! Security: a CSRF value is 16 random bytes in clear. It says only that a browser is the one that a flow began in: it is
//! compared in constant time with the value sealed in the flow, and a browser that has one keeps it for all its flows.
//! Security: the session cookie is sealed under `secrets.cookie`, else `secrets.system`, and bound to its name, so it can
//! neither be made up nor be moved. What an older secret sealed still opens, and is sealed anew under the first one
//! when its browser comes back, so that the older one may go.

mod murmur3;

use std::time::Duration;

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use tessera_crypto::{Keyring, OsEntropy, Purpose, SealKeys, b64, constant_time_eq};
use tessera_protocol::grant::record::{LoginSession, SessionId};
use tessera_protocol::time::Timestamp;

use self::murmur3::murmur3;
use crate::config::{AUTHENTICATION_SESSION_MAX, SameSite, Settings};
use crate::reply::Fault;

/// What a removed cookie says beside `Max-Age=0`, for browsers that read only this.
const LONG_AGO: &str = "; Expires=Thu, 01 Jan 1970 00:00:01 GMT";

/// The cookie of the built-in page that asks whether to log out; no other server has it.
const LOGOUT_CSRF: &str = "tessera_logout_csrf";

/// Reads and writes cookies as configured.
pub(crate) struct Cookies {
    login_csrf: String,
    consent_csrf: String,
    logout_csrf: String,
    session: String,
    session_path: String,
    csrf_lifetime: Duration,
    /// `Domain`, `HttpOnly` and `Secure`, as they follow `Max-Age`.
    domain: String,
    flags: &'static str,
    same_site: SameSite,
    has_legacy_twin: bool,
    keys: SealKeys,
}

/// What differs from one cookie to the next.
struct Written<'a> {
    name: &'a str,
    value: &'a str,
    path: &'a str,
    /// As attributes, with their separators.
    lifetime: &'a str,
    same_site: &'a str,
}

/// The last byte of a session cookie's content: whether it was given a lifetime.
const ENDS_WITH_BROWSER: u8 = 0;
const OUTLIVES_BROWSER: u8 = 1;

/// A session cookie that opened.
struct Presented {
    sid: SessionId,
    ends_with_browser: bool,
    is_sealed_with_newest: bool,
}

/// What a browser presents as the CSRF value of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Csrf {
    /// No such cookie, or an empty one.
    Missing,
    /// A cookie that this server did not write.
    Malformed,
    /// The value.
    Value([u8; 16]),
}

impl Csrf {
    /// The value that a new flow shall hold: the browser's own, so that its tabs do not disturb one another, else a
    /// fresh one.
    pub(crate) fn or_fresh(self, fresh: [u8; 16]) -> [u8; 16] {
        match self {
            Self::Value(value) => value,
            Self::Missing | Self::Malformed => fresh,
        }
    }

    /// Whether the browser is the one that the flow began in.
    ///
    /// # Errors
    /// The rule that failed and what to do, as the hint of a `request_forbidden`.
    pub(crate) fn check(self, expected: &[u8; 16]) -> Result<(), &'static str> {
        match self {
            Self::Value(value) if constant_time_eq(&value, expected) => Ok(()),
            Self::Value(_) => Err(
                "The CSRF cookie of this browser belongs to another request. Start again from the application.",
            ),
            Self::Malformed => Err(
                "The CSRF cookie cannot be read. Delete the cookies of this site and start again from the application.",
            ),
            Self::Missing => Err(
                "The browser sent no CSRF cookie. Allow cookies, and start again from the application in this browser.",
            ),
        }
    }
}

impl Cookies {
    /// From the configuration; `system` seals where `secrets.cookie` is empty.
    ///
    /// # Errors
    /// A secret is too short, or a name, a path or the domain cannot stand in a cookie.
    pub(crate) fn new(settings: &Settings, system: &Keyring) -> Result<Self, Fault> {
        let configured = &settings.serve.cookies;
        let is_https = settings.issuer().starts_with("https:");
        let same_site = match configured.same_site_mode {
            SameSite::None if !is_https => SameSite::Lax,
            mode => mode,
        };
        let suffix = if settings.is_development() {
            "_dev"
        } else {
            ""
        };
        let is_secure = !settings.is_development() || configured.secure;
        let names = &configured.names;
        let cookies = Self {
            login_csrf: format!("{}{suffix}", names.login_csrf),
            consent_csrf: format!("{}{suffix}", names.consent_csrf),
            logout_csrf: format!("{LOGOUT_CSRF}{suffix}"),
            session: format!("{}{suffix}", names.session),
            session_path: configured.paths.session.clone(),
            csrf_lifetime: settings.ttl.login_consent_request,
            domain: configured.domain.trim_start_matches('.').to_owned(),
            flags: if is_secure {
                "; HttpOnly; Secure"
            } else {
                "; HttpOnly"
            },
            same_site,
            has_legacy_twin: same_site == SameSite::None && configured.same_site_legacy_workaround,
            keys: cookie_keys(settings, system)?,
        };
        cookies.check()?;
        Ok(cookies)
    }

    /// Security: an attribute that ends early would take the ones after it along.
    fn check(&self) -> Result<(), Fault> {
        let refuse = |key: &str, value: &str| {
            Err(Fault::permanent(format!(
                "serve.cookies.{key}: '{value}' cannot stand in a cookie"
            )))
        };
        for (key, name) in [
            ("names.login_csrf", &self.login_csrf),
            ("names.consent_csrf", &self.consent_csrf),
            ("names.session", &self.session),
        ] {
            if name.is_empty() || !name.bytes().all(is_token_byte) {
                return refuse(key, name);
            }
        }
        for (key, value) in [
            ("domain", &self.domain),
            ("paths.session", &self.session_path),
        ] {
            if value
                .bytes()
                .any(|b| b == b';' || !(b' '..=b'~').contains(&b))
            {
                return refuse(key, value);
            }
        }
        Ok(())
    }

    /// What the browser presents for the login leg of this client.
    pub(crate) fn login_csrf(&self, headers: &HeaderMap, client_id: &str) -> Csrf {
        self.csrf(headers, &of_client(&self.login_csrf, client_id))
    }

    /// The same for the consent leg.
    pub(crate) fn consent_csrf(&self, headers: &HeaderMap, client_id: &str) -> Csrf {
        self.csrf(headers, &of_client(&self.consent_csrf, client_id))
    }

    /// Adds the login leg's cookie to an answer.
    pub(crate) fn set_login_csrf(&self, reply: &mut HeaderMap, client_id: &str, csrf: &[u8; 16]) {
        self.set_csrf(reply, &of_client(&self.login_csrf, client_id), csrf);
    }

    /// Adds the consent leg's cookie to an answer.
    pub(crate) fn set_consent_csrf(&self, reply: &mut HeaderMap, client_id: &str, csrf: &[u8; 16]) {
        self.set_csrf(reply, &of_client(&self.consent_csrf, client_id), csrf);
    }

    /// What the browser presents at the built-in page that asks whether to log out.
    pub(crate) fn logout_csrf(&self, headers: &HeaderMap) -> Csrf {
        self.csrf(headers, &self.logout_csrf)
    }

    /// Adds that page's cookie to an answer.
    pub(crate) fn set_logout_csrf(&self, reply: &mut HeaderMap, csrf: &[u8; 16]) {
        self.set_csrf(reply, &self.logout_csrf, csrf);
    }

    /// Whether browsers keep cookies back when another site sent them here, also through redirects.
    pub(crate) const fn are_kept_back(&self) -> bool {
        matches!(self.same_site, SameSite::Strict)
    }

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
        self.write_session(reply, &b64::encode(&sealed), &lifetime.unwrap_or_default());
    }

    /// Removes the session cookie.
    pub(crate) fn clear_session(&self, reply: &mut HeaderMap) {
        self.write_session(reply, "", &format!("{LONG_AGO}; Max-Age=0"));
    }

    fn write_session(&self, reply: &mut HeaderMap, value: &str, lifetime: &str) {
        let cookie = Written {
            name: &self.session,
            value,
            path: &self.session_path,
            lifetime,
            same_site: self.same_site(),
        };
        self.write(reply, &cookie);
    }

    /// The cookie, else its twin without `SameSite`, which old browsers keep where they drop the first one.
    fn csrf(&self, headers: &HeaderMap, name: &str) -> Csrf {
        let found = read_csrf(headers, name);
        if matches!(found, Csrf::Value(_)) || !self.has_legacy_twin {
            return found;
        }
        match read_csrf(headers, &legacy(name)) {
            Csrf::Missing => found,
            twin => twin,
        }
    }

    fn set_csrf(&self, reply: &mut HeaderMap, name: &str, csrf: &[u8; 16]) {
        let cookie = Written {
            name,
            value: &b64::encode(csrf),
            path: "/",
            lifetime: &format!("; Max-Age={}", self.csrf_lifetime.as_secs()),
            same_site: self.same_site(),
        };
        self.write(reply, &cookie);
        if self.has_legacy_twin {
            let twin = Written {
                name: &legacy(name),
                same_site: "",
                ..cookie
            };
            self.write(reply, &twin);
        }
    }

    fn write(&self, reply: &mut HeaderMap, cookie: &Written<'_>) {
        let Written {
            name,
            value,
            path,
            lifetime,
            same_site,
        } = cookie;
        let domain = match self.domain.as_str() {
            "" => String::new(),
            domain => format!("; Domain={domain}"),
        };
        let flags = self.flags;
        let text = format!("{name}={value}; Path={path}{domain}{lifetime}{flags}{same_site}");
        match HeaderValue::try_from(text) {
            Ok(header) => {
                reply.append(SET_COOKIE, header);
            }
            Err(error) => tracing::error!(%error, name, "A cookie could not be written."),
        }
    }

    const fn same_site(&self) -> &'static str {
        match self.same_site {
            SameSite::Strict => "; SameSite=Strict",
            SameSite::Lax => "; SameSite=Lax",
            SameSite::None => "; SameSite=None",
        }
    }
}

/// How long a session cookie lives that the login app wants remembered for this many seconds; 0 leaves it to the browser.
pub(crate) fn session_max_age(remember_for: i64) -> Option<Duration> {
    let secs = u64::try_from(remember_for).ok().filter(|secs| *secs > 0)?;
    Some(Duration::from_secs(secs).min(AUTHENTICATION_SESSION_MAX))
}

fn cookie_keys(settings: &Settings, system: &Keyring) -> Result<SealKeys, Fault> {
    if settings.secrets.cookie.is_empty() {
        return Ok(system.seal_keys(Purpose::Cookie));
    }
    let own = settings.secrets.cookie.iter();
    let own: Vec<_> = own.map(|s| s.secret().clone()).collect();
    Keyring::new(&own)
        .map(|own| own.seal_keys(Purpose::Cookie))
        .map_err(|e| Fault::permanent(format!("secrets.cookie: {e}")))
}

/// All values of a cookie; a browser sends several when their paths or domains differ.
fn values<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(COOKIE)
        .into_iter()
        .flat_map(|header| header.as_bytes().split(|byte| *byte == b';'))
        // A cookie of somebody else's that is no text hides none of ours.
        .filter_map(|pair| std::str::from_utf8(pair).ok())
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(move |(found, _)| *found == name)
        .map(|(_, value)| value.trim_matches('"'))
}

fn read_csrf(headers: &HeaderMap, name: &str) -> Csrf {
    let mut found = Csrf::Missing;
    for value in values(headers, name).filter(|value| !value.is_empty()) {
        match b64::decode(value).ok().and_then(|v| v.try_into().ok()) {
            Some(value) => return Csrf::Value(value),
            None => found = Csrf::Malformed,
        }
    }
    found
}

fn of_client(name: &str, client_id: &str) -> String {
    format!("{name}_{}", murmur3(client_id.as_bytes()))
}

fn legacy(name: &str) -> String {
    format!("{name}_legacy")
}

/// A character of a cookie's name. Spec: RFC 9110 5.6.2
const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

#[cfg(test)]
mod tests;
