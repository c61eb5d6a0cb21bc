//! What apps and hooks gave, as the database keeps it: sealed, unless the operator wants it readable.
//!
//! Invariant: a part is sealed under the newest secret, and bound to what it is and to the flow that it came with.

use tessera_crypto::OsEntropy;
use tessera_protocol::grant::record::{GrantRecord, SessionClaims};
use tessera_store::SealedGrant;

use crate::ids;
use crate::reply::Fault;
use crate::state::AppState;

/// What a sealed part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// An authorization request.
    Request,
    /// Claims for tokens.
    Session,
    /// What an app gave for later.
    Context,
}

impl Part {
    /// Invariant: a label never changes; what was sealed under it would be lost.
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Request => b"request",
            Self::Session => b"session",
            Self::Context => b"context",
        }
    }

    fn bound_to(self, flow_id: &[u8; 16]) -> Vec<u8> {
        [self.label(), flow_id].concat()
    }
}

/// Seals a part of a flow. A request is sealed always: it is never shown, and gone with its flow.
pub(crate) fn seal(app: &AppState, flow_id: &[u8; 16], part: Part, plain: &[u8]) -> Vec<u8> {
    if !app.settings.oauth2.session.encrypt_at_rest && part != Part::Request {
        return plain.to_vec();
    }
    let mut sealed = Vec::new();
    let keys = &app.seals.session;
    keys.seal(&OsEntropy, &part.bound_to(flow_id), plain, &mut sealed);
    sealed
}

/// Opens a part of a flow; what was stored readable reads as it is.
pub(crate) fn open(
    app: &AppState,
    flow_id: &[u8; 16],
    part: Part,
    stored: &[u8],
) -> Option<Vec<u8>> {
    if is_readable(stored) {
        return Some(stored.to_vec());
    }
    let keys = &app.seals.session;
    keys.open(&part.bound_to(flow_id), stored).ok()
}

/// A sealed part begins with its version, which no JSON text does.
fn is_readable(stored: &[u8]) -> bool {
    stored.first().is_some_and(|byte| !byte.is_ascii_control())
}

/// The flow that a grant came out of, to which its parts are bound.
pub(crate) fn flow_of(grant: &GrantRecord) -> [u8; 16] {
    ids::parse(&grant.content.login_challenge).unwrap_or_default()
}

/// Seals claims as the `session` of a grant.
pub(crate) fn seal_claims(
    app: &AppState,
    grant: &GrantRecord,
    claims: &SessionClaims,
) -> Result<Vec<u8>, Fault> {
    let plain = serde_json::to_vec(claims).map_err(|e| Fault::permanent(e.to_string()))?;
    Ok(seal(app, &flow_of(grant), Part::Session, &plain))
}

/// The claims that the `session` of a grant holds.
pub(crate) fn claims(app: &AppState, grant: &GrantRecord) -> Result<SessionClaims, Fault> {
    if grant.session.is_empty() {
        return Ok(SessionClaims::default());
    }
    open(app, &flow_of(grant), Part::Session, &grant.session)
        .and_then(|plain| serde_json::from_slice(&plain).ok())
        .ok_or_else(|| {
            Fault::permanent(format!(
                "the claims of grant {} cannot be opened: no secret in secrets.system sealed them; put the former \
                 secret back at the end of the list",
                ids::hex(&grant.grant_id)
            ))
        })
}

/// What a change of secrets leaves to do about a grant.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Renewal {
    /// The grant with its parts sealed anew, where one was not under the newest secret.
    pub(crate) renewed: Option<SealedGrant>,
    /// Whether a part opens with no secret that is listed.
    pub(crate) is_lost: bool,
}

/// Seals anew what a grant keeps under an older secret. What cannot be opened stays as it is: its secret may come back.
pub(crate) fn renew(app: &AppState, grant: &SealedGrant) -> Renewal {
    let flow_id = ids::parse(&grant.login_challenge).unwrap_or_default();
    let mut renewal = Renewal::default();
    let mut renewed = |part, stored: &[u8]| {
        let is_current = stored.is_empty()
            || is_readable(stored)
            || app.seals.session.sealed_with_newest(stored);
        if is_current {
            return None;
        }
        let plain = open(app, &flow_id, part, stored);
        renewal.is_lost |= plain.is_none();
        plain.map(|plain| seal(app, &flow_id, part, &plain))
    };
    let session = renewed(Part::Session, &grant.session);
    let context = renewed(Part::Context, &grant.context);
    if session.is_some() || context.is_some() {
        renewal.renewed = Some(SealedGrant {
            session: session.unwrap_or_else(|| grant.session.clone()),
            context: context.unwrap_or_else(|| grant.context.clone()),
            ..grant.clone()
        });
    }
    renewal
}
