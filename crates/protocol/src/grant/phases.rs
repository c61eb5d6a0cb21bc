//! What all grants have in common.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::audience::{self, AudienceError};
use crate::client::Client;
use crate::error::{ErrorCode, OAuthError, quoted};
use crate::scope::{self, ScopeStrategy};

/// Whether the client is registered for every requested scope.
pub(crate) fn check_scope<'s>(
    client: &Client,
    mut requested: impl Iterator<Item = &'s str>,
    strategy: ScopeStrategy,
) -> Result<(), OAuthError> {
    match requested.find(|asked| !strategy.allows(scope::split(&client.metadata().scope), asked)) {
        None => Ok(()),
        Some(asked) => Err(OAuthError::new(
            ErrorCode::InvalidScope,
            format!("The client is not registered for scope {}.", quoted(asked)),
        )),
    }
}

/// Whether the client is registered for every requested audience.
pub(crate) fn check_audience(client: &Client, requested: &[String]) -> Result<(), OAuthError> {
    audience::check(
        &client.metadata().audience,
        requested.iter().map(String::as_str),
    )
    .map_err(|refused| {
        let hint = match refused {
            AudienceError::NotAllowed(value) => format!(
                "The client is not registered for audience {}; add it to the client's 'audience'.",
                quoted(&value)
            ),
            AudienceError::Malformed(value) => {
                format!("Requested audience {} is not a URI.", quoted(&value))
            }
        };
        OAuthError::new(ErrorCode::InvalidRequest, hint)
    })
}

/// Each audience once, in order of first occurrence. One parameter is a list, several are not.
pub(crate) fn requested_audience(given: &[Cow<'_, str>]) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut kept = |value: &str| {
        (!value.is_empty() && seen.insert(value.to_owned())).then(|| value.to_owned())
    };
    match given {
        [single] => single.split(' ').filter_map(kept).collect(),
        many => many.iter().filter_map(|value| kept(value)).collect(),
    }
}
