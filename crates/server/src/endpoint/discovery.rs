//! The metadata document, under both of its well-known names.
//!
//! Spec: RFC 8414 3, OpenID Connect Discovery 1.0 4

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use tessera_crypto::jose::Alg;
use tessera_protocol::discovery::{AUTH_METHODS, Metadata, assertion_algorithms};

use crate::config::Settings;
use crate::reply;
use crate::state::App;

/// Answers the document.
pub(crate) async fn get(State(app): State<App>) -> Response {
    reply::json_bytes(StatusCode::OK, app.discovery.clone())
}

/// The subject types on offer, as texts.
pub(crate) fn subject_types(settings: &Settings) -> Vec<String> {
    settings
        .subject_types()
        .into_iter()
        .map(|kind| kind.as_str().to_owned())
        .collect()
}

/// The document for these settings; `alg` is the algorithm of generated keys.
pub(crate) fn metadata(settings: &Settings, alg: Alg) -> Metadata {
    let introspection = settings
        .oauth2
        .public_introspection
        .then(|| settings.issuer_path("/oauth2/introspect"));
    let with_standard = |first: &[&str], configured: &[String]| {
        first
            .iter()
            .map(|s| (*s).to_owned())
            .chain(configured.iter().cloned())
            .collect()
    };
    let webfinger = &settings.webfinger.oidc_discovery;
    Metadata {
        issuer: settings.issuer(),
        registration_endpoint: settings.client_registration_url().map(str::to_owned),
        token_endpoint: settings.token_url(),
        jwks_uri: settings.jwks_url(),
        subject_types_supported: subject_types(settings),
        response_types_supported: Vec::new(),
        claims_supported: with_standard(&["sub"], &webfinger.supported_claims),
        grant_types_supported: vec!["client_credentials"],
        scopes_supported: with_standard(
            &["offline_access", "offline", "openid"],
            &webfinger.supported_scope,
        ),
        token_endpoint_auth_methods_supported: AUTH_METHODS.to_vec(),
        token_endpoint_auth_signing_alg_values_supported: assertion_algorithms(),
        id_token_signing_alg_values_supported: vec![alg.as_str().to_owned()],
        revocation_endpoint: settings.revocation_url(),
        revocation_endpoint_auth_methods_supported: AUTH_METHODS.to_vec(),
        revocation_endpoint_auth_signing_alg_values_supported: assertion_algorithms(),
        introspection_endpoint_auth_methods_supported: introspection
            .is_some()
            .then(|| AUTH_METHODS.to_vec()),
        introspection_endpoint_auth_signing_alg_values_supported: introspection
            .is_some()
            .then(assertion_algorithms),
        introspection_endpoint: introspection,
    }
}
