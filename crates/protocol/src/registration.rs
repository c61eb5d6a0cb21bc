//! Reading client metadata from a request, and the rules it must keep.
//!
//! Spec: RFC 7591 2, OpenID Connect Dynamic Client Registration 1.0 2
//!
//! Compat: which members are checked, how, and in which order is Hydra's, because the first broken rule is the
//! one that is answered.

use std::fmt;

use serde_json::{Map, Value};
use tessera_crypto::jose::Alg;
use url::Url;

use crate::authorize::redirect_uri::is_for_the_browser;
use crate::client::{ClientJwks, ClientMetadata};
use crate::discovery::assertion_algorithms;
use crate::error::{ErrorCode, OAuthError, quoted};

/// Algorithms that a client may register for its ID tokens.
pub const ID_TOKEN_ALGS: [Alg; 4] = [Alg::RS256, Alg::PS256, Alg::ES256, Alg::EdDSA];

/// A body that cannot be read as client metadata. The text is for the caller; it names the member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError(pub String);

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Deepest nesting of lists and objects in one member: half of what the JSON reader of a stored client takes.
pub const DEPTH_MAX: usize = 64;

/// Longest `client_id` kept, in bytes.
pub const CLIENT_ID_MAX: usize = 2_048;

/// Members that only the server sets; in a request they are read over.
const SERVER_SET: [&str; 5] = [
    "created_at",
    "updated_at",
    "client_secret_expires_at",
    "registration_access_token",
    "registration_client_uri",
];

/// Reads a client object.
///
/// Compat: as Go's decoder does, names match in any case, unknown members are read over, `null` means absent,
/// and only the first JSON value of the body is read.
pub fn decode(body: &[u8]) -> Result<ClientMetadata, DecodeError> {
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<Value>();
    match values.next() {
        Some(Ok(Value::Object(members))) => decode_object(members),
        Some(Ok(Value::Null)) => decode_object(Map::new()),
        Some(Ok(other)) => Err(DecodeError(format!(
            "a client is a JSON object, not {}",
            kind_of(&other)
        ))),
        Some(Err(e)) => Err(DecodeError(e.to_string())),
        None => Err(DecodeError("the body is empty".to_owned())),
    }
}

/// Reads a client object that was parsed already.
pub fn decode_object(members: Map<String, Value>) -> Result<ClientMetadata, DecodeError> {
    let mut known = Map::with_capacity(members.len());
    for (name, value) in members {
        let name = name.to_ascii_lowercase();
        let is_absent = value.is_null() && name != "metadata";
        if !is_absent && !SERVER_SET.contains(&name.as_str()) {
            known.insert(name, value);
        }
    }
    let jwks = known.remove("jwks").map(decode_jwks).transpose()?;
    if let Some(nul) = known
        .iter()
        .find(|(_, value)| holds_nul(value))
        .map(|(name, _)| name)
    {
        return Err(DecodeError(format!("member '{nul}' holds a NUL character")));
    }
    if let Some((deep, _)) = known.iter().find(|(_, value)| depth(value) > DEPTH_MAX) {
        return Err(DecodeError(format!(
            "member '{deep}' is nested more than {DEPTH_MAX} levels deep"
        )));
    }
    let mut metadata: ClientMetadata =
        serde_json::from_value(Value::Object(known)).map_err(|e| DecodeError(e.to_string()))?;
    metadata.jwks = jwks;
    if metadata.client_id.len() > CLIENT_ID_MAX {
        return Err(DecodeError(format!(
            "member 'client_id' is longer than {CLIENT_ID_MAX} bytes"
        )));
    }
    Ok(metadata)
}

fn decode_jwks(value: Value) -> Result<ClientJwks, DecodeError> {
    let named = |e: &dyn fmt::Display| DecodeError(format!("member 'jwks': {e}"));
    if !value.is_object() {
        return Err(named(&format!(
            "a key set is an object, not {}",
            kind_of(&value)
        )));
    }
    let mut set: ClientJwks = serde_json::from_value(value).map_err(|e| named(&e))?;
    for key in set.keys.iter_mut().flatten() {
        key.check().map_err(|e| named(&e))?;
        // Security: a private key that was sent by mistake is not kept. A symmetric one is refused later.
        if key.kty != "oct" {
            *key = key.public();
        }
    }
    Ok(set)
}

/// How deep lists and objects are nested in a value; 0 for any other value.
pub fn depth(value: &Value) -> usize {
    let inner = match value {
        Value::Array(list) => list.iter().map(depth).max(),
        Value::Object(members) => members.values().map(depth).max(),
        _ => return 0,
    };
    inner.unwrap_or(0).saturating_add(1)
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(list) => list.iter().any(holds_nul),
        Value::Object(map) => map.iter().any(|(k, v)| k.contains('\0') || holds_nul(v)),
        _ => false,
    }
}

const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// What the server's configuration says about registrations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Scope of a client that is registered without one.
    pub default_scope: String,
    /// `public`, `pairwise`, or both, for clients whose access tokens are opaque; the first is the default.
    pub opaque_subject_types: Vec<String>,
    /// Likewise, for those whose access tokens are JWTs.
    pub jwt_subject_types: Vec<String>,
    /// Whether a client that does not choose gets JWT access tokens.
    pub jwt_access_tokens: bool,
}

fn refuse(hint: String) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidClientMetadata, hint)
}

/// Checks the metadata and fills in defaults.
///
/// What needs the network (`sector_identifier_uri`, addresses of URIs) is the caller's, after this.
pub fn validate(mut metadata: ClientMetadata, rules: &Rules) -> Result<ClientMetadata, OAuthError> {
    check_authentication(&mut metadata)?;
    check_pages(&metadata)?;
    if let Some(secret) = &metadata.client_secret
        && (1..6).contains(&secret.len())
    {
        return Err(refuse(
            "Member 'client_secret' must be at least 6 characters long.".to_owned(),
        ));
    }
    if metadata.scope.is_empty() {
        metadata.scope.clone_from(&rules.default_scope);
    }
    metadata.allowed_cors_origins = metadata
        .allowed_cors_origins
        .iter()
        .map(|origin| checked_origin(origin))
        .collect::<Result<_, _>>()?;
    metadata.client_secret_expires_at = 0;
    if !metadata.sector_identifier_uri.is_empty()
        && !is_web_uri(&metadata.sector_identifier_uri, &["https"])
    {
        return Err(refuse(format!(
            "Member 'sector_identifier_uri' is {}, not an https URI.",
            quoted(&metadata.sector_identifier_uri)
        )));
    }
    check_response_algs(&mut metadata)?;
    check_redirects(&metadata)?;
    check_access_tokens(&mut metadata)?;
    check_subject_type(&mut metadata, rules)?;
    check_post_logout(&metadata)?;
    if !metadata.initiate_login_uri.is_empty()
        && !is_web_uri(&metadata.initiate_login_uri, &["https"])
    {
        return Err(refuse(format!(
            "Member 'initiate_login_uri' is {}, not an https URI.",
            quoted(&metadata.initiate_login_uri)
        )));
    }
    metadata
        .metadata
        .get_or_insert_with(|| Value::Object(Map::new()));
    metadata.jwks.get_or_insert_default();
    Ok(metadata)
}

fn check_pages(metadata: &ClientMetadata) -> Result<(), OAuthError> {
    for (name, uri) in [
        ("tos_uri", &metadata.tos_uri),
        ("policy_uri", &metadata.policy_uri),
        ("logo_uri", &metadata.logo_uri),
        ("client_uri", &metadata.client_uri),
    ] {
        if !uri.is_empty() && !is_web_uri(uri, &["http", "https"]) {
            return Err(refuse(format!(
                "Member '{name}' is {}, not an http or https URI.",
                quoted(uri)
            )));
        }
    }
    Ok(())
}

/// Spec: OpenID Connect Dynamic Client Registration 1.0 2. Secrets are kept as hashes, so no algorithm that needs one can
/// be offered.
fn check_response_algs(metadata: &mut ClientMetadata) -> Result<(), OAuthError> {
    let id_token = metadata.id_token_signed_response_alg.as_str();
    if !id_token.is_empty() && !ID_TOKEN_ALGS.iter().any(|alg| alg.as_str() == id_token) {
        return Err(refuse(format!(
            "Member 'id_token_signed_response_alg' is {}; it can be one of {}.",
            quoted(id_token),
            ID_TOKEN_ALGS.map(Alg::as_str).join(", ")
        )));
    }
    match metadata.userinfo_signed_response_alg.as_str() {
        "" => metadata.userinfo_signed_response_alg = "none".to_owned(),
        "none" | "RS256" => {}
        other => {
            return Err(refuse(format!(
                "Member 'userinfo_signed_response_alg' is {}; it can be 'none' or 'RS256'.",
                quoted(other)
            )));
        }
    }
    Ok(())
}

fn check_authentication(metadata: &mut ClientMetadata) -> Result<(), OAuthError> {
    if metadata.token_endpoint_auth_method.is_empty() {
        metadata.token_endpoint_auth_method = "client_secret_basic".to_owned();
    }
    let has_jwks = metadata.jwks.as_ref().is_some_and(|jwks| !jwks.is_empty());
    let has_jwks_uri = !metadata.jwks_uri.is_empty();
    if metadata.token_endpoint_auth_method == "private_key_jwt" {
        if !has_jwks && !has_jwks_uri {
            return Err(refuse(
                "With 'token_endpoint_auth_method' 'private_key_jwt' either 'jwks' or 'jwks_uri' must be \
                 set."
                    .to_owned(),
            ));
        }
        let alg = metadata.token_endpoint_auth_signing_alg.as_str();
        if !alg.is_empty() && alg.parse::<Alg>().is_err() {
            return Err(refuse(format!(
                "Member 'token_endpoint_auth_signing_alg' is {}; it can be one of {}.",
                quoted(alg),
                assertion_algorithms().join(", ")
            )));
        }
    }
    if has_jwks && has_jwks_uri {
        return Err(refuse(
            "Members 'jwks' and 'jwks_uri' cannot both be set; choose one.".to_owned(),
        ));
    }
    // Security: a symmetric key in `jwks` would be a secret in a public document.
    let symmetric = metadata
        .jwks
        .iter()
        .flat_map(|jwks| jwks.keys.iter().flatten())
        .find(|k| k.kty == "oct");
    if let Some(key) = symmetric {
        return Err(refuse(format!(
            "Key {} in member 'jwks' is symmetric; only RSA, EC and OKP keys are accepted.",
            quoted(&key.kid)
        )));
    }
    Ok(())
}

fn is_web_uri(uri: &str, schemes: &[&str]) -> bool {
    Url::parse(uri).is_ok_and(|uri| schemes.contains(&uri.scheme()) && uri.has_host())
}

/// The origin without a trailing slash.
fn checked_origin(origin: &str) -> Result<String, OAuthError> {
    let refused = |rule: &str| {
        Err(refuse(format!(
            "Origin {} in 'allowed_cors_origins' {rule}.",
            quoted(origin)
        )))
    };
    // Compat: a wildcard label (`https://*.example.com`) is no host to the URL parser, but is to Hydra.
    let Ok(parsed) = Url::parse(&origin.replace('*', "wildcard")) else {
        return refused("is not a URL");
    };
    if !["http", "https"].contains(&parsed.scheme()) {
        return refused("must use http or https");
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return refused("must not hold a user name or password");
    }
    let (scheme, rest) = origin
        .trim_end_matches('/')
        .split_once(':')
        .unwrap_or_default();
    if !["", "/"].contains(&parsed.path().trim_end_matches('/')) || origin.contains(['?', '#']) {
        return refused("must end after the host and port");
    }
    Ok(format!("{}:{rest}", scheme.to_ascii_lowercase()))
}

fn check_redirects(metadata: &ClientMetadata) -> Result<(), OAuthError> {
    for uri in metadata.redirect_uris.iter().flatten() {
        if uri.contains('#') {
            return Err(OAuthError::new(
                ErrorCode::InvalidRedirectUri,
                format!("Redirect URI {} must not have a fragment (#).", quoted(uri)),
            ));
        }
        if !is_request_uri(uri) {
            return Err(OAuthError::new(
                ErrorCode::InvalidRedirectUri,
                format!(
                    "Redirect URI {} cannot be parsed; it must be absolute.",
                    quoted(uri)
                ),
            ));
        }
        // Compat: Hydra keeps any scheme, and sends codes and tokens there.
        if is_for_the_browser(uri) {
            return Err(OAuthError::new(
                ErrorCode::InvalidRedirectUri,
                format!(
                    "Redirect URI {} has a scheme that browsers run or open themselves; use https or a scheme of the \
                     app's own.",
                    quoted(uri)
                ),
            ));
        }
    }
    Ok(())
}

/// Compat: what Go's `ParseRequestURI` takes: a scheme or a leading slash, and no control character.
fn is_request_uri(uri: &str) -> bool {
    if uri.chars().any(|c| c.is_ascii_control()) {
        return false;
    }
    if uri.starts_with('/') {
        return true;
    }
    let Some((scheme, rest)) = uri.split_once(':') else {
        return false;
    };
    let good_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    // An authority must parse as one; the rest of a private-use scheme is the app's own business.
    good_scheme && (!rest.starts_with("//") || Url::parse(uri).is_ok())
}

/// Compat: Hydra looks at it after what follows here, which hangs on it.
fn check_access_tokens(metadata: &mut ClientMetadata) -> Result<(), OAuthError> {
    let strategy = metadata.access_token_strategy.to_ascii_lowercase();
    if !["", "jwt", "opaque"].contains(&strategy.as_str()) {
        return Err(refuse(format!(
            "Member 'access_token_strategy' is {}; it can be 'jwt' or 'opaque'.",
            quoted(&metadata.access_token_strategy)
        )));
    }
    metadata.access_token_strategy = strategy;
    Ok(())
}

/// Security: a JWT access token shows the real subject, so a client that gets such tokens has no pairwise ones.
fn check_subject_type(metadata: &mut ClientMetadata, rules: &Rules) -> Result<(), OAuthError> {
    let is_jwt = metadata.gets_jwt(rules.jwt_access_tokens);
    let offered = match is_jwt {
        true => &rules.jwt_subject_types,
        false => &rules.opaque_subject_types,
    };
    let asked = &metadata.subject_type;
    if asked.is_empty() {
        metadata.subject_type = offered.first().cloned().unwrap_or_default();
    } else if !offered.contains(asked) {
        let tokens = match is_jwt {
            true => " for clients whose access tokens are JWTs",
            false => "",
        };
        return Err(refuse(format!(
            "Member 'subject_type' is {}; this server supports {}{tokens}.",
            quoted(asked),
            offered.join(", ")
        )));
    }
    Ok(())
}

fn check_post_logout(metadata: &ClientMetadata) -> Result<(), OAuthError> {
    let origin = |uri: &str| {
        Url::parse(uri).ok().map(|uri| {
            (
                uri.scheme().to_owned(),
                uri.host_str().map(str::to_owned),
                uri.port(),
            )
        })
    };
    for uri in &metadata.post_logout_redirect_uris {
        if is_for_the_browser(uri) {
            return Err(refuse(format!(
                "Entry {} of 'post_logout_redirect_uris' has a scheme that browsers run or open themselves.",
                quoted(uri)
            )));
        }
        let Some(target) = origin(uri) else {
            return Err(refuse(format!(
                "Entry {} of 'post_logout_redirect_uris' cannot be parsed; it must be absolute.",
                quoted(uri)
            )));
        };
        let known = metadata
            .redirect_uris
            .iter()
            .flatten()
            .any(|redirect| origin(redirect).as_ref() == Some(&target));
        if !known {
            return Err(refuse(format!(
                "Entry {} of 'post_logout_redirect_uris' must have scheme, host and port of one of the \
                 'redirect_uris'.",
                quoted(uri)
            )));
        }
    }
    Ok(())
}

/// What a stored client looks like when it is read back: lists are lists, and nothing secret is in it.
#[must_use]
pub fn read_back_form(mut metadata: ClientMetadata) -> ClientMetadata {
    for list in [
        &mut metadata.redirect_uris,
        &mut metadata.grant_types,
        &mut metadata.response_types,
        &mut metadata.contacts,
    ] {
        list.get_or_insert_default();
    }
    metadata.client_secret = None;
    metadata.registration_access_token.clear();
    metadata.registration_client_uri.clear();
    metadata
}

#[cfg(test)]
mod tests;
