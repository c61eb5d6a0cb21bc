//! Which of a person's claims a client gets.
//!
//! Spec: OpenID Connect Core 1.0 5.1, 5.4

use serde_json::{Map, Value};

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

/// The claims that these scopes open. A claim that OpenID Connect does not know, such as `groups`, is opened by the scope
/// of the same name. `preferred_username` is the name that the person logs in with, unless the users file has another.
pub(super) fn of(user: &User, scope: &[&str]) -> Map<String, Value> {
    let mut claims = user.claims.clone();
    claims
        .entry("preferred_username")
        .or_insert_with(|| user.username.as_str().into());
    claims.retain(|name, _| {
        let opener = scope_of(name);
        scope.contains(&opener)
    });
    claims
}

fn scope_of(claim: &str) -> &str {
    let known = BY_SCOPE.iter().find(|(_, claims)| claims.contains(&claim));
    known.map_or(claim, |(scope, _)| scope)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(claims: &Value, scope: &[&str]) -> Vec<String> {
        let user = User::sample("alice", claims.as_object().unwrap().clone());
        let mut names: Vec<String> = of(&user, scope).into_iter().map(|(n, _)| n).collect();
        names.sort();
        names
    }

    #[test]
    fn each_scope_opens_its_claims() {
        let all = json!({"name": "A", "given_name": "A", "email": "a@example.com", "email_verified": true,
            "address": {"country": "DE"}, "phone_number": "+49", "groups": ["x"], "profile": "https://a"});
        for (scope, expected) in [
            (&["openid"][..], &[][..]),
            (&["openid", "email"], &["email", "email_verified"]),
            (
                &["profile"],
                &["given_name", "name", "preferred_username", "profile"],
            ),
            (&["address", "phone"], &["address", "phone_number"]),
            (&["groups"], &["groups"]),
            (&["name"], &[]),
            (&["Email"], &[]),
        ] {
            assert_eq!(names(&all, scope), expected, "{scope:?}");
        }
    }

    #[test]
    fn the_preferred_name_is_the_one_of_the_file_else_that_of_the_login() {
        for (claims, expected) in [
            (json!({}), "alice"),
            (json!({"preferred_username": "Ally"}), "Ally"),
        ] {
            let user = User::sample("alice", claims.as_object().unwrap().clone());
            assert_eq!(of(&user, &["profile"])["preferred_username"], expected);
        }
    }
}
