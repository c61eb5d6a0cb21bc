//! An authorization request as the checks see it.
//!
//! Spec: RFC 6749 4.1.1; OpenID Connect Core 1.0 3.1.2.1; RFC 7636 4.3; RFC 8707 2

use std::collections::{BTreeSet, HashSet};

use serde_json::{Map, Value};

use super::parameters::RequestParameters;
use super::prompt::Prompt;
use super::response_type::ResponseType;
use crate::error::{ErrorCode, OAuthError, quoted};
use crate::grant::phases;
use crate::scope;

/// The parts of a request that are compared with something. Texts are as they came.
#[derive(Debug, Clone)]
pub struct AuthorizeRequest<'a> {
    /// All of it.
    pub parameters: &'a RequestParameters,
    /// `None` when it is missing or unknown.
    pub response_type: Option<ResponseType>,
    /// Requested scopes, each once.
    pub scope: Vec<&'a str>,
    /// Requested audiences, each once.
    pub audience: Vec<String>,
    /// Requested resources.
    pub resource: Vec<&'a str>,
    /// What pages may be shown.
    pub prompt: Prompt,
}

impl<'a> AuthorizeRequest<'a> {
    /// Reads the parameters.
    pub fn new(parameters: &'a RequestParameters) -> Self {
        let mut seen = HashSet::new();
        let scope = scope::split(parameters.get("scope"))
            .filter(|asked| seen.insert(*asked))
            .collect();
        let audience: Vec<_> = parameters.all("audience").map(Into::into).collect();
        Self {
            parameters,
            response_type: ResponseType::parse(parameters.get("response_type")),
            scope,
            audience: phases::requested_audience(&audience),
            resource: parameters.all("resource").collect(),
            prompt: Prompt::read(parameters.get("prompt")),
        }
    }

    /// Whether it is an OpenID Connect request.
    pub fn is_openid(&self) -> bool {
        self.scope.contains(&"openid")
    }

    /// The value of a parameter; empty when it was not given.
    pub fn get(&self, name: &str) -> &'a str {
        self.parameters.get(name)
    }

    /// `max_age` in seconds.
    ///
    /// Compat: a negative number is as good as none, and so is what is no number; see [`Self::check_max_age`].
    pub fn max_age(&self) -> Option<i64> {
        self.get("max_age").parse().ok().filter(|secs| *secs >= 0)
    }

    /// Whether `max_age`, if it is given, is a number.
    pub fn check_max_age(&self) -> Result<(), OAuthError> {
        match self.get("max_age") {
            "" => Ok(()),
            text if text.parse::<i64>().is_ok() => Ok(()),
            text => Err(OAuthError::new(
                ErrorCode::InvalidRequest,
                format!(
                    "Parameter 'max_age' is {}; it must be a number of seconds.",
                    quoted(text)
                ),
            )),
        }
    }

    /// Names of the claims that `claims` asks for, for the ID token or for userinfo, each once.
    ///
    /// Spec: OpenID Connect Core 1.0 5.5; no OpenID Connect request, no claims.
    pub fn requested_claims(&self) -> BTreeSet<String> {
        if !self.is_openid() {
            return BTreeSet::new();
        }
        let asked: Map<String, Value> =
            serde_json::from_str(self.get("claims")).unwrap_or_default();
        ["id_token", "userinfo"]
            .iter()
            .filter_map(|place| asked.get(*place)?.as_object())
            .flat_map(Map::keys)
            .cloned()
            .collect()
    }

    /// `oidc_context` of the admin API: what the apps may take into account.
    ///
    /// Compat: members are left out when empty.
    pub fn oidc_context(&self, id_token_hint_claims: Option<Map<String, Value>>) -> Value {
        let words = |name: &str| -> Option<Value> {
            let list: Vec<Value> = scope::split(self.get(name)).map(Value::from).collect();
            (!list.is_empty()).then(|| list.into())
        };
        let text = |name: &str| {
            Some(self.get(name))
                .filter(|v| !v.is_empty())
                .map(Value::from)
        };
        let members = [
            ("acr_values", words("acr_values")),
            ("ui_locales", words("ui_locales")),
            ("display", text("display")),
            (
                "id_token_hint_claims",
                id_token_hint_claims.map(Value::Object),
            ),
            ("login_hint", text("login_hint")),
            ("claims", serde_json::from_str(self.get("claims")).ok()),
        ];
        let present = members
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(present.collect())
    }
}
