//! Which of a person's claims a client gets.
//!
//! Spec: OpenID Connect Core 1.0 5.1, 5.4, 5.5

use serde_json::{Map, Value};
use tessera_protocol::authorize::request::AuthorizeRequest;

use crate::users::User;

/// What the scopes of OpenID Connect stand for.
const BY_SCOPE: [(&str, &[&str]); 4] = [
    (
        "profile",
        &[
            "name",
            "family_name",
            "given_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "updated_at",
        ],
    ),
    ("email", &["email", "email_verified"]),
    ("address", &["address"]),
    ("phone", &["phone_number", "phone_number_verified"]),
];

/// The claims that the request's scopes open. A claim that OpenID Connect does not know, such as `groups`, is opened by the
/// scope of the same name.
pub(super) fn of_scope(user: &User, request: &AuthorizeRequest<'_>) -> Map<String, Value> {
    let mut claims = all(user);
    claims.retain(|name, _| is_opened(name, request));
    claims
}

/// The claims beyond those that the request names one by one in its parameter `claims`.
///
/// Spec: OpenID Connect Core 1.0 5.5. What a claim is to be (`value`, `values`, `essential`) changes nothing.
pub(super) fn named(user: &User, request: &AuthorizeRequest<'_>) -> Map<String, Value> {
    let names = request.requested_claims();
    if names.is_empty() {
        return Map::new();
    }
    let mut claims = all(user);
    claims.retain(|name, _| names.contains(name) && !is_opened(name, request));
    claims
}

/// `preferred_username` is the name that the person logs in with, unless the users file has another.
fn all(user: &User) -> Map<String, Value> {
    let mut claims = user.claims.clone();
    claims
        .entry("preferred_username")
        .or_insert_with(|| user.username.as_str().into());
    claims
}

fn is_opened(claim: &str, request: &AuthorizeRequest<'_>) -> bool {
    request.scope.contains(&scope_of(claim))
}

fn scope_of(claim: &str) -> &str {
    let known = BY_SCOPE.iter().find(|(_, claims)| claims.contains(&claim));
    known.map_or(claim, |(scope, _)| scope)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tessera_protocol::authorize::parameters::RequestParameters;

    use super::*;

    type Chosen = fn(&User, &AuthorizeRequest<'_>) -> Map<String, Value>;

    fn names(of: Chosen, claims: &Value, query: &str) -> Vec<String> {
        let user = User::sample("alice", claims.as_object().unwrap().clone());
        let parameters = RequestParameters::parse(query.as_bytes(), b"").unwrap();
        let request = AuthorizeRequest::new(&parameters);
        let mut names: Vec<String> = of(&user, &request).into_iter().map(|(n, _)| n).collect();
        names.sort();
        names
    }

    #[test]
    fn each_scope_opens_its_claims() {
        let all = json!({"name": "A", "given_name": "A", "email": "a@example.com", "email_verified": true,
            "address": {"country": "DE"}, "phone_number": "+49", "groups": ["x"], "profile": "https://a"});
        for (scope, expected) in [
            ("openid", &[][..]),
            ("openid email", &["email", "email_verified"]),
            (
                "profile",
                &["given_name", "name", "preferred_username", "profile"],
            ),
            ("address phone", &["address", "phone_number"]),
            ("groups", &["groups"]),
            ("name", &[]),
            ("Email", &[]),
        ] {
            let query = format!("scope={scope}");
            assert_eq!(names(of_scope, &all, &query), expected, "{scope:?}");
        }
    }

    #[test]
    fn claims_are_named_one_by_one() {
        let all = json!({"name": "A", "email": "a@example.com", "groups": ["x"]});
        for (query, expected) in [
            (
                r#"scope=openid&claims={"userinfo":{"name":{"essential":true}}}"#,
                &["name"][..],
            ),
            (
                r#"scope=openid&claims={"id_token":{"email":null},"userinfo":{"groups":null}}"#,
                &["email", "groups"],
            ),
            (
                r#"scope=openid&claims={"userinfo":{"preferred_username":null}}"#,
                &["preferred_username"],
            ),
            // Nobody has it; a scope opens it; not OpenID Connect; not an object.
            (r#"scope=openid&claims={"userinfo":{"nickname":null}}"#, &[]),
            (
                r#"scope=openid email&claims={"userinfo":{"email":null}}"#,
                &[],
            ),
            (r#"scope=profile&claims={"userinfo":{"email":null}}"#, &[]),
            (
                r#"scope=openid&claims={"userinfo":["email"],"email":null}"#,
                &[],
            ),
            ("scope=openid", &[]),
        ] {
            assert_eq!(names(named, &all, query), expected, "{query}");
        }
    }

    #[test]
    fn the_preferred_name_is_the_one_of_the_file_else_that_of_the_login() {
        for (claims, expected) in [
            (json!({}), "alice"),
            (json!({"preferred_username": "Ally"}), "Ally"),
        ] {
            let user = User::sample("alice", claims.as_object().unwrap().clone());
            assert_eq!(all(&user)["preferred_username"], expected);
        }
    }
}
