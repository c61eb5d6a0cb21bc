//! The issuer: the name that every token and every client carries.
//!
//! Spec: OpenID Connect Core 1.0 section 2 (`iss`), RFC 8414 section 2.

use tessera_server::config::Settings;

use super::{
    finding::Finding,
    site::{host, is_loopback},
};

const AREA: &str = "issuer";

/// Looks at the issuer and at the public URL beside it.
pub(super) fn check(settings: &Settings) -> Vec<Finding> {
    let issuer = settings.issuer();
    let mut found = vec![scheme(&issuer)];
    if let Some(host) = host(&issuer).filter(|host| is_loopback(host)) {
        found.push(Finding::warning(
            AREA,
            "other machines can reach it",
            host,
            "fine for a try on this machine; otherwise set urls.self.issuer to the address that clients see",
        ));
    }
    found.push(slash(&issuer, &settings.public_url()));
    found
}

fn scheme(issuer: &str) -> Finding {
    let rule = "it is an https URL";
    if issuer.starts_with("https://") {
        Finding::ok(AREA, rule, issuer)
    } else {
        Finding::warning(
            AREA,
            rule,
            issuer,
            "fine in development only; set urls.self.issuer to the https address that clients see",
        )
    }
}

/// Clients compare the issuer byte by byte, so that a slash too many or too few is another issuer.
fn slash(issuer: &str, public: &str) -> Finding {
    let rule = "issuer and public URL agree about the slash at the end";
    let bare = |url: &str| url.trim_end_matches('/').to_owned();
    let has_path = url::Url::parse(issuer).is_ok_and(|url| url.path() != "/");
    let differs = bare(issuer) == bare(public) && issuer.ends_with('/') != public.ends_with('/');
    // A host alone always is written with a slash once it is a URL; only a path can differ.
    if has_path && differs {
        return Finding::warning(
            AREA,
            rule,
            format!("{issuer} and {public}"),
            "write urls.self.issuer and urls.self.public alike: clients compare the issuer byte by byte",
        );
    }
    let ends = if issuer.ends_with('/') {
        "with a slash; clients have to be configured with it"
    } else {
        "without a slash; clients have to be configured without"
    };
    Finding::ok(AREA, rule, format!("{issuer} ends {ends}"))
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Level, super::tests::*, *};

    #[test]
    fn a_public_https_issuer_is_fine() {
        let found = check(&settings(&[]));
        assert!(found.iter().all(|one| one.level == Level::Ok), "{found:?}");
    }

    #[test]
    fn a_development_issuer_is_told() {
        let found = check(&settings(&[
            ("DEV", ""),
            ("URLS_SELF_ISSUER", "http://localhost:4444/"),
        ]));
        assert_eq!(
            rules(&found, Level::Warning),
            ["it is an https URL", "other machines can reach it"]
        );
    }

    #[test]
    fn a_slash_that_only_one_of_two_has_is_told() {
        let found = check(&settings(&[
            ("URLS_SELF_ISSUER", "https://a.example/base"),
            ("URLS_SELF_PUBLIC", "https://a.example/base/"),
        ]));
        assert_eq!(
            rules(&found, Level::Warning),
            ["issuer and public URL agree about the slash at the end"]
        );
    }
}
