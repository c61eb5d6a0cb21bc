//! Cross-origin requests.
//!
//! Spec: the Fetch standard's CORS protocol; an origin has neither path nor slash at its end.

use tessera_server::config::{Cors, Settings};

use super::{database::Contents, finding::Finding};

const AREA: &str = "cors";

/// Looks at both listeners, and at what clients ask for.
pub(super) fn check(settings: &Settings, contents: Option<&Contents>) -> Vec<Finding> {
    let listeners = [
        ("serve.public.cors", &settings.serve.public.cors),
        ("serve.admin.cors", &settings.serve.admin.cors),
    ];
    let mut found: Vec<Finding> = listeners
        .iter()
        .map(|(key, cors)| listener(key, cors))
        .collect();
    found.extend(contents.and_then(|contents| clients(settings, contents)));
    found
}

fn listener(key: &str, cors: &Cors) -> Finding {
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
    let is_wide = cors.allowed_origins.is_empty()
        || cors
            .allowed_origins
            .iter()
            .any(|origin| matches!(origin.as_str(), "*" | "https://*" | "http://*"));
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
fn clients(settings: &Settings, contents: &Contents) -> Option<Finding> {
    if settings.serve.public.cors.enabled {
        return None;
    }
    let wanting: Vec<&str> = contents
        .clients
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

#[cfg(test)]
mod tests {
    use super::{super::finding::Level, super::tests::*, *};

    fn public(variables: &[(&str, &str)]) -> Finding {
        listener("serve.public.cors", &settings(variables).serve.public.cors)
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
    fn clients_that_nobody_answers_are_told() {
        let client = tessera_protocol::client::ClientMetadata {
            client_id: "spa".to_owned(),
            allowed_cors_origins: vec!["https://app.example.com".to_owned()],
            ..Default::default()
        };
        let contents = Contents {
            clients: vec![client],
            sealed_keys: Vec::new(),
            sealed_parts: Vec::new(),
        };
        let found = clients(&settings(&[]), &contents).unwrap();
        assert!(found.seen.contains("spa"));
        let on = settings(&[("SERVE_PUBLIC_CORS_ENABLED", "true")]);
        assert_eq!(clients(&on, &contents), None);
    }
}
