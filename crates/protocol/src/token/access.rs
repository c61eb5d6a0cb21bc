//! What an access token says, whatever its form.
//!
//! Invariant: a machine's token says everything itself, save long custom claims; a person's names its grant, which says
//! the rest.

use std::time::Duration;

use crate::grant::record::{GrantId, GrantRecord, RefreshId, SessionClaims};
use crate::scope;
use crate::time::Timestamp;

/// How much longer than a token or assertion what was said of it is remembered.
pub const MARGIN: Duration = Duration::from_secs(61);

/// The content of an access token. It has no row: the sealed or signed token is its own session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccessToken {
    /// The client it was issued to.
    pub client_id: String,
    /// Whom it speaks for: a person by the real subject, a machine by its client id.
    pub subject: String,
    /// Granted scopes, space separated, each once.
    pub scope: String,
    /// Granted audiences.
    pub audience: Vec<String>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends; whole seconds.
    pub expires_at: Timestamp,
    /// The client's epoch at issue: the token lives only while it is unchanged.
    pub client_epoch: u64,
    /// The server's epoch at issue, likewise.
    pub server_epoch: u64,
    /// Custom claims, a JSON object as text; empty when there are none.
    pub ext: String,
    /// The grant that keeps the custom claims of a machine's token, where they are too long for the token itself.
    pub ext_grant: Option<GrantId>,
    /// What a person's token stands on; `None` for a machine's.
    pub person: Option<PersonRef>,
}

/// What a person's token stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRef {
    /// The grant.
    pub grant_id: GrantId,
    /// The refresh token that was issued beside it.
    pub refresh_id: Option<RefreshId>,
    /// Whether the token has fewer scopes than its grant.
    pub is_narrowed: bool,
}

/// An access token as read back from its wire form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadToken {
    /// A machine's.
    Machine {
        /// Its content.
        token: AccessToken,
        /// By what it is revoked one by one: a hash of what makes it unique.
        token_id: [u8; 16],
    },
    /// A person's.
    Person(PersonToken),
}

/// What a person's token itself says. Nothing may be told or done for it before [`Self::complete`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PersonToken {
    /// The grant.
    pub grant_id: GrantId,
    /// The refresh token that was issued beside it.
    pub refresh_id: Option<RefreshId>,
    /// Its scopes, where they are not simply those of the grant.
    pub narrowed_scope: Option<String>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// The client's epoch at issue.
    pub client_epoch: u64,
    /// The server's epoch at issue.
    pub server_epoch: u64,
}

impl ReadToken {
    /// When it ends.
    pub const fn expires_at(&self) -> Timestamp {
        match self {
            Self::Machine { token, .. } => token.expires_at,
            Self::Person(token) => token.expires_at,
        }
    }

    /// Whether it has ended; a machine's token is good up to and including its last second.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        match self {
            Self::Machine { token, .. } => token.has_expired(now),
            Self::Person(token) => token.expires_at < now,
        }
    }
}

impl PersonToken {
    /// The whole token, with what its grant and the claims of the grant's session say.
    pub fn complete(self, grant: &GrantRecord, session: &SessionClaims) -> AccessToken {
        let granted = grant.content.scope.join(" ");
        AccessToken {
            client_id: grant.client_id.clone(),
            subject: grant.subject.clone(),
            audience: grant.content.audience.clone(),
            issued_at: self.issued_at,
            expires_at: self.expires_at,
            client_epoch: self.client_epoch,
            server_epoch: self.server_epoch,
            ext: ext_of(session),
            ext_grant: None,
            person: Some(PersonRef {
                grant_id: self.grant_id,
                refresh_id: self.refresh_id,
                is_narrowed: self
                    .narrowed_scope
                    .as_ref()
                    .is_some_and(|own| *own != granted),
            }),
            scope: self.narrowed_scope.unwrap_or(granted),
        }
    }
}

impl AccessToken {
    /// Whether it has ended; a machine's token is good up to and including its last second.
    ///
    /// Compat: a person's was rounded to the nearest second when it was issued, a machine's only here.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        match self.person {
            Some(_) => self.expires_at < now,
            None => self.expires_at.as_secs() < now.as_secs(),
        }
    }

    /// Until when a revocation must be remembered.
    ///
    /// Security: longer than `exp` says: a token is good through its last second, and clocks of several processes
    /// differ.
    pub fn revoked_until(&self) -> Timestamp {
        self.expires_at.plus(MARGIN)
    }

    /// Seconds left, rounded down: the `expires_in` of an answer.
    pub fn expires_in(&self, now: Timestamp) -> i64 {
        let left = self.expires_at.as_micros().saturating_sub(now.as_micros());
        Timestamp::from_micros(left).as_secs().max(0)
    }

    /// Whether a scope was granted, by its exact name.
    pub fn has_scope(&self, name: &str) -> bool {
        scope::split(&self.scope).any(|granted| granted == name)
    }

    /// Takes the claims of a session, such as a hook's answer, in place of those it had.
    pub fn set_claims(&mut self, session: &SessionClaims) {
        self.ext = ext_of(session);
    }
}

/// Compat: members are sorted on every level, as Hydra prints them.
pub(crate) fn ext_of(session: &SessionClaims) -> String {
    if session.access_token.is_empty() {
        return String::new();
    }
    let mut claims = serde_json::Value::Object(session.access_token.clone());
    claims.sort_all_objects();
    claims.to_string()
}

/// The first 128 bits of a SHA-256: enough to tell tokens apart, useless to forge one.
pub(crate) fn token_id(unique: &[u8]) -> [u8; 16] {
    let mut id = [0; 16];
    id.copy_from_slice(
        tessera_crypto::sha256(unique)
            .first_chunk::<16>()
            .unwrap_or(&[0; 16]),
    );
    id
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::grant::record::GrantContent;

    fn grant() -> GrantRecord {
        GrantRecord {
            grant_id: [1; 16],
            client_id: "app".to_owned(),
            subject: "alice".to_owned(),
            sid: None,
            requested_at: Timestamp::default(),
            remembered_until: None,
            tokens_until: Timestamp::MAX,
            server_epoch: 5,
            was_asked: true,
            content: GrantContent {
                scope: vec!["openid".to_owned(), "a".to_owned()],
                audience: vec!["https://api".to_owned()],
                ..GrantContent::default()
            },
            session: Vec::new(),
            context: Vec::new(),
        }
    }

    #[test]
    fn a_persons_token_takes_from_its_grant_what_it_does_not_say() {
        let read = PersonToken {
            grant_id: [1; 16],
            refresh_id: Some([2; 16]),
            ..PersonToken::default()
        };
        let session: SessionClaims = serde_json::from_value(
            json!({"access_token": {"b": {"z": 1, "y": 12345678901234567_u64}, "a": 2}}),
        )
        .unwrap();
        let token = read.clone().complete(&grant(), &session);
        assert_eq!(
            (token.client_id.as_str(), token.subject.as_str()),
            ("app", "alice")
        );
        assert_eq!(
            (token.scope.as_str(), token.audience.len()),
            ("openid a", 1)
        );
        assert_eq!(token.ext, r#"{"a":2,"b":{"y":12345678901234567,"z":1}}"#);
        assert!(!token.person.as_ref().unwrap().is_narrowed);
        assert!(token.has_scope("openid") && !token.has_scope("open"));

        let narrowed = PersonToken {
            narrowed_scope: Some(String::new()),
            ..read
        };
        let token = narrowed.complete(&grant(), &SessionClaims::default());
        assert_eq!((token.scope.as_str(), token.ext.as_str()), ("", ""));
        assert!(token.person.unwrap().is_narrowed);
    }
}
