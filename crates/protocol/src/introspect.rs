//! Introspection: what is said of a token.
//!
//! Spec: RFC 7662 2.1, 2.2

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::client_auth::Presented;
use crate::error::OAuthError;
use crate::grant::record::GrantRecord;
use crate::grant::refresh_token::{FoundRefresh, Grace};
use crate::parameters::{self, Basic};
use crate::scope::{self, ScopeStrategy};
use crate::time::Timestamp;
use crate::token::access::{AccessToken, ext_of};

/// An introspection or revocation request: both name a token, and may authenticate a client.
#[derive(Debug, Default)]
pub struct TokenQuery<'a> {
    /// The token asked about; empty when it was not given.
    pub token: Cow<'a, str>,
    /// Scopes that must all have been granted, space separated.
    pub scope: Cow<'a, str>,
    /// Everything that can authenticate the client, where the endpoint wants one.
    pub presented: Presented<'a>,
}

impl<'a> TokenQuery<'a> {
    /// Reads the form. `token_type_hint` is accepted and not needed: the token says what it is.
    pub fn parse(body: &'a [u8], basic: Option<Basic<'a>>) -> Result<Self, OAuthError> {
        let read = parameters::read(body, basic, ["token", "scope", "token_type_hint"], None)?;
        let [token, scope, _hint] = read.values;
        Ok(Self {
            token: token.unwrap_or_default(),
            scope: scope.unwrap_or_default(),
            presented: read.presented,
        })
    }
}

/// The answer for an active token, in the order of the wire.
#[derive(Debug, Serialize)]
pub struct Active<'a> {
    active: bool,
    #[serde(skip_serializing_if = "is_empty")]
    scope: Cow<'a, str>,
    client_id: &'a str,
    sub: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    obfuscated_subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    iat: i64,
    nbf: i64,
    aud: &'a [String],
    iss: &'a str,
    token_type: &'static str,
    token_use: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ext: Option<Map<String, Value>>,
}

fn is_empty(text: &str) -> bool {
    text.is_empty()
}

/// What a token is measured by.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The issuer, as it is published.
    pub issuer: &'a str,
    /// Scopes that must all have been granted, space separated.
    pub required_scope: &'a str,
    /// `strategies.scope`.
    pub strategy: ScopeStrategy,
    /// The time of the request.
    pub now: Timestamp,
}

impl Active<'_> {
    /// The answer for a client: the person as it knows them, and no other form of them.
    ///
    /// Security: clients with pairwise subjects cannot compare what they know of a person.
    #[must_use]
    pub const fn for_client(mut self) -> Self {
        if let Some(identifier) = self.obfuscated_subject {
            self.sub = identifier;
            self.obfuscated_subject = None;
        }
        self
    }
}

impl Question<'_> {
    fn allows(&self, granted: &str) -> bool {
        scope::split(self.required_scope)
            .all(|required| self.strategy.allows(scope::split(granted), required))
    }
}

/// What may be said of a live access token; `None` when it is inactive after all: it has ended, or a scope that
/// was asked for is not among those granted. `grant` is what a person's token stands on.
pub fn describe<'a>(
    token: &'a AccessToken,
    grant: Option<&'a GrantRecord>,
    question: &Question<'a>,
) -> Option<Active<'a>> {
    if token.has_expired(question.now) || !question.allows(&token.scope) {
        return None;
    }
    let iat = token.issued_at.as_secs();
    Some(Active {
        active: true,
        scope: Cow::Borrowed(&token.scope),
        client_id: &token.client_id,
        sub: &token.subject,
        obfuscated_subject: grant.and_then(obfuscated_subject),
        exp: Some(token.expires_at.as_secs()),
        iat,
        nbf: iat,
        aud: &token.audience,
        iss: question.issuer,
        token_type: "Bearer",
        token_use: "access_token",
        ext: read_ext(&token.ext),
    })
}

/// What may be said of a refresh token; `None` when it is inactive: its grant was revoked, it has ended, it was used and
/// may not be used again, or a scope that was asked for is not among those granted. Asking is no use.
///
/// Compat: a token that was used counts as active while it may be used again.
pub fn describe_refresh<'a>(
    found: &FoundRefresh<'a>,
    grace: Grace,
    question: &Question<'a>,
) -> Option<Active<'a>> {
    let grant = found.grant;
    let scope = grant.content.scope.join(" ");
    let is_active = found.is_live
        && found.is_usable(grace, question.now)
        && !found.has_expired(question.now)
        && question.allows(&scope);
    if !is_active {
        return None;
    }
    let iat = found.refresh.issued_at.as_secs();
    let ends = found.refresh.expires_at;
    Some(Active {
        active: true,
        scope: Cow::Owned(scope),
        client_id: &grant.client_id,
        sub: &grant.subject,
        obfuscated_subject: obfuscated_subject(grant),
        exp: (ends != Timestamp::MAX).then(|| ends.as_secs()),
        iat,
        nbf: iat,
        aud: &grant.content.audience,
        iss: question.issuer,
        token_type: "Bearer",
        token_use: "refresh_token",
        ext: read_ext(&ext_of(found.session)),
    })
}

fn obfuscated_subject(grant: &GrantRecord) -> Option<&str> {
    let identifier = grant.content.subject_identifier.as_str();
    (!identifier.is_empty() && identifier != grant.subject).then_some(identifier)
}

fn read_ext(ext: &str) -> Option<Map<String, Value>> {
    (!ext.is_empty())
        .then(|| serde_json::from_str(ext).ok())
        .flatten()
}

/// Whether a client may be told about a token at the public endpoint: it owns the token, or the token names it as
/// an audience.
pub fn may_see(client_id: &str, token: &AccessToken) -> bool {
    sees(client_id, &token.client_id, &token.audience)
}

/// The same for a token of either kind that stands on a grant.
pub fn may_see_grant(client_id: &str, grant: &GrantRecord) -> bool {
    sees(client_id, &grant.client_id, &grant.content.audience)
}

fn sees(client_id: &str, owner: &str, audience: &[String]) -> bool {
    owner == client_id || audience.iter().any(|aud| aud == client_id)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::grant::record::{GrantContent, RefreshRecord, SessionClaims};
    use crate::token::access::PersonRef;

    const NOW: Timestamp = Timestamp::from_micros(1_000_500_000);

    fn question(required_scope: &str) -> Question<'_> {
        Question {
            issuer: "https://i",
            required_scope,
            strategy: ScopeStrategy::Wildcard,
            now: NOW,
        }
    }

    fn machine() -> AccessToken {
        AccessToken {
            client_id: "app".to_owned(),
            subject: "app".to_owned(),
            scope: "a b.*".to_owned(),
            issued_at: Timestamp::from_secs(900),
            expires_at: Timestamp::from_secs(1_000),
            ..AccessToken::default()
        }
    }

    fn grant(identifier: &str) -> GrantRecord {
        GrantRecord {
            grant_id: [1; 16],
            client_id: "app".to_owned(),
            subject: "alice".to_owned(),
            sid: None,
            requested_at: NOW,
            remembered_until: None,
            tokens_until: NOW,
            server_epoch: 5,
            was_asked: true,
            content: GrantContent {
                scope: vec!["openid".to_owned(), "offline".to_owned()],
                audience: vec!["api".to_owned()],
                subject_identifier: identifier.to_owned(),
                ..GrantContent::default()
            },
            session: Vec::new(),
            context: Vec::new(),
        }
    }

    fn print(active: Option<Active<'_>>) -> String {
        active.map_or("inactive".to_owned(), |a| {
            serde_json::to_string(&a).unwrap()
        })
    }

    #[test]
    fn a_machines_token_is_described_in_these_bytes() {
        assert_eq!(
            print(describe(&machine(), None, &question("a b.x"))),
            r#"{"active":true,"scope":"a b.*","client_id":"app","sub":"app","exp":1000,"iat":900,"nbf":900,"aud":[],"iss":"https://i","token_type":"Bearer","token_use":"access_token"}"#
        );
        assert_eq!(
            print(describe(&machine(), None, &question("a c"))),
            "inactive"
        );
        let ended = AccessToken {
            expires_at: Timestamp::from_secs(999),
            ..machine()
        };
        assert_eq!(print(describe(&ended, None, &question(""))), "inactive");
    }

    #[test]
    fn a_persons_token_shows_the_real_subject_and_the_clients() {
        let token = AccessToken {
            subject: "alice".to_owned(),
            scope: String::new(),
            ext: r#"{"a":1}"#.to_owned(),
            expires_at: Timestamp::from_secs(1_001),
            person: Some(PersonRef {
                grant_id: [1; 16],
                refresh_id: None,
                is_narrowed: false,
            }),
            ..machine()
        };
        assert_eq!(
            print(describe(&token, Some(&grant("pair")), &question(""))),
            r#"{"active":true,"client_id":"app","sub":"alice","obfuscated_subject":"pair","exp":1001,"iat":900,"nbf":900,"aud":[],"iss":"https://i","token_type":"Bearer","token_use":"access_token","ext":{"a":1}}"#
        );
        // Not to be had for a moment longer than it says, unlike a machine's.
        let ended = AccessToken {
            expires_at: Timestamp::from_secs(1_000),
            ..token.clone()
        };
        assert_eq!(
            print(describe(&ended, Some(&grant("")), &question(""))),
            "inactive"
        );
        for same in ["", "alice"] {
            assert!(
                !print(describe(&token, Some(&grant(same)), &question(""))).contains("obfuscated")
            );
        }
    }

    #[test]
    fn a_refresh_token_is_active_while_it_may_be_used() {
        let (grant, session) = (grant(""), SessionClaims::default());
        let refresh = |expires_at| RefreshRecord {
            refresh_id: [2; 16],
            grant_id: [1; 16],
            issued_at: Timestamp::from_secs(900),
            expires_at,
        };
        let sound = refresh(Timestamp::from_secs(2_000));
        let found = FoundRefresh {
            refresh: &sound,
            first_used_at: None,
            used_times: 0,
            is_live: true,
            grant: &grant,
            session: &session,
        };
        let grace = Grace {
            period: Duration::from_secs(60),
            uses_max: 0,
        };
        let show = |found: FoundRefresh<'_>, scope| {
            print(describe_refresh(&found, grace, &question(scope)))
        };
        assert_eq!(
            show(found, "openid"),
            r#"{"active":true,"scope":"openid offline","client_id":"app","sub":"alice","exp":2000,"iat":900,"nbf":900,"aud":["api"],"iss":"https://i","token_type":"Bearer","token_use":"refresh_token"}"#
        );
        let never = refresh(Timestamp::MAX);
        assert!(
            !show(
                FoundRefresh {
                    refresh: &never,
                    ..found
                },
                ""
            )
            .contains("exp")
        );
        let in_grace = FoundRefresh {
            first_used_at: Some(Timestamp::from_secs(990)),
            used_times: 1,
            ..found
        };
        assert_eq!(show(in_grace, ""), show(found, ""));
        let ended = refresh(Timestamp::from_secs(1_000));
        for (name, inactive, scope) in [
            (
                "used",
                FoundRefresh {
                    first_used_at: Some(Timestamp::from_secs(900)),
                    ..found
                },
                "",
            ),
            (
                "dead",
                FoundRefresh {
                    is_live: false,
                    ..found
                },
                "",
            ),
            (
                "ended",
                FoundRefresh {
                    refresh: &ended,
                    ..found
                },
                "",
            ),
            ("scope", found, "profile"),
        ] {
            assert_eq!(show(inactive, scope), "inactive", "{name}");
        }
    }

    #[test]
    fn clients_see_their_own_tokens_and_those_meant_for_them() {
        let token = AccessToken {
            audience: vec!["api".to_owned()],
            ..machine()
        };
        for (client_id, seen) in [("app", true), ("api", true), ("other", false)] {
            assert_eq!(may_see(client_id, &token), seen, "{client_id}");
            assert_eq!(may_see_grant(client_id, &grant("")), seen, "{client_id}");
        }
    }
}
