//! The checks of an authorization request, in the order in which they are made.
//!
//! Invariant: the order is wire behaviour: the first failure is the answer. It is meant to be read as a list.
//!
//! Compat: the checks of [`BEFORE_ANSWER`] come after login and consent, as Hydra's do.

use super::destination::Destination;
use super::redirect_uri;
use super::request::AuthorizeRequest;
use super::response_type::{ResponseMode, ResponseType};
use crate::client::Client;
use crate::error::{ErrorCode, OAuthError, quoted};
use crate::grant::phases;
use crate::scope::{self, ScopeStrategy};

/// Longest `state`, in bytes.
const STATE_MAX: usize = 4 * 1024;
/// Longest `nonce`, in bytes.
const NONCE_MAX: usize = 1024;

/// What a check looks at.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The request.
    pub request: &'a AuthorizeRequest<'a>,
    /// Who asks.
    pub client: &'a Client,
    /// Where the answer goes.
    pub destination: &'a Destination,
    /// What the operator chose.
    pub rules: Rules,
    /// What the person granted; before that, what is requested.
    pub granted_scope: &'a [String],
}

/// What the operator chose about requests.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Scope matching.
    pub scope_strategy: ScopeStrategy,
    /// `oauth2.pkce.enforced`.
    pub pkce: bool,
    /// `oauth2.pkce.enforced_for_public_clients`.
    pub pkce_for_public_clients: bool,
    /// Whether plain `http` is accepted everywhere, as in development.
    pub allows_http: bool,
}

/// One check, with its name for those who read a trace.
pub type Check = (&'static str, fn(&Facts<'_>) -> Result<(), OAuthError>);

/// Before the person sees anything.
pub const BEFORE_LOGIN: [Check; 7] = [
    ("each parameter once", each_parameter_once),
    ("lengths", lengths_are_bounded),
    ("scope", scope_is_registered),
    ("audience", audience_is_registered),
    ("registration", no_registration),
    ("response_type", response_type_is_registered),
    ("claims", claims_are_an_object),
];

/// After the consent, before anything is issued.
pub const BEFORE_ANSWER: [Check; 6] = [
    ("insecure redirect", code_is_not_sent_over_http),
    ("grant types", grant_types_are_registered),
    ("nonce", nonce_is_given),
    ("openid", something_can_be_issued),
    ("PKCE", pkce_is_s256),
    ("response_mode", tokens_are_not_in_the_query),
];

/// Runs checks in order.
pub fn run(checks: &[Check], facts: &Facts<'_>) -> Result<(), OAuthError> {
    checks.iter().try_for_each(|(_, check)| check(facts))
}

fn refuse(
    code: ErrorCode,
    hint: impl Into<std::borrow::Cow<'static, str>>,
) -> Result<(), OAuthError> {
    Err(OAuthError::new(code, hint))
}

fn each_parameter_once(facts: &Facts<'_>) -> Result<(), OAuthError> {
    facts.request.parameters.check_repeated()
}

/// Every limit refuses, none cuts.
fn lengths_are_bounded(facts: &Facts<'_>) -> Result<(), OAuthError> {
    for (name, bytes_max) in [("state", STATE_MAX), ("nonce", NONCE_MAX)] {
        if facts.request.get(name).len() > bytes_max {
            return refuse(
                ErrorCode::InvalidRequest,
                format!("Parameter '{name}' is longer than {bytes_max} bytes."),
            );
        }
    }
    Ok(())
}

fn scope_is_registered(facts: &Facts<'_>) -> Result<(), OAuthError> {
    phases::check_scope(
        facts.client,
        facts.request.scope.iter().copied(),
        facts.rules.scope_strategy,
    )
}

fn audience_is_registered(facts: &Facts<'_>) -> Result<(), OAuthError> {
    phases::check_audience(facts.client, &facts.request.audience)
}

fn no_registration(facts: &Facts<'_>) -> Result<(), OAuthError> {
    match facts.request.get("registration") {
        "" => Ok(()),
        _ => refuse(
            ErrorCode::RegistrationNotSupported,
            "Parameter 'registration' is not supported; register the client before.",
        ),
    }
}

fn response_type_is_registered(facts: &Facts<'_>) -> Result<(), OAuthError> {
    let asked = facts.request.get("response_type");
    if scope::split(asked).next().is_none() {
        return refuse(
            ErrorCode::UnsupportedResponseType,
            "Parameter 'response_type' is missing.",
        );
    }
    let Some(asked_type) = facts.request.response_type else {
        return refuse(
            ErrorCode::UnsupportedResponseType,
            format!(
                "Parameter 'response_type' is {}; known are 'code', 'token', 'id_token' and what they make together, each \
                 once.",
                quoted(asked)
            ),
        );
    };
    let registered = match facts.client.metadata().response_types.as_deref() {
        None | Some([]) => asked_type.is_code_alone(),
        Some(list) => list
            .iter()
            .any(|known| ResponseType::parse(known) == Some(asked_type)),
    };
    if registered {
        return Ok(());
    }
    refuse(
        ErrorCode::UnsupportedResponseType,
        format!(
            "Parameter 'response_type' is {}, for which the client is not registered; add it to the client's \
             'response_types'.",
            quoted(asked)
        ),
    )
}

/// Spec: OpenID Connect Core 1.0 5.5
fn claims_are_an_object(facts: &Facts<'_>) -> Result<(), OAuthError> {
    const LENGTH_MAX: usize = 16 * 1024;
    let text = facts.request.get("claims");
    if text.is_empty() || !facts.request.is_openid() {
        return Ok(());
    }
    let object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text);
    if text.len() <= LENGTH_MAX && object.is_ok() {
        return Ok(());
    }
    refuse(
        ErrorCode::InvalidRequest,
        format!("Parameter 'claims' must be a JSON object of at most {LENGTH_MAX} bytes."),
    )
}

/// Compat: for a code alone, as in Hydra; tokens on the front channel are not held to it.
fn code_is_not_sent_over_http(facts: &Facts<'_>) -> Result<(), OAuthError> {
    let is_code_alone = facts
        .request
        .response_type
        .is_some_and(ResponseType::is_code_alone);
    let uri = &facts.destination.redirect_uri;
    if !is_code_alone || facts.rules.allows_http || !redirect_uri::is_insecure_http(uri) {
        return Ok(());
    }
    refuse(
        ErrorCode::InvalidRequest,
        format!(
            "The redirect URI {} uses plain http; that is allowed for 'localhost', names below it, and loopback \
             addresses.",
            quoted(uri)
        ),
    )
}

/// Compat: `authorization_code` is asked for at the token endpoint when the type is `code`.
fn grant_types_are_registered(facts: &Facts<'_>) -> Result<(), OAuthError> {
    let Some(asked) = facts.request.response_type else {
        return Ok(());
    };
    let needs_implicit = asked.token || (asked.id_token && !asked.code);
    let missing = [
        ("authorization_code", asked.is_hybrid()),
        ("implicit", needs_implicit),
    ]
    .into_iter()
    .find(|(grant, is_needed)| *is_needed && !facts.client.allows_grant(grant));
    match missing {
        None => Ok(()),
        Some((grant, _)) => refuse(
            ErrorCode::InvalidGrant,
            format!(
                "The client is not registered for grant '{grant}', which this 'response_type' needs; add it to the \
                 client's 'grant_types'."
            ),
        ),
    }
}

/// Spec: OpenID Connect Core 1.0 3.2.2.1, 3.3.2.11
fn nonce_is_given(facts: &Facts<'_>) -> Result<(), OAuthError> {
    let asked = facts.request.response_type.unwrap_or_default();
    let nonce = facts.request.get("nonce");
    if asked.is_code_alone() || !is_granted(facts, "openid") {
        return Ok(());
    }
    if asked.id_token && nonce.is_empty() {
        return refuse(
            ErrorCode::InvalidRequest,
            "Parameter 'nonce' is missing; it must be given where an ID token comes from the authorization endpoint.",
        );
    }
    nonce_is_long_enough(nonce)
}

/// Whether a nonce, if there is one, cannot be guessed.
pub(crate) fn nonce_is_long_enough(nonce: &str) -> Result<(), OAuthError> {
    const LENGTH_MIN: usize = 8;
    if nonce.is_empty() || nonce.len() >= LENGTH_MIN {
        return Ok(());
    }
    refuse(
        ErrorCode::InsufficientEntropy,
        format!("Parameter 'nonce' has fewer than {LENGTH_MIN} characters."),
    )
}

/// An ID token alone needs the scope `openid`.
fn something_can_be_issued(facts: &Facts<'_>) -> Result<(), OAuthError> {
    let asked = facts.request.response_type.unwrap_or_default();
    if asked.id_token && !asked.code && !is_granted(facts, "openid") {
        return refuse(
            ErrorCode::UnsupportedResponseType,
            "An ID token needs the scope 'openid', which was not granted.",
        );
    }
    Ok(())
}

/// Spec: RFC 7636 4.3, 4.4.1
fn pkce_is_s256(facts: &Facts<'_>) -> Result<(), OAuthError> {
    if !facts.request.response_type.unwrap_or_default().code {
        return Ok(());
    }
    let refuse = |hint: &'static str| refuse(ErrorCode::InvalidRequest, hint);
    let challenge = facts.request.get("code_challenge");
    match facts.request.get("code_challenge_method") {
        "" | "plain" if !challenge.is_empty() => refuse(
            "Parameter 'code_challenge_method' must be 'S256'; 'plain', which is meant when it is missing, is not \
             accepted.",
        ),
        "" | "S256" if challenge.is_empty() => {
            if facts.rules.pkce {
                return refuse(
                    "Parameter 'code_challenge' is missing; this server asks every client for it.",
                );
            }
            if facts.rules.pkce_for_public_clients && facts.client.is_public() {
                return refuse(
                    "Parameter 'code_challenge' is missing; this server asks every public client for it.",
                );
            }
            Ok(())
        }
        "S256" => Ok(()),
        _ => refuse("Parameter 'code_challenge_method' is not supported; use 'S256'."),
    }
}

fn tokens_are_not_in_the_query(facts: &Facts<'_>) -> Result<(), OAuthError> {
    let asked = facts.request.response_type.unwrap_or_default();
    if facts.destination.mode == ResponseMode::Query && !asked.is_code_alone() {
        return refuse(
            ErrorCode::UnsupportedResponseMode,
            "Parameter 'response_mode' is 'query', in which no token may travel; use 'fragment' or 'form_post'.",
        );
    }
    Ok(())
}

fn is_granted(facts: &Facts<'_>, scope: &str) -> bool {
    facts.granted_scope.iter().any(|granted| granted == scope)
}
