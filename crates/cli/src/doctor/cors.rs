//! Cross-origin requests.
//!
//! Spec: the Fetch standard's CORS protocol; an origin has neither path nor slash at its end.

use tessera_protocol::client::ClientMetadata;
use tessera_protocol::origin;
use tessera_server::config::{Cors, Settings};

use super::{database::Contents, finding::Finding};

const AREA: &str = "cors";

/// Looks at both listeners, and at what clients ask for.
pub(super) fn check(settings: &Settings, contents: Option<&Contents>) -> Vec<Finding> {
    let listeners = [
        ("serve.public.cors", &settings.serve.public.cors),
        ("serve.admin.cors", &settings.serve.admin.cors),
    ];
    let honours_unbounded = settings.feature_flags.legacy_allow_insecure_origins;
    let mut found: Vec<Finding> = listeners
        .iter()
        .map(|(key, cors)| listener(key, cors, honours_unbounded))
        .collect();
    if let Some(contents) = contents {
        found.extend(unanswered(settings, &contents.clients));
        found.extend(without_effect(settings, &contents.clients));
    }
    found
}

fn listener(key: &str, cors: &Cors, honours_unbounded: bool) -> Finding {
    let rule = format!("{key} says what is in effect");
    if !cors.enabled {
        return match cors.allowed_origins.as_slice() {
            [] => Finding::ok(AREA, &rule, "off"),
            origins => Finding::warning(
                AREA,
                &rule,
                format!("off, although origins are allowed: {}", origins.join(", ")),
                &format!("set {key}.enabled, or remove the origins"),
            ),
        };
    }
    let never = cors.allowed_origins.iter().find(|origin| {
        let after_scheme = origin.split_once("://").map_or("", |(_, rest)| rest);
        after_scheme.contains('/')
    });
    if let Some(never) = never {
        return Finding::problem(
            AREA,
            &format!("{key}.allowed_origins are origins"),
            never.as_str(),
            "no browser sends an origin with a path or a slash at its end: leave that away",
        );
    }
    let unbounded = cors.unbounded_origins().next();
    if let (Some(unbounded), false) = (unbounded, honours_unbounded) {
        return Finding::problem(
            AREA,
            &format!("{key}.allowed_origins match no sites of strangers"),
            format!("{unbounded}, which therefore counts for nothing"),
            "put the wildcard before a whole domain, as in https://*.example.com",
        );
    }
    if let Some(unbounded) = unbounded {
        return Finding::warning(
            AREA,
            &format!("{key}.allowed_origins match no sites of strangers"),
            format!("{unbounded}, which feature_flags.legacy_allow_insecure_origins honours"),
            "put the wildcard before a whole domain, and take the flag away",
        );
    }
    let is_wide = cors.allows_any_origin()
        || cors
            .allowed_origins
            .iter()
            .any(|origin| matches!(origin.as_str(), "https://*" | "http://*"));
    if is_wide && cors.allow_credentials {
        return Finding::warning(
            AREA,
            &rule,
            "every origin, with credentials",
            &format!(
                "name the origins in {key}.allowed_origins, or set allow_credentials to false"
            ),
        );
    }
    Finding::ok(AREA, &rule, cors.allowed_origins.join(", "))
}

/// A client's origins count only where the public listener answers cross-origin requests at all.
fn unanswered(settings: &Settings, clients: &[ClientMetadata]) -> Option<Finding> {
    if settings.serve.public.cors.enabled {
        return None;
    }
    let wanting: Vec<&str> = clients
        .iter()
        .filter(|client| !client.allowed_cors_origins.is_empty())
        .map(|client| client.client_id.as_str())
        .collect();
    let first = wanting.first()?;
    Some(Finding::warning(
        AREA,
        "clients with allowed_cors_origins are answered",
        format!(
            "serve.public.cors is off, and {} such clients exist, one is {first}",
            wanting.len()
        ),
        "set serve.public.cors.enabled",
    ))
}

/// A client's pattern that sites of strangers match.
fn without_effect(settings: &Settings, clients: &[ClientMetadata]) -> Option<Finding> {
    if settings.feature_flags.legacy_allow_insecure_origins {
        return None;
    }
    let mut all = clients.iter().flat_map(|client| {
        let origins = client.allowed_cors_origins.iter();
        origins.map(move |pattern| (pattern, &client.client_id))
    });
    let (pattern, client_id) = all.find(|(pattern, _)| !origin::is_bounded(pattern))?;
    Some(Finding::warning(
        AREA,
        "allowed_cors_origins of clients match no sites of strangers",
        format!("{pattern} of client {client_id}, which therefore counts for nothing"),
        "put the wildcard before a whole domain, as in https://*.example.com",
    ))
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Level, super::tests::*, *};

    fn public(variables: &[(&str, &str)]) -> Finding {
        let settings = settings(variables);
        let honours = settings.feature_flags.legacy_allow_insecure_origins;
        listener("serve.public.cors", &settings.serve.public.cors, honours)
    }

    #[test]
    fn origins_without_effect_are_told() {
        let origins = (
            "SERVE_PUBLIC_CORS_ALLOWED_ORIGINS",
            "https://app.example.com",
        );
        let on = ("SERVE_PUBLIC_CORS_ENABLED", "true");
        assert_eq!(public(&[]).level, Level::Ok);
        assert_eq!(public(&[origins]).level, Level::Warning);
        assert_eq!(public(&[origins, on]).level, Level::Ok);
        assert_eq!(public(&[on]).level, Level::Warning, "every origin");
    }

    #[test]
    fn an_origin_with_a_path_never_matches() {
        let on = ("SERVE_PUBLIC_CORS_ENABLED", "true");
        for origin in ["https://app.example.com/", "https://app.example.com/x"] {
            let origins = ("SERVE_PUBLIC_CORS_ALLOWED_ORIGINS", origin);
            assert_eq!(public(&[origins, on]).level, Level::Problem, "{origin}");
        }
    }

    #[test]
    fn a_pattern_that_strangers_match_is_told() {
        let on = ("SERVE_PUBLIC_CORS_ENABLED", "true");
        let origins = ("SERVE_PUBLIC_CORS_ALLOWED_ORIGINS", "https://*example.com");
        let flag = ("FEATURE_FLAGS_LEGACY_ALLOW_INSECURE_ORIGINS", "true");
        assert_eq!(public(&[on, origins]).level, Level::Problem);
        assert_eq!(public(&[on, origins, flag]).level, Level::Warning);
        let client = ClientMetadata {
            client_id: "spa".to_owned(),
            allowed_cors_origins: vec![
                "https://*.example.com".to_owned(),
                "https://*example.com".to_owned(),
            ],
            ..Default::default()
        };
        let found = without_effect(&settings(&[on]), std::slice::from_ref(&client)).unwrap();
        assert!(
            found.seen.contains("https://*example.com of client spa"),
            "{found:?}"
        );
        assert_eq!(without_effect(&settings(&[on, flag]), &[client]), None);
    }

    #[test]
    fn clients_that_nobody_answers_are_told() {
        let client = ClientMetadata {
            client_id: "spa".to_owned(),
            allowed_cors_origins: vec!["https://app.example.com".to_owned()],
            ..Default::default()
        };
        let clients = [client];
        let found = unanswered(&settings(&[]), &clients).unwrap();
        assert!(found.seen.contains("spa"));
        let on = settings(&[("SERVE_PUBLIC_CORS_ENABLED", "true")]);
        assert_eq!(unanswered(&on, &clients), None);
    }
}
