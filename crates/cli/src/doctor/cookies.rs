//! Cookies: who gets them, and whether they come back.
//!
//! Spec: RFC 6265bis sections 5.6.3 and 5.7 (Domain, SameSite).

use tessera_server::config::{SameSite, Settings};

use super::{
    finding::Finding,
    site::{host, site},
};

const AREA: &str = "cookies";

/// Looks at domain, SameSite and the pages that people log in at.
pub(super) fn check(settings: &Settings) -> Vec<Finding> {
    let mut found = vec![domain(settings), same_site(settings)];
    let pages = [
        ("urls.login", settings.urls.login.as_deref()),
        ("urls.consent", settings.urls.consent.as_deref()),
    ];
    for (key, page) in pages {
        found.extend(page.and_then(|page| neighbour(settings, key, page)));
        found.extend(page.and_then(|page| protocol(settings, key, page)));
    }
    found
}

/// A browser drops a cookie for a domain that its sender does not belong to.
fn domain(settings: &Settings) -> Finding {
    let rule = "serve.cookies.domain is the public host, or a domain above it";
    let domain = settings
        .serve
        .cookies
        .domain
        .trim_start_matches('.')
        .to_ascii_lowercase();
    if domain.is_empty() {
        return Finding::ok(AREA, rule, "not set, so cookies stay with the host");
    }
    let host = host(&settings.public_url()).unwrap_or_default();
    let seen = format!("{domain}, for the host {host}");
    let is_above = host == domain || host.ends_with(&format!(".{domain}"));
    if !is_above {
        return Finding::problem(
            AREA,
            rule,
            seen,
            "nobody can log in: browsers drop the cookies. Leave serve.cookies.domain out, or name the host's domain",
        );
    }
    if !domain.contains('.') && domain != host {
        return Finding::problem(
            AREA,
            rule,
            seen,
            "browsers accept no cookie for a whole top-level domain. Leave serve.cookies.domain out",
        );
    }
    Finding::ok(AREA, rule, seen)
}

/// Whether cookies are marked Secure, which they always are outside of development.
fn are_secure(settings: &Settings) -> bool {
    !settings.is_development() || settings.serve.cookies.secure
}

fn same_site(settings: &Settings) -> Finding {
    let rule = "SameSite lets people come back from the application and the login page";
    match settings.serve.cookies.same_site_mode {
        SameSite::Lax => Finding::ok(AREA, rule, "Lax"),
        SameSite::None if are_secure(settings) => Finding::ok(AREA, rule, "None, with Secure"),
        SameSite::None => Finding::warning(
            AREA,
            rule,
            "None, but cookies are not Secure",
            "browsers drop such cookies, so Lax is used instead: serve https, or set serve.cookies.same_site_mode to Lax",
        ),
        SameSite::Strict => Finding::warning(
            AREA,
            rule,
            "Strict",
            "an application on another site never finds the person logged in: use Lax",
        ),
    }
}

/// A page on another site sends the person back by a cross-site request.
fn neighbour(settings: &Settings, key: &str, page: &str) -> Option<Finding> {
    let (own, other) = (host(&settings.public_url())?, host(page)?);
    let rule = format!("{key} is on the public URL's site, or SameSite allows another");
    let seen = format!("{other} and {own}");
    if site(&own) == site(&other) {
        return Some(Finding::ok(AREA, &rule, seen));
    }
    Some(match settings.serve.cookies.same_site_mode {
        SameSite::Strict => Finding::problem(
            AREA,
            &rule,
            format!("{seen}, with SameSite Strict"),
            "the way back from the page carries no cookie, so every login fails: use Lax, or move the page to the site",
        ),
        SameSite::Lax | SameSite::None => Finding::ok(AREA, &rule, seen),
    })
}

/// What is typed into a page over http is read on the way.
fn protocol(settings: &Settings, key: &str, page: &str) -> Option<Finding> {
    let is_open = page.starts_with("http://") && settings.public_url().starts_with("https://");
    let rule = format!("{key} is https where the server is");
    is_open.then(|| {
        Finding::problem(
            AREA,
            &rule,
            page,
            "people type their password there: serve the page by https",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Level, super::tests::*, *};

    #[test]
    fn cookies_go_to_the_host_or_to_a_domain_above_it() {
        for (domain, level) in [
            ("", Level::Ok),
            ("example.com", Level::Ok),
            (".example.com", Level::Ok),
            ("auth.example.com", Level::Ok),
            ("ample.com", Level::Problem),
            ("other.example.com", Level::Problem),
            ("com", Level::Problem),
        ] {
            let settings = settings(&[("SERVE_COOKIES_DOMAIN", domain)]);
            assert_eq!(super::domain(&settings).level, level, "{domain}");
        }
    }

    #[test]
    fn same_site_none_needs_https() {
        let none = ("SERVE_COOKIES_SAME_SITE_MODE", "None");
        assert_eq!(same_site(&settings(&[none])).level, Level::Ok);
        let dev = settings(&[
            none,
            ("DEV", ""),
            ("URLS_SELF_ISSUER", "http://localhost:4444/"),
        ]);
        assert_eq!(same_site(&dev).level, Level::Warning);
    }

    #[test]
    fn a_login_page_elsewhere_and_strict_cookies_do_not_go_together() {
        let login = |url: &'static str| ("URLS_LOGIN", url);
        let strict = ("SERVE_COOKIES_SAME_SITE_MODE", "Strict");
        for (variables, problems) in [
            (vec![login("https://login.example.com/")], 0),
            (vec![login("https://login.example.com/"), strict], 0),
            (vec![login("https://other.example.org/")], 0),
            (vec![login("https://other.example.org/"), strict], 1),
            (vec![login("http://login.example.com/")], 1),
        ] {
            let found = check(&settings(&variables));
            let found = rules(&found, Level::Problem).len();
            assert_eq!(found, problems, "{variables:?}");
        }
    }
}
