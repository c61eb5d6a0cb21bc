//! What a configuration may say and probably does not mean.

use super::oauth2::{AccessTokenStrategy, ScopeStrategy};
use super::oidc::SubjectType;
use super::settings::Settings;
use super::tls::Tls;

impl Settings {
    /// What is allowed and probably not meant.
    pub(super) fn warn(&self, warnings: &mut Vec<String>) {
        if self.strategies.scope == ScopeStrategy::Hierarchical {
            warnings.push(
                "strategies.scope: the hierarchical strategy is deprecated; use `wildcard`"
                    .to_owned(),
            );
        }
        let is_jwt = self.strategies.access_token == AccessTokenStrategy::Jwt;
        let types = &self.oidc.subject_identifiers.supported_types;
        if is_jwt && types.contains(&SubjectType::Pairwise) {
            warnings.push(
                "oidc.subject_identifiers.supported_types: pairwise subjects are off while \
                 strategies.access_token is `jwt`, save for clients whose access_token_strategy is `opaque`"
                    .to_owned(),
            );
        }
        for (name, listener) in [("public", &self.serve.public), ("admin", &self.serve.admin)] {
            let is_unset = listener.tls.enabled.or(self.serve.tls.enabled).is_none();
            let has_cert = listener.tls.cert.is_some() || self.serve.tls.cert.is_some();
            if is_unset && has_cert {
                warnings.push(format!(
                    "serve.{name}.tls: a certificate is set, but `enabled` is not: this listener \
                     speaks plain HTTP"
                ));
            }
        }
        if self.builtin_login.users_file.is_some() && !self.has_builtin_login() {
            warnings.push(
                "builtin_login.users_file has no effect while urls.login or urls.consent names a page"
                    .to_owned(),
            );
        }
        self.warn_of_keys_without_effect(warnings);
        if !self.is_development() {
            return;
        }
        warnings.push(
            "development mode is on: http is allowed and secrets may be generated; never do this \
             in production"
                .to_owned(),
        );
    }
    /// Security: who relies on a key must learn that it is without effect, not find out.
    fn warn_of_keys_without_effect(&self, warnings: &mut Vec<String>) {
        if self.oidc.dynamic_client_registration.enabled {
            warnings.push(
                "oidc.dynamic_client_registration.enabled: is set, but this release does not have it yet"
                    .to_owned(),
            );
        }
        for (name, listener) in [("public", &self.serve.public), ("admin", &self.serve.admin)] {
            let own = listener.tls.allow_termination_from.as_ref();
            let shared = self.serve.tls.allow_termination_from.as_ref();
            let has_list = own.or(shared).is_some_and(|list| !list.is_empty());
            let has_effect = !self.serve.termination_from(listener).is_empty();
            if has_list && !has_effect && !self.is_development() {
                let why = if self.serve.tls(listener) == Tls::Off {
                    "TLS is off and this listener answers plain HTTP from everyone; set `enabled` to have it checked"
                } else {
                    "this listener wants client certificates, which a proxy cannot show"
                };
                warnings.push(format!(
                    "serve.{name}.tls.allow_termination_from has no effect: {why}"
                ));
            }
            if self.feature_flags.legacy_allow_insecure_origins || !listener.cors.enabled {
                continue;
            }
            for pattern in listener.cors.unbounded_origins() {
                warnings.push(format!(
                    "serve.{name}.cors.allowed_origins: '{pattern}' counts for nothing, because sites of strangers \
                     match it; put the wildcard before a whole domain, as in https://*.example.com"
                ));
            }
        }
    }
}
