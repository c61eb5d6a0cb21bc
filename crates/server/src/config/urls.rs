//! Addresses of the server and of the operator's pages, and what follows from them.
//!
//! Compat: paths are joined as Go's `path.Join` does (duplicate slashes and dot segments go, the base
//! path stays); an empty path of a page or of the public URL becomes `/`, that of the issuer stays.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Settings;
use super::secrets::SecretString;
use super::tls::Tls;

/// `urls`; the methods of [`Settings`] fill in what is unset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Urls {
    #[serde(rename = "self", default)]
    pub own: OwnUrls,
    pub login: Option<String>,
    pub registration: Option<String>,
    pub consent: Option<String>,
    pub logout: Option<String>,
    pub error: Option<String>,
    pub post_logout_redirect: Option<String>,
    #[serde(default)]
    pub device: DeviceUrls,
    #[serde(default)]
    pub identity_provider: IdentityProvider,
}

/// `urls.self`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct OwnUrls {
    pub issuer: Option<String>,
    pub public: Option<String>,
    pub admin: Option<String>,
}

/// `urls.device`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct DeviceUrls {
    pub verification: Option<String>,
    pub success: Option<String>,
}

/// `urls.identity_provider`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct IdentityProvider {
    /// Admin address.
    pub url: Option<String>,
    #[serde(rename = "publicUrl")]
    pub public_url: Option<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, SecretString>,
}

impl Settings {
    /// The issuer, exactly as configured. In development mode, when unset, the public port on
    /// localhost.
    ///
    /// Compat: version 1 published every issuer with exactly one slash at the end, so a server that is
    /// started with that version's `--dangerous-force-http` does too.
    #[must_use]
    pub fn issuer(&self) -> String {
        if let (true, Some(issuer)) = (self.force_http, &self.urls.own.issuer) {
            return format!("{}/", issuer.trim_end_matches('/'));
        }
        self.urls.own.issuer.clone().unwrap_or_else(|| {
            let scheme = match self.serve.tls(&self.serve.public) {
                Tls::Off => "http",
                Tls::SelfSigned | Tls::Certificate { .. } => "https",
            };
            format!("{scheme}://localhost:{}/", self.serve.public.port)
        })
    }

    /// Base of the public endpoints.
    #[must_use]
    pub fn public_url(&self) -> String {
        rooted(
            &self
                .urls
                .own
                .public
                .clone()
                .unwrap_or_else(|| self.issuer()),
        )
    }

    /// A path below the issuer.
    #[must_use]
    pub fn issuer_path(&self, path: &str) -> String {
        join(&self.issuer(), path)
    }

    /// A path below the public URL.
    #[must_use]
    pub fn public_path(&self, path: &str) -> String {
        join(&self.public_url(), path)
    }

    /// The announced authorization endpoint.
    #[must_use]
    pub fn auth_url(&self) -> String {
        self.announced(
            self.webfinger.oidc_discovery.auth_url.as_ref(),
            "/oauth2/auth",
        )
    }

    /// The announced token endpoint.
    #[must_use]
    pub fn token_url(&self) -> String {
        self.announced(
            self.webfinger.oidc_discovery.token_url.as_ref(),
            "/oauth2/token",
        )
    }

    /// Every value of `aud` that a client assertion may carry, without repetitions.
    #[must_use]
    pub fn token_urls(&self) -> Vec<String> {
        let mut urls = vec![self.token_url()];
        for url in [
            self.public_path("/oauth2/token"),
            self.issuer_path("/oauth2/token"),
        ] {
            if !urls.contains(&url) {
                urls.push(url);
            }
        }
        urls
    }

    /// The announced device authorization endpoint.
    #[must_use]
    pub fn device_authorization_url(&self) -> String {
        let configured = self
            .webfinger
            .oidc_discovery
            .device_authorization_url
            .as_ref();
        self.announced(configured, "/oauth2/device/auth")
    }

    /// The announced address of the public keys.
    #[must_use]
    pub fn jwks_url(&self) -> String {
        let configured = self.webfinger.oidc_discovery.jwks_url.clone();
        configured.unwrap_or_else(|| self.issuer_path("/.well-known/jwks.json"))
    }

    /// The announced userinfo endpoint.
    #[must_use]
    pub fn userinfo_url(&self) -> String {
        self.announced(
            self.webfinger.oidc_discovery.userinfo_url.as_ref(),
            "/userinfo",
        )
    }

    /// The announced registration endpoint, if any.
    #[must_use]
    pub fn client_registration_url(&self) -> Option<&str> {
        self.webfinger
            .oidc_discovery
            .client_registration_url
            .as_deref()
    }

    /// The credentials endpoint.
    #[must_use]
    pub fn credentials_url(&self) -> String {
        self.public_path("/credentials")
    }

    /// The revocation endpoint. Compat: below the issuer, not below the public URL.
    #[must_use]
    pub fn revocation_url(&self) -> String {
        self.issuer_path("/oauth2/revoke")
    }

    /// The logout endpoint. Compat: below the issuer, not below the public URL.
    #[must_use]
    pub fn end_session_url(&self) -> String {
        self.issuer_path("/oauth2/sessions/logout")
    }

    /// The page that applications ask whether the session has changed.
    #[must_use]
    pub fn check_session_url(&self) -> String {
        self.public_path("/oauth2/sessions/check")
    }

    /// The login page.
    #[must_use]
    pub fn login_url(&self) -> String {
        self.page(self.urls.login.as_ref(), "/oauth2/fallbacks/login")
    }

    /// The page for new accounts.
    #[must_use]
    pub fn registration_url(&self) -> String {
        self.urls
            .registration
            .as_ref()
            .map_or_else(|| self.login_url(), |url| rooted(url))
    }

    /// The consent page.
    #[must_use]
    pub fn consent_url(&self) -> String {
        self.page(self.urls.consent.as_ref(), "/oauth2/fallbacks/consent")
    }

    /// The logout page.
    #[must_use]
    pub fn logout_url(&self) -> String {
        self.page(self.urls.logout.as_ref(), "/oauth2/fallbacks/logout")
    }

    /// The error page.
    #[must_use]
    pub fn error_url(&self) -> String {
        self.page(self.urls.error.as_ref(), "/oauth2/fallbacks/error")
    }

    /// Where a logout ends by default.
    #[must_use]
    pub fn post_logout_redirect_url(&self) -> String {
        let configured = self.urls.post_logout_redirect.as_ref();
        self.page(configured, "/oauth2/fallbacks/logout/callback")
    }

    fn announced(&self, configured: Option<&String>, path: &str) -> String {
        configured
            .cloned()
            .unwrap_or_else(|| self.public_path(path))
    }

    fn page(&self, configured: Option<&String>, fallback: &str) -> String {
        configured.map_or_else(|| self.public_path(fallback), |url| rooted(url))
    }
}

/// A URL in three parts: up to the authority, path, query with fragment.
fn parts(url: &str) -> (&str, &str, &str) {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (before, suffix) = url.split_at_checked(end).unwrap_or((url, ""));
    let authority = before.find("://").map_or(0, |at| at + 3);
    let path_at = match before.get(authority..).and_then(|rest| rest.find('/')) {
        Some(at) => authority + at,
        None if authority > 0 => before.len(),
        None => 0,
    };
    let (prefix, path) = before.split_at_checked(path_at).unwrap_or((before, ""));
    (prefix, path, suffix)
}

/// The URL with `/` for an empty path.
fn rooted(url: &str) -> String {
    let (prefix, path, suffix) = parts(url);
    if path.is_empty() {
        format!("{prefix}/{suffix}")
    } else {
        url.to_owned()
    }
}

/// Appends a path to a URL as Go's `path.Join` does; a query of the base stays.
#[must_use]
pub fn join(base: &str, path: &str) -> String {
    let (prefix, base_path, suffix) = parts(base);
    let mut segments: Vec<&str> = Vec::new();
    for segment in base_path.split('/').chain(path.split('/')) {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    let slash = if path.ends_with('/') && !segments.is_empty() {
        "/"
    } else {
        ""
    };
    format!("{prefix}/{}{slash}{suffix}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_and_cleaned() {
        let rows = [
            (
                "https://a.example",
                "/oauth2/auth",
                "https://a.example/oauth2/auth",
            ),
            (
                "https://a.example/",
                "/oauth2/auth",
                "https://a.example/oauth2/auth",
            ),
            (
                "https://a.example/base/",
                "/userinfo",
                "https://a.example/base/userinfo",
            ),
            (
                "https://a.example//base//x",
                "y",
                "https://a.example/base/x/y",
            ),
            ("https://a.example/b/../c/./", "/y", "https://a.example/c/y"),
            ("http://h:4444/base?x=1", "/y", "http://h:4444/base/y?x=1"),
            ("https://a.example/../..", "/y", "https://a.example/y"),
            ("https://a.example/x", "y/", "https://a.example/x/y/"),
        ];
        for (base, path, joined) in rows {
            assert_eq!(join(base, path), joined, "{base} + {path}");
        }
    }

    #[test]
    fn empty_paths_become_a_slash() {
        let rows = [
            ("https://a.example", "https://a.example/"),
            ("https://a.example?x=1", "https://a.example/?x=1"),
            ("https://a.example/login", "https://a.example/login"),
            ("/login", "/login"),
            ("login?x", "login?x"),
        ];
        for (url, expected) in rows {
            assert_eq!(rooted(url), expected, "{url}");
        }
    }
}
