//! The cookies of the browser flow, by subject: a CSRF cookie for each leg and client and one for the built-in logout page
//! (`csrf.rs`), the login session (`session.rs`), what tells other sites' pages that the session has changed
//! (`browser_state.rs`), and the attributes of all of them (`attributes.rs`).
//!
//! Spec: RFC 6265 4.1, 5.4
//!
//! Compat: names, `_dev`, the client's suffix and the attributes are those of the reference server, in both generations;
//! the cookies of the logout page and of session management are our own. Values are opaque there and our own here. No
//! cookie lives longer than 180 days, which the reference server does not see to.
//! Security: every value but the browser's state is sealed under `secrets.cookie`, else `secrets.system`, and bound to
//! what it is for, so it can neither be made up nor be moved. What an older secret sealed still opens.

mod attributes;
mod browser_state;
mod csrf;
mod murmur3;
mod session;

use std::time::Duration;

use http::HeaderMap;
use http::header::COOKIE;
use tessera_crypto::{Keyring, Purpose, SealKeys};

use self::attributes::Attributes;
pub(crate) use self::csrf::{Csrf, fresh as fresh_csrf};
pub(crate) use self::session::session_max_age;
use crate::config::Settings;
use crate::reply::Fault;

/// The cookie of the built-in page that asks whether to log out; no other server has it.
const LOGOUT_CSRF: &str = "tessera_logout_csrf";

/// The cookie that the page of `check_session_iframe` reads; no other server has it.
const BROWSER_STATE: &str = "tessera_browser_state";

/// Reads and writes cookies as configured.
pub(crate) struct Cookies {
    login_csrf: String,
    consent_csrf: String,
    logout_csrf: String,
    session: String,
    session_path: String,
    /// `None` unless session management is on.
    browser_state: Option<String>,
    csrf_lifetime: Duration,
    attributes: Attributes,
    has_legacy_twin: bool,
    keys: SealKeys,
}

impl Cookies {
    /// From the configuration; `system` seals where `secrets.cookie` is empty.
    ///
    /// # Errors
    /// A secret is too short, or a name, a path or the domain cannot stand in a cookie.
    pub(crate) fn new(settings: &Settings, system: &Keyring) -> Result<Self, Fault> {
        let configured = &settings.serve.cookies;
        let suffix = if settings.is_development() {
            "_dev"
        } else {
            ""
        };
        let names = &configured.names;
        let attributes = Attributes::new(settings);
        let cookies = Self {
            login_csrf: format!("{}{suffix}", names.login_csrf),
            consent_csrf: format!("{}{suffix}", names.consent_csrf),
            logout_csrf: format!("{LOGOUT_CSRF}{suffix}"),
            session: format!("{}{suffix}", names.session),
            session_path: configured.paths.session.clone(),
            browser_state: (settings.oidc.session_management.enabled)
                .then(|| format!("{BROWSER_STATE}{suffix}")),
            csrf_lifetime: settings.ttl.login_consent_request,
            has_legacy_twin: attributes.is_for_all_sites()
                && configured.same_site_legacy_workaround,
            attributes,
            keys: cookie_keys(settings, system)?,
        };
        cookies.check()?;
        Ok(cookies)
    }

    /// Whether everything configured can stand in a cookie.
    fn check(&self) -> Result<(), Fault> {
        let root = "/";
        for (key, name, path) in [
            ("names.login_csrf", &self.login_csrf, root),
            ("names.consent_csrf", &self.consent_csrf, root),
            ("names.session", &self.session, &self.session_path),
        ] {
            self.attributes.check_name(key, name, path)?;
        }
        self.attributes
            .check_value("paths.session", &self.session_path)?;
        self.attributes.check_domain()
    }

    /// Whether browsers keep cookies back when another site sent them here, also through redirects.
    pub(crate) const fn are_kept_back(&self) -> bool {
        self.attributes.are_kept_back()
    }
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

#[cfg(test)]
mod tests;
