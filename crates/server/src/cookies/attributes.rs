//! What a cookie says beside its name and value, and what may stand in it.
//!
//! Spec: RFC 6265 4.1; draft-ietf-httpbis-rfc6265bis 4.1.2.7 (`SameSite`), 4.1.3 (prefixes of names)

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};

use crate::config::{SameSite, Settings};
use crate::reply::Fault;

/// `Domain`, `Secure` and `SameSite` as configured, for all cookies.
pub(super) struct Attributes {
    domain: String,
    is_secure: bool,
    same_site: SameSite,
}

/// What differs from one cookie to the next.
pub(super) struct Written<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
    pub(super) path: &'a str,
    /// As attributes, with their separators.
    pub(super) lifetime: &'a str,
    pub(super) kind: Kind,
}

/// Who gets to see a cookie.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// This server, from where `SameSite` says.
    Usual,
    /// This server; for browsers that read `SameSite=None` wrongly.
    LegacyTwin,
    /// The scripts of a page of this server that any site may frame.
    ForFrames,
}

impl Attributes {
    pub(super) fn new(settings: &Settings) -> Self {
        let configured = &settings.serve.cookies;
        let is_https = settings.issuer().starts_with("https:");
        Self {
            domain: configured.domain.trim_start_matches('.').to_owned(),
            is_secure: !settings.is_development() || configured.secure,
            same_site: match configured.same_site_mode {
                SameSite::None if !is_https => SameSite::Lax,
                mode => mode,
            },
        }
    }

    /// Whether pages of other sites may make browsers send the cookies.
    pub(super) const fn is_for_all_sites(&self) -> bool {
        matches!(self.same_site, SameSite::None)
    }

    pub(super) const fn are_kept_back(&self) -> bool {
        matches!(self.same_site, SameSite::Strict)
    }

    /// Whether browsers take a cookie of this name and path.
    ///
    /// Security: a name that begins with `__Host-` is the only protection from cookies that a neighbouring host plants;
    /// browsers drop such a cookie silently unless the rest of it fits.
    pub(super) fn check_name(&self, key: &str, name: &str, path: &str) -> Result<(), Fault> {
        if name.is_empty() || !name.bytes().all(is_token_byte) {
            return refuse(key, name, "cannot stand in a cookie");
        }
        let begins = |prefix: &str| {
            let head = name.get(..prefix.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(prefix))
        };
        let (for_host, for_tls) = (begins("__Host-"), begins("__Secure-"));
        if (for_host || for_tls) && !self.is_secure {
            return refuse(key, name, "needs serve.cookies.secure in development mode");
        }
        if for_host && !(self.domain.is_empty() && path == "/") {
            return refuse(
                key,
                name,
                "needs an empty serve.cookies.domain and the path '/'",
            );
        }
        Ok(())
    }

    /// Security: an attribute that ends early would take the ones after it along.
    pub(super) fn check_value(&self, key: &str, value: &str) -> Result<(), Fault> {
        match value
            .bytes()
            .any(|b| b == b';' || !(b' '..=b'~').contains(&b))
        {
            true => refuse(key, value, "cannot stand in a cookie"),
            false => Ok(()),
        }
    }

    pub(super) fn check_domain(&self) -> Result<(), Fault> {
        self.check_value("domain", &self.domain)
    }

    /// Adds a cookie to an answer.
    pub(super) fn write(&self, reply: &mut HeaderMap, cookie: &Written<'_>) {
        let Written {
            name,
            value,
            path,
            lifetime,
            kind,
        } = cookie;
        let domain = match self.domain.as_str() {
            "" => String::new(),
            domain => format!("; Domain={domain}"),
        };
        let secure = if self.is_secure { "; Secure" } else { "" };
        let flags = match kind {
            Kind::Usual => format!("; HttpOnly{secure}{}", self.same_site()),
            Kind::LegacyTwin => format!("; HttpOnly{secure}"),
            // Browsers refuse `SameSite=None` without `Secure`.
            Kind::ForFrames if self.is_secure => "; Secure; SameSite=None".to_owned(),
            Kind::ForFrames => String::new(),
        };
        let text = format!("{name}={value}; Path={path}{domain}{lifetime}{flags}");
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

fn refuse(key: &str, value: &str, why: &str) -> Result<(), Fault> {
    Err(Fault::permanent(format!(
        "serve.cookies.{key}: '{value}' {why}"
    )))
}

/// A character of a cookie's name. Spec: RFC 9110 5.6.2
const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}
