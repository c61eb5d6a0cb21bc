//! The `client_credentials` grant: a machine asks for itself.
//!
//! Spec: RFC 6749 4.4

use std::borrow::Cow;
use std::time::Duration;

use super::{phases, request};
use crate::client::Client;
use crate::error::{ErrorCode, OAuthError};
use crate::scope::{self, ScopeStrategy};
use crate::time::Timestamp;
use crate::token::access::AccessToken;

/// Its name on the wire.
pub const GRANT_TYPE: &str = "client_credentials";

/// Most bytes of scopes and audiences in one request: a token has to carry them.
const REQUEST_MAX: usize = 16 * 1024;

/// What this grant reads from the request.
#[derive(Debug)]
pub struct Request<'a> {
    /// Requested scopes, space separated.
    pub scope: Cow<'a, str>,
    /// Requested audiences: one occurrence is a space-separated list, several are one audience each.
    pub audience: Vec<Cow<'a, str>>,
}

/// What the server knows and was told to do.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// The time of the request.
    pub now: Timestamp,
    /// `ttl.access_token`.
    pub lifespan: Duration,
    /// `strategies.scope`.
    pub scope_strategy: ScopeStrategy,
    /// `oauth2.client_credentials.default_grant_allowed_scope`.
    pub grant_all_scopes_by_default: bool,
    /// The server's token epoch.
    pub server_epoch: u64,
}

/// Decides what is granted to an authenticated client.
pub fn decide(
    request: &Request<'_>,
    client: &Client,
    context: &Context,
) -> Result<AccessToken, OAuthError> {
    let asked = request
        .audience
        .iter()
        .map(|audience| audience.len())
        .sum::<usize>();
    if request.scope.len().saturating_add(asked) > REQUEST_MAX {
        return Err(OAuthError::new(
            ErrorCode::InvalidScope,
            format!("'scope' and 'audience' together are longer than {REQUEST_MAX} bytes."),
        ));
    }
    let mut scope = scope::normalise(&request.scope);
    phases::check_scope(client, scope::split(&scope), context.scope_strategy)?;
    let audience = phases::requested_audience(&request.audience);
    phases::check_audience(client, &audience)?;
    if client.is_public() {
        return Err(OAuthError::new(
            ErrorCode::InvalidGrant,
            "A public client ('token_endpoint_auth_method' is 'none') may not use grant \
             'client_credentials': nobody could tell who asks.",
        ));
    }
    request::grant_allowed(client, GRANT_TYPE)?;
    if scope.is_empty() && context.grant_all_scopes_by_default {
        scope = scope::normalise(&client.metadata().scope);
    }
    let lifespan = match client
        .metadata()
        .lifespans
        .client_credentials_grant_access_token_lifespan
    {
        Some(own) => own.positive().unwrap_or_default(),
        None => context.lifespan,
    };
    Ok(AccessToken {
        client_id: client.id().to_owned(),
        subject: client.id().to_owned(),
        scope,
        audience,
        issued_at: context.now,
        expires_at: context.now.end_of(lifespan).whole_seconds(),
        client_epoch: client.record().token_epoch,
        server_epoch: context.server_epoch,
        ext: String::new(),
        ext_grant: None,
        person: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{ClientMetadata, ClientRecord};
    use crate::time::Lifespan;

    fn client(change: impl FnOnce(&mut ClientMetadata)) -> Client {
        let mut metadata = ClientMetadata {
            client_id: "machine".to_owned(),
            grant_types: Some(vec![GRANT_TYPE.to_owned()]),
            scope: "a b.*".to_owned(),
            audience: vec!["https://api.example.com".to_owned()],
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

    fn context() -> Context {
        Context {
            now: Timestamp::from_micros(1_000_000_500_000),
            lifespan: Duration::from_secs(3_600),
            scope_strategy: ScopeStrategy::Wildcard,
            grant_all_scopes_by_default: false,
            server_epoch: 9,
        }
    }

    fn ask(client: &Client, scope: &str, audience: &[&str]) -> Result<AccessToken, ErrorCode> {
        let request = Request {
            scope: scope.into(),
            audience: audience.iter().map(|a| Cow::Borrowed(*a)).collect(),
        };
        decide(&request, client, &context()).map_err(|e| e.code)
    }

    #[test]
    fn what_is_registered_is_granted() {
        let token = ask(&client(|_| {}), "b.x a a", &["https://api.example.com/v1"]).unwrap();
        assert_eq!(token.scope, "b.x a");
        assert_eq!(token.audience, ["https://api.example.com/v1"]);
        assert_eq!((token.client_epoch, token.server_epoch), (7, 9));
        assert_eq!(token.expires_in(context().now), 3_599);
        assert_eq!(
            token.expires_at.as_secs(),
            token.issued_at.as_secs() + 3_600
        );
    }

    #[test]
    fn what_no_token_could_carry_is_refused() {
        let long = "a ".repeat(10_000);
        assert_eq!(
            ask(&client(|_| {}), &long, &[]),
            Err(ErrorCode::InvalidScope)
        );
    }

    #[test]
    fn nothing_is_granted_that_was_not_asked_for() {
        let token = ask(&client(|_| {}), "", &[]).unwrap();
        assert_eq!((token.scope.as_str(), token.audience.len()), ("", 0));
    }

    #[test]
    fn each_rule_has_its_code() {
        let plain = client(|_| {});
        assert_eq!(ask(&plain, "c", &[]), Err(ErrorCode::InvalidScope));
        assert_eq!(
            ask(&plain, "a", &["https://other"]),
            Err(ErrorCode::InvalidRequest)
        );
        assert_eq!(ask(&plain, "a", &[":bad"]), Err(ErrorCode::InvalidRequest));
        let public = client(|m| m.token_endpoint_auth_method = "none".to_owned());
        assert_eq!(ask(&public, "a", &[]), Err(ErrorCode::InvalidGrant));
        let other = client(|m| m.grant_types = Some(Vec::new()));
        assert_eq!(ask(&other, "a", &[]), Err(ErrorCode::UnauthorizedClient));
    }

    #[test]
    fn one_audience_parameter_is_a_list_and_several_are_not() {
        let client = client(|m| m.audience = vec!["x".to_owned(), "y".to_owned()]);
        assert_eq!(ask(&client, "", &["x y"]).unwrap().audience, ["x", "y"]);
        assert_eq!(ask(&client, "", &["x", "y"]).unwrap().audience, ["x", "y"]);
        assert_eq!(
            ask(&client, "", &["x y", "y"]),
            Err(ErrorCode::InvalidRequest)
        );
    }

    #[test]
    fn the_client_may_have_its_own_lifespan() {
        let client = client(|m| {
            m.lifespans.client_credentials_grant_access_token_lifespan =
                Some(Lifespan::parse("2h").unwrap());
        });
        assert_eq!(
            ask(&client, "", &[]).unwrap().expires_in(context().now),
            7_199
        );
    }
}
