//! Rules that a schema cannot say.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Settings;
use super::dsn::Dsn;
use super::oauth2::{ROTATION_GRACE_COUNTED_MAX, ROTATION_GRACE_MAX};
use super::oidc::{PAIRWISE_SALT_MIN, SubjectType};
use super::problem::{Problem, SECRET_ADVICE};
use super::serve::{ListenAddress, Listener};
use super::tls::{PemSettings, Tls};
use super::ttl::AUTHENTICATION_SESSION_MAX;

/// Which listeners this process will open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Serving {
    #[default]
    Both,
    PublicOnly,
    AdminOnly,
}

/// Advice for those who only want to try.
const TRY_IT: &str = "For a try on your own machine, add `--dev`.";
const MAKES_ONE: &str = "With `--dev` the server makes one.";

/// Says something else where the advice is to add `--dev`.
pub(super) fn advise_beyond_dev(problems: &mut [Problem], instead: &str) {
    for advice in problems
        .iter_mut()
        .filter_map(|problem| problem.advice.as_mut())
    {
        *advice = advice.replace(TRY_IT, instead).replace(MAKES_ONE, instead);
    }
}

impl Settings {
    /// Everything that is wrong with the combination of values, each thing named by its key.
    ///
    /// Values may be right one by one and wrong together; this is about the latter.
    #[must_use]
    pub fn check(&self, serving: Serving) -> Vec<Problem> {
        let mut problems = Vec::new();
        self.check_issuer(&mut problems);
        self.check_secrets(&mut problems);
        self.check_development_keys(&mut problems);
        self.check_listeners(serving, &mut problems);
        self.check_tls(&mut problems);
        self.check_subjects(&mut problems);
        self.check_user_code(&mut problems);
        self.check_token_prefixes(&mut problems);
        if serving != Serving::Both && self.dsn == Dsn::SqliteMemory {
            problems.push(
                Problem::new(
                    "dsn",
                    "is `memory`, which one process cannot share with another",
                )
                .advise("Use `serve all`, or a database that both processes reach."),
            );
        }
        if self.hsm.enabled {
            problems.push(
                Problem::new(
                    "hsm.enabled",
                    "asks for a hardware security module; none is supported",
                )
                .advise("Keys are kept encrypted in the database. Remove `hsm`."),
            );
        }
        problems
    }

    /// Security: tokens are only as trustworthy as the issuer's address, so it must be https.
    fn check_issuer(&self, problems: &mut Vec<Problem>) {
        const KEY: &str = "urls.self.issuer";
        let Some(issuer) = &self.urls.own.issuer else {
            if !self.is_development() {
                problems.push(
                    Problem::new(
                        KEY,
                        "is missing: clients cannot trust a server without a name",
                    )
                    .advise(
                        format!("Set it to the public https address, in the file or as URLS_SELF_ISSUER. {TRY_IT}"),
                    )
                    .absent(),
                );
            }
            return;
        };
        let Ok(url) = url::Url::parse(issuer) else {
            problems.push(Problem::new(KEY, "is not a URL"));
            return;
        };
        match url.scheme() {
            "https" => {}
            "http" if self.is_development() => {}
            "http" => problems.push(
                Problem::new(KEY, "must be https outside development mode").advise(format!(
                    "Use the https address that clients see; a proxy may end TLS. {TRY_IT}"
                )),
            ),
            _ => problems.push(Problem::new(KEY, "must be an https URL")),
        }
        if url.query().is_some() || url.fragment().is_some() {
            problems.push(Problem::new(
                KEY,
                "must have neither a query nor a fragment",
            ));
        }
        if !url.has_host() {
            problems.push(Problem::new(KEY, "names no host"));
        }
    }

    fn check_secrets(&self, problems: &mut Vec<Problem>) {
        if self.secrets.system.is_empty() && !self.is_development() {
            problems.push(
                Problem::new(
                    "secrets.system",
                    "is missing: nothing can be sealed without it",
                )
                .advise(format!(
                    "{SECRET_ADVICE} Set it in the file or as SECRETS_SYSTEM, the same for \
                         every process. {MAKES_ONE}"
                ))
                .absent(),
            );
        }
    }

    fn check_development_keys(&self, problems: &mut Vec<Problem>) {
        if !self.insecure_redirect_urls.is_empty() && !self.is_development() {
            problems.push(
                Problem::new(
                    "dangerous-allow-insecure-redirect-urls",
                    "needs `dangerous-force-http` or `dev`",
                )
                .advise("Outside development mode redirect URIs must be https. Remove it."),
            );
        }
    }

    fn check_listeners(&self, serving: Serving, problems: &mut Vec<Problem>) {
        let (public, admin) = (&self.serve.public, &self.serve.admin);
        if serving == Serving::Both && collide(public, admin) {
            problems.push(
                Problem::new("serve.admin.port", "is the port of the public listener too")
                    .advise("Give the two listeners different ports."),
            );
        }
        for (name, listener) in [("public", public), ("admin", admin)] {
            if let ListenAddress::Unix { path } = listener.address()
                && path.as_os_str().is_empty()
            {
                let key = format!("serve.{name}.host");
                problems.push(Problem::new(&key, "names no socket file after `unix:`"));
            }
        }
        if admin.auth.client_ca.is_some() && self.serve.tls(admin) == Tls::Off {
            problems.push(
                Problem::new(
                    "serve.admin.auth.client_ca",
                    "needs TLS: client certificates are part of it",
                )
                .advise("Set `serve.admin.tls.enabled` with a certificate and a key."),
            );
        }
    }

    fn check_tls(&self, problems: &mut Vec<Problem>) {
        let shared = &self.serve.tls;
        let levels = [
            ("serve.tls", shared, None),
            ("serve.public.tls", &self.serve.public.tls, Some(shared)),
            ("serve.admin.tls", &self.serve.admin.tls, Some(shared)),
        ];
        for (key, tls, above) in levels {
            check_pem(&format!("{key}.cert"), tls.cert.as_ref(), problems);
            check_pem(&format!("{key}.key"), tls.key.as_ref(), problems);
            if tls.cert.is_none() && tls.key.is_none() {
                continue;
            }
            let has = |own: &Option<PemSettings>, above: Option<&Option<PemSettings>>| {
                let given = own.as_ref().or(above.and_then(Option::as_ref));
                given.and_then(PemSettings::source).is_some()
            };
            let cert = has(&tls.cert, above.map(|above| &above.cert));
            let private = has(&tls.key, above.map(|above| &above.key));
            if cert != private {
                let (missing, present) = if cert {
                    ("key", "cert")
                } else {
                    ("cert", "key")
                };
                problems.push(Problem::new(
                    &format!("{key}.{missing}"),
                    format!("is missing, although `{key}.{present}` is set; they are a pair"),
                ));
            }
        }
    }

    fn check_subjects(&self, problems: &mut Vec<Problem>) {
        const KEY: &str = "oidc.subject_identifiers.pairwise.salt";
        let subjects = &self.oidc.subject_identifiers;
        if !subjects.supported_types.contains(&SubjectType::Pairwise) {
            return;
        }
        let advice = "Make one with `openssl rand -hex 16` and never change it: it decides every \
                      person's `sub`.";
        match subjects
            .pairwise
            .as_ref()
            .map(|pairwise| pairwise.salt.expose().len())
        {
            None => problems.push(
                Problem::new(KEY, "is missing, although pairwise subjects are on")
                    .advise(advice)
                    .absent(),
            ),
            Some(bytes) if bytes < PAIRWISE_SALT_MIN => problems.push(
                Problem::new(
                    KEY,
                    format!("must have at least {PAIRWISE_SALT_MIN} bytes and has {bytes}"),
                )
                .advise(advice),
            ),
            Some(_) => {}
        }
    }

    fn check_user_code(&self, problems: &mut Vec<Problem>) {
        const KEY: &str = "oauth2.device_authorization.user_code";
        let code = &self.oauth2.device_authorization.user_code;
        let rule = match (code.length, &code.character_set, code.entropy_preset) {
            (Some(_), None, _) => ("length", "needs `character_set` beside it"),
            (None, Some(_), _) => ("character_set", "needs `length` beside it"),
            (Some(_), Some(_), Some(_)) => (
                "entropy_preset",
                "cannot stand beside `length` and `character_set`",
            ),
            (Some(_), Some(set), None) => {
                let distinct: BTreeSet<char> = set.chars().collect();
                if distinct.len() == set.chars().count() {
                    return;
                }
                ("character_set", "holds a character twice")
            }
            (None, None, _) => return,
        };
        problems.push(Problem::new(&format!("{KEY}.{}", rule.0), rule.1));
    }

    fn check_token_prefixes(&self, problems: &mut Vec<Problem>) {
        let prefix = &self.oauth2.token_prefix;
        let all = [
            ("access", &prefix.access),
            ("refresh", &prefix.refresh),
            ("code", &prefix.code),
            ("device", &prefix.device),
        ];
        let mut seen = BTreeSet::new();
        for (name, value) in all {
            if !seen.insert(value) {
                problems.push(
                    Problem::new(
                        &format!("oauth2.token_prefix.{name}"),
                        "is the prefix of another kind of token too",
                    )
                    .advise("Each kind needs its own prefix, so that tokens cannot be confused."),
                );
            }
        }
    }

    /// Brings values to what is in effect, and says so.
    pub(super) fn normalize(&mut self, warnings: &mut Vec<String>) {
        self.clamp(warnings);
        self.drop_relative_urls(warnings);
        // Compat: version 1's flag means plain HTTP, whatever certificates are configured.
        if self.force_http {
            for tls in [
                &mut self.serve.tls,
                &mut self.serve.public.tls,
                &mut self.serve.admin.tls,
            ] {
                if tls.enabled == Some(true) {
                    warnings
                        .push("dangerous-force-http turns TLS off on both listeners".to_owned());
                }
                tls.enabled = Some(false);
            }
        }
    }

    /// Compat: a relative reference in one of these keys counts as unset.
    fn drop_relative_urls(&mut self, warnings: &mut Vec<String>) {
        let discovery = &mut self.webfinger.oidc_discovery;
        let prefix = "webfinger.oidc_discovery";
        let urls = [
            ("urls.logout".to_owned(), &mut self.urls.logout),
            ("urls.error".to_owned(), &mut self.urls.error),
            (
                "urls.post_logout_redirect".to_owned(),
                &mut self.urls.post_logout_redirect,
            ),
            (
                "urls.device.success".to_owned(),
                &mut self.urls.device.success,
            ),
            (format!("{prefix}.jwks_url"), &mut discovery.jwks_url),
            (format!("{prefix}.token_url"), &mut discovery.token_url),
            (format!("{prefix}.auth_url"), &mut discovery.auth_url),
            (
                format!("{prefix}.userinfo_url"),
                &mut discovery.userinfo_url,
            ),
            (
                format!("{prefix}.device_authorization_url"),
                &mut discovery.device_authorization_url,
            ),
            (
                format!("{prefix}.client_registration_url"),
                &mut discovery.client_registration_url,
            ),
        ];
        for (key, url) in urls {
            let is_usable = url
                .as_ref()
                .is_none_or(|url| url.starts_with('/') || url::Url::parse(url).is_ok());
            if !is_usable {
                *url = None;
                warnings.push(format!(
                    "{key} is neither an absolute URL nor a path that starts with `/`; its default \
                     is used"
                ));
            }
        }
    }

    fn clamp(&mut self, warnings: &mut Vec<String>) {
        let session = &mut self.ttl.authentication_session;
        if *session > AUTHENTICATION_SESSION_MAX {
            *session = AUTHENTICATION_SESSION_MAX;
            warnings
                .push("ttl.authentication_session is more than 180 days; 180 days are used".into());
        }
        let refresh = &mut self.oauth2.grant.refresh_token;
        let (most, words) = if refresh.rotation_grace_reuse_count > 0 {
            (ROTATION_GRACE_COUNTED_MAX, "180 days")
        } else {
            (ROTATION_GRACE_MAX, "5 minutes")
        };
        if refresh.rotation_grace_period > most {
            refresh.rotation_grace_period = most;
            warnings.push(format!(
                "oauth2.grant.refresh_token.rotation_grace_period is more than {words}; {words} are \
                 used"
            ));
        }
    }
}

fn check_pem(key: &str, pem: Option<&PemSettings>, problems: &mut Vec<Problem>) {
    let Some(pem) = pem else { return };
    match (&pem.path, &pem.base64) {
        (Some(_), Some(_)) => {
            problems.push(Problem::new(
                key,
                "has both `path` and `base64`; give one of them",
            ));
        }
        (None, None) => problems.push(Problem::new(key, "has neither `path` nor `base64`")),
        (None, Some(text)) if STANDARD.decode(text.expose()).is_err() => problems.push(
            Problem::new(&format!("{key}.base64"), "is not padded standard base64")
                .advise("Make it with `base64 -w0 FILE`."),
        ),
        _ => {}
    }
}

/// Whether the two listeners want the same port of the same interface.
fn collide(public: &Listener, admin: &Listener) -> bool {
    match (public.address(), admin.address()) {
        (ListenAddress::Unix { path: a }, ListenAddress::Unix { path: b }) => a == b,
        (ListenAddress::Unix { .. }, _) | (_, ListenAddress::Unix { .. }) => false,
        (a, b) => {
            let is_wide = |address: &ListenAddress| match address {
                ListenAddress::AllInterfaces { .. } => true,
                ListenAddress::Host { host, .. } => host == "0.0.0.0",
                _ => false,
            };
            public.port == admin.port && (a == b || is_wide(&a) || is_wide(&b))
        }
    }
}
