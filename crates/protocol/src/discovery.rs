//! The metadata document of the authorization server.
//!
//! Spec: RFC 8414 2, OpenID Connect Discovery 1.0 3
//!
//! Invariant: it names only endpoints, grants and methods that work, and besides them the members that OpenID Connect
//! requires.

use serde::Serialize;
use tessera_crypto::jose::Alg;

/// Signing algorithms accepted from clients.
pub fn assertion_algorithms() -> Vec<&'static str> {
    Alg::ALL.map(Alg::as_str).to_vec()
}

/// Ways for a client to authenticate.
pub const AUTH_METHODS: [&str; 4] = [
    "client_secret_post",
    "client_secret_basic",
    "private_key_jwt",
    "none",
];

/// The document, in the order of the wire.
#[derive(Debug, Clone, Serialize)]
#[expect(
    missing_docs,
    reason = "each member is specified by RFC 8414 or OpenID Connect Discovery"
)]
pub struct Metadata {
    pub issuer: String,
    pub authorization_endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_endpoint: Option<String>,
    pub token_endpoint: String,
    pub jwks_uri: String,
    pub subject_types_supported: Vec<String>,
    pub response_types_supported: Vec<&'static str>,
    pub claims_supported: Vec<String>,
    pub grant_types_supported: Vec<&'static str>,
    pub response_modes_supported: Vec<&'static str>,
    pub userinfo_endpoint: String,
    pub scopes_supported: Vec<String>,
    pub token_endpoint_auth_methods_supported: Vec<&'static str>,
    pub token_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    pub userinfo_signing_alg_values_supported: Vec<String>,
    pub id_token_signing_alg_values_supported: Vec<String>,
    /// Compat: lists, by Hydra's own names.
    pub id_token_signed_response_alg: Vec<String>,
    pub userinfo_signed_response_alg: Vec<String>,
    pub request_parameter_supported: bool,
    pub request_uri_parameter_supported: bool,
    pub require_request_uri_registration: bool,
    pub claims_parameter_supported: bool,
    pub revocation_endpoint: String,
    pub revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    pub revocation_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    pub backchannel_logout_supported: bool,
    pub backchannel_logout_session_supported: bool,
    pub frontchannel_logout_supported: bool,
    pub frontchannel_logout_session_supported: bool,
    pub end_session_endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_session_iframe: Option<String>,
    pub request_object_signing_alg_values_supported: Vec<&'static str>,
    pub code_challenge_methods_supported: Vec<&'static str>,
    pub authorization_response_iss_parameter_supported: bool,
    pub prompt_values_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection_endpoint_auth_methods_supported: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection_endpoint_auth_signing_alg_values_supported: Option<Vec<&'static str>>,
}
