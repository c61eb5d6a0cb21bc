//! The cookies that tie a flow to the browser that it began in: one for each leg and client, and one for the built-in
//! logout page.
//!
//! A cookie holds the values of the last few flows of its client, each with the time it was made at; a flow holds one
//! of them, sealed, and goes on only in a browser that presents it.
//!
//! Compat: the reference server keeps one value, which every start replaces, so that of two tabs of a client only the
//! one that began last can be finished. Here as there, of flows that begin in the same moment one is lost, because the
//! browser keeps the last cookie. A value that flows share would save it, but whoever planted the cookie would share it
//! as well.
//! Invariant: a value is made for one flow and never given to another, nor renewed; it dies with the time that a flow
//! may take.
//! Security: the cookie is sealed and bound to its name and client, so nobody can give a browser a value of their own
//! making. A host of the same domain can still plant a cookie that its owner got here in their own browser. No later
//! flow of the victim takes up a value of it, and it is worth nothing but the very flow it was made for, for as long as
//! that lasts. Against that only the browser can help: with names that begin with `__Host-` it refuses what other
//! hosts plant.
//! Security: all cookies of the name count, since a planted one with a longer path comes first and would keep the
//! browser's own from being seen.

use http::HeaderMap;
use tessera_crypto::{OsEntropy, b64, constant_time_eq};
use tessera_protocol::time::Timestamp;

use super::attributes::{Kind, Written};
use super::murmur3::murmur3;
use super::{Cookies, values};

/// Flows of one client that a browser may have open at the same time; the oldest gives way. 232 characters at most.
const FLOWS_MAX: usize = 8;

/// The first bytes of a value: the second it was made in.
const TIME_BYTES: usize = 4;

/// What ties a flow to a browser: a time and 12 random bytes.
type Value = [u8; 16];

/// What a browser presents at a leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Csrf {
    /// No such cookie, or an empty one.
    Missing,
    /// A cookie that this server did not write.
    Malformed,
    /// The values that may still be used, oldest first.
    Values(Vec<Value>),
}

/// The name of a cookie, and what else its content is bound to.
struct Name<'a> {
    name: String,
    client_id: &'a str,
}

impl Csrf {
    /// Whether the browser is the one that the flow began in.
    ///
    /// # Errors
    /// The rule that failed and what to do, as the hint of a `request_forbidden`.
    pub(crate) fn check(&self, expected: &Value) -> Result<(), &'static str> {
        self.holds(|value| constant_time_eq(value, expected))
    }

    /// Whether there is a value that `is_it` says yes to.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub(crate) fn holds(&self, is_it: impl Fn(&Value) -> bool) -> Result<(), &'static str> {
        match self {
            Self::Values(values) if values.iter().any(is_it) => Ok(()),
            Self::Values(_) => Err(
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

/// A value for a new flow.
pub(crate) fn fresh(random: [u8; 12], now: Timestamp) -> Value {
    let mut value = Value::default();
    let (time, rest) = value.split_at_mut(TIME_BYTES);
    time.copy_from_slice(&seconds(now).to_be_bytes());
    rest.copy_from_slice(&random);
    value
}

impl Cookies {
    /// What the browser presents for the login leg of this client.
    pub(crate) fn login_csrf(&self, headers: &HeaderMap, client_id: &str, now: Timestamp) -> Csrf {
        self.csrf(headers, &of_client(&self.login_csrf, client_id), now)
    }

    /// The same for the consent leg.
    pub(crate) fn consent_csrf(
        &self,
        headers: &HeaderMap,
        client_id: &str,
        now: Timestamp,
    ) -> Csrf {
        self.csrf(headers, &of_client(&self.consent_csrf, client_id), now)
    }

    /// What the browser presents at the built-in page that asks whether to log out.
    pub(crate) fn logout_csrf(&self, headers: &HeaderMap, now: Timestamp) -> Csrf {
        self.csrf(headers, &self.of_logout(), now)
    }

    /// Adds a flow's value to the login leg's cookie.
    pub(crate) fn add_login_csrf(
        &self,
        headers: &HeaderMap,
        reply: &mut HeaderMap,
        client_id: &str,
        (value, now): (&Value, Timestamp),
    ) {
        let name = of_client(&self.login_csrf, client_id);
        self.add_csrf(headers, reply, &name, value, now);
    }

    /// Adds a flow's value to the consent leg's cookie.
    pub(crate) fn add_consent_csrf(
        &self,
        headers: &HeaderMap,
        reply: &mut HeaderMap,
        client_id: &str,
        (value, now): (&Value, Timestamp),
    ) {
        let name = of_client(&self.consent_csrf, client_id);
        self.add_csrf(headers, reply, &name, value, now);
    }

    /// Adds a page's value to the logout page's cookie.
    pub(crate) fn add_logout_csrf(
        &self,
        headers: &HeaderMap,
        reply: &mut HeaderMap,
        (value, now): (&Value, Timestamp),
    ) {
        self.add_csrf(headers, reply, &self.of_logout(), value, now);
    }

    fn of_logout(&self) -> Name<'static> {
        Name {
            name: self.logout_csrf.clone(),
            client_id: "",
        }
    }

    /// What the cookies of this name hold, and their twins without `SameSite`, which old browsers keep where they drop
    /// the first ones.
    fn csrf(&self, headers: &HeaderMap, name: &Name<'_>, now: Timestamp) -> Csrf {
        let twin = self.has_legacy_twin.then(|| legacy(&name.name));
        let presented = std::iter::once(name.name.as_str())
            .chain(twin.as_deref())
            .flat_map(|name| values(headers, name))
            .filter(|value| !value.is_empty());
        let mut found = Csrf::Missing;
        for value in presented {
            match (self.open_csrf(name, value), &mut found) {
                (None, Csrf::Values(_)) => {}
                (None, other) => *other = Csrf::Malformed,
                (Some(opened), Csrf::Values(known)) => known.extend(opened),
                (Some(opened), other) => *other = Csrf::Values(opened),
            }
        }
        if let Csrf::Values(known) = &mut found {
            known.retain(|value| self.is_alive(value, now));
            // By time, which they begin with.
            known.sort_unstable();
            known.dedup();
        }
        found
    }

    fn open_csrf(&self, name: &Name<'_>, value: &str) -> Option<Vec<Value>> {
        let sealed = b64::decode(value).ok()?;
        let plain = self.keys.open(&name.bound_to(), &sealed).ok()?;
        let (values, rest) = plain.as_chunks();
        rest.is_empty().then(|| values.to_vec())
    }

    /// The time of a value was cut to a second, hence the one more.
    fn is_alive(&self, value: &Value, now: Timestamp) -> bool {
        let [a, b, c, d, ..] = *value;
        let made_at = u64::from(u32::from_be_bytes([a, b, c, d]));
        let lifetime = self.csrf_lifetime.as_secs().saturating_add(1);
        u64::from(seconds(now)) <= made_at.saturating_add(lifetime)
    }

    fn add_csrf(
        &self,
        headers: &HeaderMap,
        reply: &mut HeaderMap,
        name: &Name<'_>,
        value: &Value,
        now: Timestamp,
    ) {
        let mut kept = match self.csrf(headers, name, now) {
            Csrf::Values(values) => values,
            Csrf::Missing | Csrf::Malformed => Vec::new(),
        };
        let surplus = kept.len().saturating_add(1).saturating_sub(FLOWS_MAX);
        kept.drain(..surplus);
        kept.push(*value);
        let mut sealed = Vec::new();
        let plain = kept.as_flattened();
        self.keys
            .seal(&OsEntropy, &name.bound_to(), plain, &mut sealed);
        let cookie = Written {
            name: &name.name,
            value: &b64::encode(&sealed),
            path: "/",
            lifetime: &format!("; Max-Age={}", self.csrf_lifetime.as_secs()),
            kind: Kind::Usual,
        };
        self.attributes.write(reply, &cookie);
        if self.has_legacy_twin {
            let twin = Written {
                name: &legacy(&name.name),
                kind: Kind::LegacyTwin,
                ..cookie
            };
            self.attributes.write(reply, &twin);
        }
    }
}

impl Name<'_> {
    /// Security: the client itself, since clients can share the hash in the name.
    fn bound_to(&self) -> Vec<u8> {
        [
            b"csrf\0",
            self.name.as_bytes(),
            b"\0",
            self.client_id.as_bytes(),
        ]
        .concat()
    }
}

fn of_client<'a>(name: &str, client_id: &'a str) -> Name<'a> {
    Name {
        name: format!("{name}_{}", murmur3(client_id.as_bytes())),
        client_id,
    }
}

fn legacy(name: &str) -> String {
    format!("{name}_legacy")
}

/// Good until 2106.
fn seconds(now: Timestamp) -> u32 {
    u32::try_from(now.as_secs().max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
