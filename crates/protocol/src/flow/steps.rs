//! What each step of a flow decides: whether a login may be used, whether what the app said fits the request, whether an
//! earlier consent covers it.
//!
//! Spec: OpenID Connect Core 1.0 3.1.2.1, 3.1.2.2, 3.1.2.3; RFC 6749 10.2

use super::{AcceptedLogin, KnownLogin};
use crate::audience;
use crate::authorize::destination::Destination;
use crate::authorize::redirect_uri;
use crate::authorize::request::AuthorizeRequest;
use crate::client::Client;
use crate::error::{ErrorCode, OAuthError};
use crate::grant::record::LoginSession;
use crate::scope::ScopeStrategy;
use crate::time::Timestamp;

/// How far a login may lie in the future before the clock is to blame, in seconds.
const CLOCK_TOLERANCE_SECS: i64 = 5;

/// Which earlier login the request may use, if any.
///
/// `session` is the browser's remembered session, `hinted` the `sub` of a verified `id_token_hint`, and `identifiers`
/// are what this client may call the session's subject.
pub fn known_login(
    request: &AuthorizeRequest<'_>,
    session: Option<&LoginSession>,
    hinted: Option<&str>,
    identifiers: &[String],
    now: Timestamp,
) -> Result<Option<KnownLogin>, OAuthError> {
    let prompt = request.prompt;
    let refuse = |hint: &'static str| OAuthError::new(ErrorCode::LoginRequired, hint);
    let usable = session.filter(|_| !prompt.login);
    let Some(session) = usable else {
        return match prompt.none {
            true => Err(refuse(
                "Parameter 'prompt' is 'none', but there is no login session to go on with.",
            )),
            false => Ok(None),
        };
    };
    // Compat: without a session there is nothing that `max_age` could be about, and any text will do.
    request.check_max_age()?;
    if request
        .max_age()
        .is_some_and(|max_age| is_too_old(session.authenticated_at, max_age, now))
    {
        return match prompt.none {
            true => Err(refuse(
                "Parameter 'prompt' is 'none', but the login is older than 'max_age' allows.",
            )),
            false => Ok(None),
        };
    }
    if hinted.is_some_and(|sub| !identifiers.iter().any(|id| id == sub)) {
        return Err(refuse(
            "The 'id_token_hint' is about another person than the one who is logged in.",
        ));
    }
    Ok(Some(KnownLogin {
        subject: session.subject.clone(),
        auth_time: session.authenticated_at,
    }))
}

/// A `max_age` of 0 asks for a login whatever the time.
fn is_too_old(authenticated_at: Timestamp, max_age: i64, now: Timestamp) -> bool {
    max_age == 0 || authenticated_at.as_secs().saturating_add(max_age) < now.as_secs()
}

/// What a login is compared with.
#[derive(Debug)]
pub struct LoginFacts<'a> {
    /// The request.
    pub request: &'a AuthorizeRequest<'a>,
    /// Who asks.
    pub client: &'a Client,
    /// Where the answer goes.
    pub destination: &'a Destination,
    /// When the request came.
    pub requested_at: Timestamp,
    /// The person as this client sees them.
    pub subject_identifier: &'a str,
    /// The `sub` of a verified `id_token_hint`.
    pub hinted: Option<&'a str>,
    /// Whether plain `http` is accepted everywhere, as in development.
    pub allows_http: bool,
    /// The time of this request.
    pub now: Timestamp,
}

/// Whether the login that the app reports fits what the client asked for.
pub fn check_login(login: &AcceptedLogin, facts: &LoginFacts<'_>) -> Result<(), OAuthError> {
    let prompt = facts.request.prompt;
    let is_insecure =
        !facts.allows_http && redirect_uri::is_insecure_http(&facts.destination.redirect_uri);
    if facts.client.is_public() && prompt.none && is_insecure {
        return Err(OAuthError::new(
            ErrorCode::ConsentRequired,
            "Parameter 'prompt' is 'none', but the client is public and its redirect URI uses plain http, so anybody \
             could pass for it.",
        ));
    }
    prompt.check(facts.request.get("prompt"))?;
    let auth_time = login.auth_time.as_secs();
    if auth_time > facts.now.as_secs().saturating_add(CLOCK_TOLERANCE_SECS) {
        return Err(OAuthError::new(
            ErrorCode::ServerError,
            "The login lies in the future; check the clocks of the servers.",
        ));
    }
    let requested_at = facts.requested_at.as_secs();
    let refuse = |hint: &'static str| Err(OAuthError::new(ErrorCode::LoginRequired, hint));
    if facts
        .request
        .max_age()
        .is_some_and(|max_age| auth_time.saturating_add(max_age) < requested_at)
    {
        return refuse("The login is older than 'max_age' allows.");
    }
    if prompt.none && auth_time > requested_at {
        return refuse("Parameter 'prompt' is 'none', but the person had to log in.");
    }
    if prompt.login && auth_time < requested_at {
        return refuse(
            "Parameter 'prompt' asks for a new login, but the login app used an earlier one.",
        );
    }
    // Security: as this client knows them, and in no other way: the real subject of one person may be what an app forces
    // for another.
    if facts
        .hinted
        .is_some_and(|sub| sub != facts.subject_identifier)
    {
        return refuse("The 'id_token_hint' is about another person than the one who logged in.");
    }
    Ok(())
}

/// Whether an earlier consent covers the request, so that the person need not be asked.
///
/// Security: a public client could be anybody, unless its redirect URI shows who answers (RFC 6749 10.2).
pub fn may_skip_consent(
    request: &AuthorizeRequest<'_>,
    client: &Client,
    destination: &Destination,
    remembered: Option<(&[String], &[String])>,
    strategy: ScopeStrategy,
) -> bool {
    let Some((scope, audience)) = remembered else {
        return false;
    };
    let is_identified =
        !client.is_public() || redirect_uri::is_https_or_local(&destination.redirect_uri);
    is_identified
        && !request.prompt.consent
        && request
            .scope
            .iter()
            .all(|asked| strategy.allows(scope.iter().map(String::as_str), asked))
        && audience::check(audience, request.audience.iter().map(String::as_str)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::parameters::RequestParameters;
    use crate::authorize::response_type::ResponseMode;
    use crate::client::{ClientMetadata, ClientRecord};

    const NOW: Timestamp = Timestamp::from_secs(10_000);

    fn session() -> LoginSession {
        LoginSession {
            sid: [1; 16],
            subject: "alice".to_owned(),
            authenticated_at: Timestamp::from_secs(9_900),
            is_remembered: true,
            expires_at: Timestamp::MAX,
            identity_provider_session_id: String::new(),
        }
    }

    fn known(query: &str, has_session: bool, hinted: Option<&str>) -> Result<bool, ErrorCode> {
        let parameters = RequestParameters::parse(query.as_bytes(), b"").unwrap();
        let request = AuthorizeRequest::new(&parameters);
        let session = session();
        let identifiers = ["pairwise-alice".to_owned()];
        known_login(
            &request,
            has_session.then_some(&session),
            hinted,
            &identifiers,
            NOW,
        )
        .map(|known| known.is_some())
        .map_err(|e| e.code)
    }

    #[test]
    fn the_table_of_prompts_and_sessions() {
        let required = Err(ErrorCode::LoginRequired);
        for (query, has_session, hinted, want) in [
            ("", false, None, Ok(false)),
            ("", false, Some("bob"), Ok(false)),
            ("", true, None, Ok(true)),
            ("", true, Some("alice"), required),
            ("", true, Some("pairwise-alice"), Ok(true)),
            ("", true, Some("bob"), required),
            ("max_age=99", true, None, Ok(false)),
            ("max_age=99", true, Some("bob"), Ok(false)),
            ("max_age=100", true, None, Ok(true)),
            ("max_age=0", true, None, Ok(false)),
            ("max_age=-1", true, None, Ok(true)),
            ("max_age=abc", true, None, Err(ErrorCode::InvalidRequest)),
            ("max_age=abc", false, None, Ok(false)),
            ("prompt=login", true, Some("bob"), Ok(false)),
            ("prompt=select_account", true, None, Ok(false)),
            ("prompt=consent", true, None, Ok(true)),
            (
                "prompt=registration",
                true,
                Some("pairwise-alice"),
                Ok(true),
            ),
            ("prompt=none", false, None, required),
            ("prompt=none", true, None, Ok(true)),
            ("prompt=none", true, Some("bob"), required),
            ("prompt=none&max_age=99", true, None, required),
            ("prompt=none+login", true, None, required),
            ("prompt=bogus", true, None, Ok(true)),
        ] {
            assert_eq!(
                known(query, has_session, hinted),
                want,
                "{query} {has_session} {hinted:?}"
            );
        }
    }

    fn client(method: &str) -> Client {
        Client::new(ClientRecord {
            metadata: ClientMetadata {
                client_id: "c".to_owned(),
                token_endpoint_auth_method: method.to_owned(),
                ..ClientMetadata::default()
            },
            secret_hashes: Vec::new(),
            registration_token_hash: None,
            token_epoch: 1,
            version: 1,
        })
    }

    fn to(redirect_uri: &str) -> Destination {
        Destination {
            redirect_uri: redirect_uri.to_owned(),
            mode: ResponseMode::Query,
            state: String::new(),
        }
    }

    fn checked(query: &str, auth_time: i64, hinted: Option<&str>) -> Result<(), ErrorCode> {
        let parameters = RequestParameters::parse(query.as_bytes(), b"").unwrap();
        let login = AcceptedLogin {
            subject: "alice".to_owned(),
            auth_time: Timestamp::from_secs(auth_time),
            ..AcceptedLogin::default()
        };
        let facts = LoginFacts {
            request: &AuthorizeRequest::new(&parameters),
            client: &client("none"),
            destination: &to("http://rp.example.com/cb"),
            requested_at: Timestamp::from_secs(9_950),
            subject_identifier: "pairwise-alice",
            hinted,
            allows_http: false,
            now: NOW,
        };
        check_login(&login, &facts).map_err(|e| e.code)
    }

    #[test]
    fn a_login_must_fit_the_request() {
        let required = Err(ErrorCode::LoginRequired);
        for (query, auth_time, hinted, want) in [
            ("", 9_000, None, Ok(())),
            ("", 10_005, None, Ok(())),
            ("", 10_006, None, Err(ErrorCode::ServerError)),
            ("max_age=10", 9_939, None, required),
            ("max_age=10", 9_940, None, Ok(())),
            ("prompt=login", 9_949, None, required),
            ("prompt=login", 9_950, None, Ok(())),
            ("prompt=bogus", 9_950, None, Err(ErrorCode::InvalidRequest)),
            ("prompt=none", 9_940, None, Err(ErrorCode::ConsentRequired)),
            ("", 9_000, Some("bob"), required),
            ("", 9_000, Some("alice"), required),
            ("", 9_000, Some("pairwise-alice"), Ok(())),
        ] {
            assert_eq!(
                checked(query, auth_time, hinted),
                want,
                "{query} {auth_time}"
            );
        }
    }

    fn skips(query: &str, method: &str, redirect_uri: &str) -> bool {
        let parameters = RequestParameters::parse(query.as_bytes(), b"").unwrap();
        let scope = ["openid".to_owned(), "a.*".to_owned()];
        let audience = ["https://api".to_owned()];
        may_skip_consent(
            &AuthorizeRequest::new(&parameters),
            &client(method),
            &to(redirect_uri),
            Some((&scope, &audience)),
            ScopeStrategy::Wildcard,
        )
    }

    #[test]
    fn an_earlier_consent_covers_what_it_granted() {
        for (query, method, uri, want) in [
            ("scope=openid+a.b", "", "https://rp/cb", true),
            ("scope=openid+b", "", "https://rp/cb", false),
            ("scope=openid&prompt=consent", "", "https://rp/cb", false),
            (
                "scope=openid&audience=https://api/v1",
                "",
                "https://rp/cb",
                true,
            ),
            (
                "scope=openid&audience=https://other",
                "",
                "https://rp/cb",
                false,
            ),
            ("scope=openid", "none", "https://rp/cb", true),
            ("scope=openid", "none", "http://localhost/cb", true),
            ("scope=openid", "none", "http://rp/cb", false),
            ("scope=openid", "none", "app://localhost/cb", false),
            ("", "", "https://rp/cb", true),
        ] {
            assert_eq!(skips(query, method, uri), want, "{query} {method} {uri}");
        }
    }
}
