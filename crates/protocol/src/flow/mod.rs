//! The flow between the authorization endpoint and the login and consent apps: its state travels sealed in the URLs.
//!
//! Spec: RFC 6749 4.1; OpenID Connect Core 1.0 3.1.2
//!
//! Invariant: what the store has not got to know yet lives here; on the return legs this is the truth, not the query.
//! Security: each leg is sealed under its own name, so a challenge never passes for a verifier and a login never for a
//! consent. Only the admin API and the server's own pages make verifiers.

pub mod logout;
mod record;
mod short_text;
pub mod steps;

pub use record::{Leg, open, seal};

use crate::authorize::parameters::RequestParameters;
use crate::grant::record::{GrantId, SessionId};
use crate::time::Timestamp;

/// A flow at one of its steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// Its name; as 32 hex digits it is the `login_challenge` of the consent request.
    pub flow_id: [u8; 16],
    /// When the authorization request came.
    pub requested_at: Timestamp,
    /// The authorization request. Where it is too long for a URL, only its `client_id`.
    pub parameters: RequestParameters,
    /// Where the rest of the request is kept.
    pub request_pending: Option<[u8; 16]>,
    /// What the browser's login cookie must hold.
    pub login_csrf: [u8; 16],
    /// The login session: the one that was used, else the one that a login will make.
    pub sid: SessionId,
    /// The login that makes another one unnecessary.
    pub known_login: Option<KnownLogin>,
    /// How far it has come.
    pub step: Step,
}

/// The steps of a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The login app is asked.
    LoginAsked,
    /// It answered.
    LoginAnswered(Result<AcceptedLogin, Rejection>),
    /// The consent app is asked.
    ConsentAsked(ConsentRequest),
    /// It answered.
    ConsentAnswered(ConsentRequest, Result<AcceptedConsent, Rejection>),
}

/// A login session that the request may use: the login request's `skip`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownLogin {
    /// Who is logged in.
    pub subject: String,
    /// Since when, whole seconds.
    pub auth_time: Timestamp,
}

/// What the login app said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AcceptedLogin {
    /// Who logged in.
    pub subject: String,
    /// When, whole seconds.
    pub auth_time: Timestamp,
    /// Whether later requests may use the login.
    pub remember: bool,
    /// For how many seconds; 0 leaves it to the server.
    pub remember_for: i64,
    /// Whether a login that was used is remembered anew.
    pub extend_session_lifespan: bool,
    /// Authentication context class.
    pub acr: String,
    /// Authentication methods.
    pub amr: Vec<String>,
    /// The session of the identity provider behind the app.
    pub identity_provider_session_id: String,
    /// The subject that clients with pairwise subjects see.
    pub force_subject_identifier: String,
    /// The pending row with what the consent app shall know.
    pub context_pending: Option<[u8; 16]>,
}

/// What the consent app is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentRequest {
    /// The login that came before.
    pub login: AcceptedLogin,
    /// The name that the grant will have: the `consent_request_id`.
    pub grant_id: GrantId,
    /// What the browser's consent cookie must hold.
    pub consent_csrf: [u8; 16],
    /// Whether an earlier consent covers the request.
    pub skip: bool,
}

/// What the consent app said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AcceptedConsent {
    /// Granted scopes.
    pub scope: Vec<String>,
    /// Granted audiences.
    pub audience: Vec<String>,
    /// Whether later requests may skip the consent.
    pub remember: bool,
    /// For how many seconds; 0 is for ever.
    pub remember_for: i64,
    /// When it was said.
    pub handled_at: Timestamp,
    /// The pending row with claims for the tokens and what replaces the login's context.
    pub pending: Option<[u8; 16]>,
}

/// An app's refusal, for the client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rejection {
    /// `error`; any text.
    pub error: String,
    /// `error_description`.
    pub description: String,
    /// Appended to the description.
    pub hint: String,
    /// Appended only where internal errors are exposed.
    pub debug: String,
}
