//! What is issued on a person's grant, whether by a code or by a refresh token.
//!
//! Spec: RFC 6749 5.1; OpenID Connect Core 1.0 3.1.3.3, 11, 12.2

use std::time::Duration;

use super::record::{GrantRecord, RefreshId, RefreshRecord, SessionClaims};
use super::{refresh_token, request};
use crate::client::Client;
use crate::time::{Lifespan, Timestamp};
use crate::token::access::{AccessToken, MARGIN, PersonRef};

/// Scopes by which a person lets a client act in their absence.
///
/// Compat: `offline` is Hydra's older name.
const OFFLINE: [&str; 2] = ["offline_access", "offline"];

/// What the server knows and was told to do.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// The time of the request.
    pub now: Timestamp,
    /// `ttl`, before the client's own lifespans.
    pub lifespans: Lifespans,
    /// The server's token epoch.
    pub server_epoch: u64,
    /// A fresh name, for the refresh token if one is issued.
    pub refresh_id: RefreshId,
}

/// How long tokens live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifespans {
    /// Access tokens.
    pub access_token: Duration,
    /// ID tokens.
    pub id_token: Duration,
    /// Refresh tokens; `None` is for ever.
    pub refresh_token: Option<Duration>,
}

/// What is issued and stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The access token; its scopes are those of the answer.
    pub access_token: AccessToken,
    /// The refresh token, if there is one.
    pub refresh: Option<RefreshRecord>,
    /// The ID token, if there is one.
    pub id_token: Option<IdTokenPlan>,
    /// When the last of these tokens ends.
    pub tokens_until: Timestamp,
    /// Until when the code or refresh token that was used is kept, so that a repeat is recognised.
    pub kept_until: Timestamp,
}

/// How an ID token is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdTokenPlan {
    /// How long it lives.
    pub lifespan: Duration,
    /// Whether it carries `c_hash`.
    pub has_code_hash: bool,
}

/// What is issued by one request.
pub(super) struct Issue<'a> {
    pub(super) client: &'a Client,
    pub(super) grant: &'a GrantRecord,
    pub(super) session: &'a SessionClaims,
    pub(super) lifespans: Lifespans,
    /// Scopes of the access token where they are fewer than granted.
    pub(super) narrowed_scope: Option<String>,
    pub(super) has_code_hash: bool,
    pub(super) kept_until: Timestamp,
}

impl Issue<'_> {
    pub(super) fn plan(self, context: &Context) -> Plan {
        let now = context.now;
        let refresh = self.is_refreshable().then(|| RefreshRecord {
            refresh_id: context.refresh_id,
            grant_id: self.grant.grant_id,
            issued_at: now,
            expires_at: self
                .lifespans
                .refresh_token
                .map_or(Timestamp::MAX, |lifespan| {
                    now.end_of(lifespan).nearest_second()
                }),
        });
        let mut access_token = AccessToken {
            client_id: self.client.id().to_owned(),
            subject: self.grant.subject.clone(),
            audience: self.grant.content.audience.clone(),
            issued_at: now,
            // Compat: to the nearest second, unlike a machine's.
            expires_at: now.end_of(self.lifespans.access_token).nearest_second(),
            client_epoch: self.client.record().token_epoch,
            server_epoch: context.server_epoch,
            ext: String::new(),
            ext_grant: None,
            person: Some(PersonRef {
                grant_id: self.grant.grant_id,
                refresh_id: refresh.as_ref().map(|refresh| refresh.refresh_id),
                is_narrowed: self.narrowed_scope.is_some(),
            }),
            scope: self
                .narrowed_scope
                .unwrap_or_else(|| self.grant.content.scope.join(" ")),
        };
        access_token.set_claims(self.session);
        let id_token = access_token.has_scope("openid").then_some(IdTokenPlan {
            lifespan: self.lifespans.id_token,
            has_code_hash: self.has_code_hash,
        });
        let refresh_until = refresh
            .as_ref()
            .map(|refresh| refresh.expires_at.plus(MARGIN));
        Plan {
            tokens_until: access_token
                .revoked_until()
                .max(refresh_until.unwrap_or_default()),
            kept_until: self.kept_until,
            access_token,
            refresh,
            id_token,
        }
    }

    fn is_refreshable(&self) -> bool {
        was_granted_offline(self.grant)
            && request::grant_allowed(self.client, refresh_token::GRANT_TYPE).is_ok()
    }
}

/// Whether the person let the client act in their absence.
pub(super) fn was_granted_offline(grant: &GrantRecord) -> bool {
    let scope = &grant.content.scope;
    OFFLINE
        .iter()
        .any(|name| scope.iter().any(|granted| granted == name))
}

/// A client's own lifespan, else the server's. What is not positive ends at once.
pub(super) fn own_or(own: Option<Lifespan>, server: Duration) -> Duration {
    own.map_or(server, |own| own.positive().unwrap_or_default())
}

/// The same for refresh tokens.
///
/// Compat: a negative lifespan is for ever.
pub(super) fn own_or_never(own: Option<Lifespan>, server: Option<Duration>) -> Option<Duration> {
    match own {
        None => server,
        Some(own) if own.is_negative() => None,
        Some(own) => Some(own.positive().unwrap_or_default()),
    }
}

#[cfg(test)]
pub(super) mod samples {
    //! A client, its grant, and a context for the tests of both grants.

    use super::super::record::GrantContent;
    use super::*;
    use crate::client::{ClientMetadata, ClientRecord};

    pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_000_000_600_000);

    pub(crate) fn client(change: impl FnOnce(&mut ClientMetadata)) -> Client {
        let mut metadata = ClientMetadata {
            client_id: "app".to_owned(),
            grant_types: Some(vec![
                "authorization_code".to_owned(),
                "refresh_token".to_owned(),
            ]),
            scope: "openid offline a b.*".to_owned(),
            audience: vec!["https://api".to_owned()],
            ..ClientMetadata::default()
        };
        change(&mut metadata);
        Client::new(ClientRecord {
            metadata,
            secret_hashes: Vec::new(),
            registration_token_hash: None,
            token_epoch: 7,
            version: 1,
        })
    }

    pub(crate) fn grant(scope: &str) -> GrantRecord {
        GrantRecord {
            grant_id: [1; 16],
            client_id: "app".to_owned(),
            subject: "alice".to_owned(),
            sid: Some([2; 16]),
            requested_at: NOW,
            remembered_until: None,
            tokens_until: NOW,
            server_epoch: 5,
            was_asked: true,
            content: GrantContent {
                scope: scope.split(' ').map(str::to_owned).collect(),
                audience: vec!["https://api/v1".to_owned()],
                ..GrantContent::default()
            },
            session: Vec::new(),
            context: Vec::new(),
        }
    }

    pub(crate) fn session() -> SessionClaims {
        serde_json::from_str(r#"{"access_token":{"b":1,"a":2}}"#).unwrap()
    }

    pub(crate) const CONTEXT: Context = Context {
        now: NOW,
        lifespans: Lifespans {
            access_token: Duration::from_secs(3_600),
            id_token: Duration::from_secs(1_800),
            refresh_token: Some(Duration::from_secs(7_200)),
        },
        server_epoch: 9,
        refresh_id: [4; 16],
    };
}
