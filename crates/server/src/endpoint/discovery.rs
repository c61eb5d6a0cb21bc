//! The metadata document, under both of its well-known names.
//!
//! Spec: RFC 8414 3, OpenID Connect Discovery 1.0 4

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use tessera_crypto::jose::Alg;
use tessera_protocol::authorize::response_type::ResponseMode;
use tessera_protocol::discovery::{AUTH_METHODS, Metadata, assertion_algorithms};
use tessera_protocol::registration::ID_TOKEN_ALGS;

use crate::config::{AccessTokenStrategy, Settings};
use crate::reply;
use crate::state::App;

/// Answers the document.
pub(crate) async fn get(State(app): State<App>) -> Response {
    reply::json_bytes(StatusCode::OK, app.discovery.clone())
}

/// The subject types on offer to clients with such access tokens, as texts.
pub(crate) fn subject_types(settings: &Settings, access_token: AccessTokenStrategy) -> Vec<String> {
    settings
        .subject_types(access_token)
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
    let others = ID_TOKEN_ALGS.into_iter().filter(|other| *other != alg);
    let id_token_algs: Vec<String> = std::iter::once(alg)
        .chain(others)
        .map(|alg| alg.as_str().to_owned())
        .collect();
    Metadata {
        issuer: settings.issuer(),
        authorization_endpoint: settings.auth_url(),
        registration_endpoint: settings.client_registration_url().map(str::to_owned),
        token_endpoint: settings.token_url(),
        jwks_uri: settings.jwks_url(),
        subject_types_supported: subject_types(settings, settings.strategies.access_token),
        response_types_supported: vec![
            "code",
            "code id_token",
            "id_token",
            "token id_token",
            "token",
            "token id_token code",
        ],
        claims_supported: with_standard(&["sub"], &webfinger.supported_claims),
        grant_types_supported: vec![
            "authorization_code",
            "implicit",
            "client_credentials",
            "refresh_token",
        ],
        response_modes_supported: ResponseMode::NAMES.to_vec(),
        userinfo_endpoint: settings.userinfo_url(),
        scopes_supported: with_standard(
            &["offline_access", "offline", "openid"],
            &webfinger.supported_scope,
        ),
        token_endpoint_auth_methods_supported: AUTH_METHODS.to_vec(),
        token_endpoint_auth_signing_alg_values_supported: assertion_algorithms(),
        userinfo_signing_alg_values_supported: vec!["none".to_owned(), "RS256".to_owned()],
        id_token_signed_response_alg: vec![alg.as_str().to_owned()],
        userinfo_signed_response_alg: vec![alg.as_str().to_owned()],
        id_token_signing_alg_values_supported: id_token_algs,
        request_parameter_supported: true,
        request_uri_parameter_supported: true,
        require_request_uri_registration: true,
        claims_parameter_supported: true,
        revocation_endpoint: settings.revocation_url(),
        revocation_endpoint_auth_methods_supported: AUTH_METHODS.to_vec(),
        revocation_endpoint_auth_signing_alg_values_supported: assertion_algorithms(),
        backchannel_logout_supported: true,
        backchannel_logout_session_supported: true,
        frontchannel_logout_supported: true,
        frontchannel_logout_session_supported: true,
        end_session_endpoint: settings.end_session_url(),
        check_session_iframe: (settings.oidc.session_management.enabled)
            .then(|| settings.check_session_url()),
        request_object_signing_alg_values_supported: std::iter::once("none")
            .chain(assertion_algorithms())
            .collect(),
        code_challenge_methods_supported: vec!["S256"],
        authorization_response_iss_parameter_supported: true,
        prompt_values_supported: prompt_values(settings),
        introspection_endpoint_auth_methods_supported: introspection
            .is_some()
            .then(|| confidential_methods().collect()),
        introspection_endpoint_auth_signing_alg_values_supported: introspection
            .is_some()
            .then(assertion_algorithms),
        introspection_endpoint: introspection,
    }
}

/// How a client that may introspect authenticates: public clients may not.
fn confidential_methods() -> impl Iterator<Item = &'static str> {
    AUTH_METHODS.into_iter().filter(|method| *method != "none")
}

/// What `prompt` may ask for. The page for new accounts is announced where there is one.
///
/// Compat: Hydra's own value `registration` is accepted but not announced: Nimbus, and Spring Security on it, refuses a
/// document with a value that it does not know. `create` is the standard's name for the same.
fn prompt_values(settings: &Settings) -> Vec<&'static str> {
    let new_account = settings.urls.registration.is_some().then_some("create");
    ["none", "login", "consent", "select_account"]
        .into_iter()
        .chain(new_account)
        .collect()
}
