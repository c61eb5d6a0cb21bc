//! What must hold on every page, and what each one must show.

use axum::response::Response;
use http::StatusCode;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
    X_FRAME_OPTIONS,
};
use http_body_util::BodyExt as _;
use tessera_crypto::sha256;

use super::client_links::ClientLinks;
use super::consent::Consent;
use super::error::Shown;
use super::fallback::{Fallback, notice};
use super::sign_in::{Refused, SignIn};
use super::sign_out::SignOut;
use super::stopped::Stopped;
use super::{check_session, error, form_post, frontchannel_logout};

const NASTY: &str = "\"'><script>alert(1)</script>&amp;";

/// Web addresses all the same, so they are shown.
const NASTY_LINKS: ClientLinks<'_> = ClientLinks {
    policy_uri: "https://a.example/\"'><script>alert(1)</script>&amp;",
    tos_uri: "http://a.example/\"'><script>alert(1)</script>&amp;",
};

async fn html(reply: Response) -> String {
    let bytes = reply.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn header(reply: &Response, name: &http::HeaderName) -> String {
    let value = reply.headers().get(name);
    value.map_or_else(String::new, |v| v.to_str().unwrap().to_owned())
}

fn sign_in(refused: Option<Refused>) -> Response {
    SignIn {
        action: NASTY,
        challenge: NASTY,
        csrf: NASTY,
        client: NASTY,
        links: NASTY_LINKS,
        redirect_host: NASTY,
        username: NASTY,
        remember: true,
        refused,
    }
    .page()
}

fn consent() -> Response {
    let nasty = [NASTY.to_owned()];
    Consent {
        action: NASTY,
        challenge: NASTY,
        csrf: NASTY,
        client: NASTY,
        links: NASTY_LINKS,
        redirect_host: NASTY,
        username: NASTY,
        scope: &[NASTY],
        claims: &[NASTY],
        audience: &nasty,
        remember: true,
    }
    .page()
}

fn shown() -> Shown {
    Shown {
        error: NASTY.to_owned(),
        description: NASTY.to_owned(),
        hint: NASTY.to_owned(),
        debug: NASTY.to_owned(),
    }
}

/// Every page, with the nastiest content.
fn all() -> Vec<Response> {
    let sign_out = SignOut {
        action: NASTY,
        challenge: NASTY,
        csrf: NASTY,
        client: NASTY,
        username: NASTY,
    };
    vec![
        error::page(&shown(), true),
        error::page(&Shown::default(), false),
        Fallback::Login.page(),
        Fallback::Consent.page(),
        Fallback::Logout.page(),
        Fallback::LogoutDone.page(),
        Fallback::Device.page(),
        Fallback::DeviceDone.page(),
        notice(NASTY, NASTY).into_reply(),
        form_post::page(NASTY, &[(NASTY, NASTY)]),
        check_session::page(NASTY),
        frontchannel_logout::page(&[NASTY], NASTY),
        sign_in(None),
        sign_in(Some(Refused::NoUsername)),
        sign_in(Some(Refused::NoPassword)),
        sign_in(Some(Refused::Mismatch)),
        sign_in(Some(Refused::TooManyAttempts {
            retry_after_secs: 8,
        })),
        consent(),
        sign_out.page(),
        stopped(NASTY, "Use <code>localhost</code>.").page(),
        stopped("", "").page(),
    ]
}

fn stopped(again: &'static str, advice: &'static str) -> Stopped<'static> {
    Stopped {
        status: StatusCode::GONE,
        heading: "This page has expired",
        text: NASTY,
        again,
        advice,
    }
}

#[tokio::test]
async fn a_page_that_stops_leads_to_a_fresh_start_where_there_is_one() {
    let reply = stopped("/auth?a=1&b=2", "Use <code>localhost</code>.").page();
    assert_eq!(reply.status(), StatusCode::GONE);
    let text = html(reply).await;
    for part in [
        "<a id=\"again\" href=\"/auth?a=1&amp;b=2\">Start again</a>",
        "<h2>For the developer</h2>",
        "Use <code>localhost</code>.",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let text = html(stopped("", "").page()).await;
    assert!(!text.contains("<a ") && !text.contains("<h2>"), "{text}");
}

#[tokio::test]
async fn nothing_shown_becomes_markup() {
    for reply in all() {
        let text = html(reply).await;
        assert!(!text.contains("<script>alert"), "{text}");
        let values = text.split('"').skip(1).step_by(2);
        for value in values {
            assert!(!value.contains('<') && !value.contains('>'), "{value}");
        }
    }
}

#[tokio::test]
async fn every_page_is_accessible_in_what_a_test_can_see() {
    for reply in all() {
        let text = html(reply).await;
        for (part, count) in [
            ("<!doctype html>", 1),
            ("<html lang=\"en\">", 1),
            ("<title>", 1),
            ("<h1>", 1),
            ("<main>", 1),
            ("name=\"viewport\"", 1),
            ("color-scheme:light dark", 1),
        ] {
            assert_eq!(text.matches(part).count(), count, "{part} in {text}");
        }
        assert!(!text.contains("<title></title>") && !text.contains("<h1></h1>"));
        // Each field that people fill in has a label of its own, and no id stands twice.
        let ids: Vec<&str> = text
            .split(" id=\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap())
            .collect();
        for id in &ids {
            assert_eq!(ids.iter().filter(|other| *other == id).count(), 1, "{id}");
        }
        for field in text
            .split("<input ")
            .skip(1)
            .filter(|f| !f.starts_with("type=\"hidden\""))
        {
            let id = field
                .split("id=\"")
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap();
            assert!(text.contains(&format!("for=\"{id}\"")), "{id}");
        }
        for frame in text.split("<iframe ").skip(1) {
            assert!(frame.starts_with("title=\""));
        }
    }
}

/// What stands between two marks.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.split_once(start)?
        .1
        .split_once(end)
        .map(|(inner, _)| inner)
}

#[tokio::test]
async fn policies_allow_the_own_style_and_script_and_nothing_else() {
    use base64::Engine as _;
    for reply in all() {
        let policy = header(&reply, &CONTENT_SECURITY_POLICY);
        let may_be_framed = header(&reply, &X_FRAME_OPTIONS).is_empty();
        assert_eq!(header(&reply, &REFERRER_POLICY), "no-referrer");
        let text = html(reply).await;
        assert!(
            policy.starts_with("default-src 'none'; base-uri 'none'; "),
            "{policy}"
        );
        assert!(!policy.contains("unsafe") && !policy.contains('*'));
        assert_eq!(policy.contains("frame-ancestors 'none'"), !may_be_framed);
        assert_eq!(
            policy.contains("form-action"),
            !text.contains("<form"),
            "{policy}"
        );
        assert_eq!(policy.contains("frame-src"), text.contains("<iframe"));
        assert_eq!(policy.contains("script-src"), text.contains("<script>"));
        for (start, end) in [("<style>", "</style>"), ("<script>", "</script>")] {
            let Some(inner) = between(&text, start, end) else {
                continue;
            };
            let hash = base64::engine::general_purpose::STANDARD.encode(sha256(inner.as_bytes()));
            assert!(
                policy.contains(&format!("'sha256-{hash}'")),
                "{start} {policy}"
            );
        }
        assert!(!text.contains("javascript:") && !text.contains(" style="));
        for handler in [" onload", " onclick", " onerror"] {
            assert!(!text.contains(handler));
        }
    }
}

#[tokio::test]
async fn the_fallback_pages_name_their_key() {
    const NOT_CONFIGURED: &str = "The request could not be executed because a mandatory configuration key is missing or malformed";
    for (page, title, key) in [
        (Fallback::Login, NOT_CONFIGURED, "urls.login"),
        (Fallback::Consent, NOT_CONFIGURED, "urls.consent"),
        (Fallback::Logout, NOT_CONFIGURED, "urls.logout"),
        (Fallback::Device, NOT_CONFIGURED, "urls.device.verification"),
        (
            Fallback::LogoutDone,
            "You logged out successfully!",
            "urls.post_logout_redirect",
        ),
        (
            Fallback::DeviceDone,
            "You successfully authenticated on your device!",
            "urls.device.success",
        ),
    ] {
        let reply = page.page();
        assert_eq!(reply.status(), StatusCode::OK);
        assert_eq!(header(&reply, &CONTENT_TYPE), "text/html; charset=utf-8");
        let text = html(reply).await;
        assert!(text.contains(&format!("<title>{title}</title>")));
        assert!(text.contains(&format!("<code>{key}</code>")));
        let names_the_users_file = matches!(page, Fallback::Login | Fallback::Consent);
        assert_eq!(
            text.contains("builtin_login.users_file"),
            names_the_users_file
        );
    }
}

#[tokio::test]
async fn the_error_page_shows_what_the_query_says() {
    let full = Shown {
        error: "some_error".to_owned(),
        description: "what <b>happened</b>".to_owned(),
        hint: "hint".to_owned(),
        debug: "debug".to_owned(),
    };
    let reply = error::page(&full, false);
    assert_eq!(reply.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let text = html(reply).await;
    for part in [
        "<title>An OAuth 2.0 Error Occurred</title>",
        "<h1>The OAuth2 request resulted in an error.</h1>",
        "<li>Error: some_error</li>",
        "<li>Description: what &lt;b&gt;happened&lt;/b&gt;</li>",
        "<li>Hint: hint</li>",
        "<li>Debug: debug</li>",
        "<code>urls.error</code>",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("For the developer"));
    let only_code = Shown {
        error: "request_forbidden".to_owned(),
        ..Shown::default()
    };
    let text = html(error::page(&only_code, true)).await;
    assert!(text.contains("For the developer") && text.contains("do not share cookies"));
    assert!(!text.contains("Hint:"));
    let long = Shown {
        description: "x".repeat(100_000),
        ..Shown::default()
    };
    assert!(html(error::page(&long, false)).await.len() < 10_000);
}

#[tokio::test]
async fn each_code_has_words_for_people_and_for_developers() {
    let codes = [
        "access_denied",
        "request_forbidden",
        "login_required",
        "temporarily_unavailable",
        "server_error",
        "invalid_client",
        "invalid_request",
        "invalid_scope",
    ];
    let mut seen = std::collections::HashSet::new();
    for code in codes {
        let shown = Shown {
            error: code.to_owned(),
            ..Shown::default()
        };
        let text = html(error::page(&shown, true)).await;
        seen.insert(between(&text, "<p>", "<h2>Details").unwrap().to_owned());
    }
    assert_eq!(seen.len(), codes.len() - 1, "only the last two are alike");
}

#[tokio::test]
async fn a_form_post_page_posts_the_fields_in_order() {
    let fields = [("code", "tsc_1.2"), ("state", "a\"b&c")];
    let reply = form_post::page("https://rp.example.com/cb?x=1&y=2", &fields);
    assert_eq!(reply.status(), StatusCode::OK);
    assert_eq!(header(&reply, &CONTENT_TYPE), "text/html;charset=UTF-8");
    assert_eq!(header(&reply, &CACHE_CONTROL), "no-store");
    let text = html(reply).await;
    assert!(text.contains("<title>Submit This Form</title>"));
    assert!(
        text.contains("<form method=\"post\" action=\"https://rp.example.com/cb?x=1&amp;y=2\"")
    );
    let code = text.find("<input type=\"hidden\" name=\"code\" value=\"tsc_1.2\">");
    let state = text.find("<input type=\"hidden\" name=\"state\" value=\"a&quot;b&amp;c\">");
    assert!(code.is_some() && code < state);
    assert!(
        between(&text, "<noscript>", "</noscript>")
            .unwrap()
            .contains("<button type=\"submit\"")
    );
    // A field or button of this name would hide the method that the script calls.
    assert!(!text.contains("name=\"submit\"") && !text.contains("id=\"submit\""));
}

#[tokio::test]
async fn a_front_channel_page_frames_each_client_and_goes_on() {
    let frames = ["https://a.example/out?iss=x&sid=1", "https://b.example/out"];
    let reply = frontchannel_logout::page(&frames, "https://c.example/bye");
    assert!(header(&reply, &CONTENT_SECURITY_POLICY).contains("; frame-src https:; "));
    let text = html(reply).await;
    assert_eq!(text.matches("<iframe ").count(), 2);
    assert!(text.contains("src=\"https://a.example/out?iss=x&amp;sid=1\""));
    assert!(text.contains("id=\"next\" href=\"https://c.example/bye\""));
    let refresh = "http-equiv=\"refresh\" content=\"7; url=https://c.example/bye\"";
    assert!(
        between(&text, "<noscript>", "</noscript>")
            .unwrap()
            .contains(refresh)
    );
    assert_eq!(text.matches("refresh").count(), 1);
    let plain = frontchannel_logout::page(&["http://a.example/out"], "https://c.example/");
    assert!(header(&plain, &CONTENT_SECURITY_POLICY).contains("frame-src https: http:"));
}

#[tokio::test]
async fn a_refused_login_says_why_beside_its_field() {
    let rows = [
        (
            Refused::NoUsername,
            "username",
            StatusCode::BAD_REQUEST,
            "Type your user name.",
        ),
        (
            Refused::NoPassword,
            "password",
            StatusCode::BAD_REQUEST,
            "Type your password.",
        ),
        (
            Refused::Mismatch,
            "password",
            StatusCode::BAD_REQUEST,
            "do not fit together",
        ),
        (
            Refused::TooManyAttempts {
                retry_after_secs: 120,
            },
            "password",
            StatusCode::TOO_MANY_REQUESTS,
            "in 2 minutes",
        ),
    ];
    for (refused, field, status, words) in rows {
        let reply = SignIn {
            username: "alice",
            refused: Some(refused),
            ..SignIn::default()
        }
        .page();
        assert_eq!(reply.status(), status);
        let waits = header(&reply, &RETRY_AFTER);
        assert_eq!(waits == "120", status == StatusCode::TOO_MANY_REQUESTS);
        let text = html(reply).await;
        let message = format!("role=\"alert\" id=\"{field}-error\">");
        assert!(
            between(&text, &message, "</p>").unwrap().contains(words),
            "{text}"
        );
        assert_eq!(text.matches("aria-invalid=").count(), 1);
        assert!(text.contains(&format!("aria-describedby=\"{field}-error\"")));
        assert_eq!(text.matches(" autofocus").count(), 1);
        assert!(text.contains("<title>Error: Sign in</title>"));
    }
    let text = html(SignIn::default().page()).await;
    assert!(!text.contains("aria-invalid=") && !text.contains("role=\"alert\""));
}

#[tokio::test]
async fn the_login_page_keeps_what_was_typed_but_no_password() {
    let text = html(
        SignIn {
            action: "/oauth2/fallbacks/login",
            challenge: "ch",
            csrf: "cs",
            client: "Shop",
            redirect_host: "shop.example.com",
            username: "alice",
            remember: true,
            ..SignIn::default()
        }
        .page(),
    )
    .await;
    for part in [
        "action=\"/oauth2/fallbacks/login\"",
        "name=\"challenge\" value=\"ch\"",
        "name=\"csrf\" value=\"cs\"",
        "id=\"username\" name=\"username\" value=\"alice\"",
        "id=\"remember\" name=\"remember\" value=\"1\" checked",
        "id=\"accept\" name=\"answer\" value=\"accept\"",
        "id=\"deny\" name=\"answer\" value=\"deny\"",
        "<strong>Shop</strong>",
        "<strong>shop.example.com</strong>",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let password = between(&text, "<input type=\"password\"", ">").unwrap();
    assert!(!password.contains("value="));
}

#[tokio::test]
async fn the_consent_page_says_in_words_what_is_asked() {
    let scope = [
        "openid",
        "offline",
        "offline_access",
        "email",
        "invoices.read",
    ];
    let audience = ["https://api.example.com".to_owned()];
    let text = html(
        Consent {
            client: "Shop",
            redirect_host: "shop.example.com",
            username: "alice",
            scope: &scope,
            claims: &["birthdate"],
            audience: &audience,
            ..Consent::default()
        }
        .page(),
    )
    .await;
    assert_eq!(
        text.matches("<li>").count(),
        6,
        "the two offline scopes are one"
    );
    for part in [
        "<h1>Allow Shop?</h1>",
        "<strong>alice</strong>",
        "<strong>shop.example.com</strong>",
        "see your e-mail address",
        "<code>invoices.read</code>",
        "see <code>birthdate</code>",
        "<code>https://api.example.com</code>",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(
        html(Consent::default().page())
            .await
            .contains("nothing but")
    );
}

#[tokio::test]
async fn the_logout_page_says_who_asks() {
    let text = html(
        SignOut {
            client: "Shop",
            username: "alice",
            ..SignOut::default()
        }
        .page(),
    )
    .await;
    assert!(text.contains("<strong>Shop</strong> asks to sign you out"));
    assert!(text.contains("<strong>alice</strong>"));
    let bare = html(SignOut::default().page()).await;
    assert!(!bare.contains("asks to") && bare.contains("id=\"accept\""));
}

#[tokio::test]
async fn a_client_is_linked_to_by_web_addresses_alone() {
    let shown = async |policy_uri, tos_uri| {
        let links = ClientLinks {
            policy_uri,
            tos_uri,
        };
        let consent = Consent {
            links,
            ..Consent::default()
        };
        let sign_in = SignIn {
            links,
            ..SignIn::default()
        };
        let pages = [html(consent.page()).await, html(sign_in.page()).await];
        pages.map(|text| text.split(" href=\"").count() - 1)
    };
    let (policy, terms) = (
        "https://c.example/privacy?a=1&b=2",
        "http://c.example/terms",
    );
    assert_eq!(shown(policy, terms).await, [2, 2]);
    assert_eq!(shown("", terms).await, [1, 1]);
    for other in ["", "javascript:alert(1)", "data:text/html,x", "c.example"] {
        assert_eq!(shown(other, other).await, [0, 0], "{other}");
    }
}
