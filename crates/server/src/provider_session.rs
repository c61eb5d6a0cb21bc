//! The session at the identity provider behind the login app: it ends when the login session here does.
//!
//! Compat: as the reference server does it: `DELETE {urls.identity_provider.url}/admin/sessions/{id}`, the administration
//! of Ory Kratos, in the background, once, and a failure is only logged. Not for sessions that end by subject.

use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use tessera_protocol::grant::record::SessionId;
use tessera_store::StoreError;
use url::Url;

use crate::config::IdentityProvider;
use crate::state::AppState;

/// How long the provider may take.
const TIME: Duration = Duration::from_secs(10);

/// A session of the provider that is to end.
pub(crate) struct ProviderSession(String);

/// The provider's session behind a login session that has not ended yet; `None` as well where no provider is configured,
/// which costs no read.
pub(crate) async fn behind(
    app: &AppState,
    sid: SessionId,
) -> Result<Option<ProviderSession>, StoreError> {
    if app.settings.urls.identity_provider.url.is_none() {
        return Ok(None);
    }
    let session = app.store.find_login_session(sid).await?;
    let id = session.map(|session| session.identity_provider_session_id);
    Ok(id.filter(|id| !id.is_empty()).map(ProviderSession))
}

/// Ends it in the background: the person who logs out does not wait.
pub(crate) fn end(app: &AppState, session: &ProviderSession) {
    let provider = &app.settings.urls.identity_provider;
    let (url, headers) = match (address(provider, session), headers(provider)) {
        (Ok(url), Ok(headers)) => (url, headers),
        (Err(why), _) | (_, Err(why)) => return failed(&why),
    };
    let egress = app.egress.clone();
    tokio::spawn(async move {
        match egress.delete(url, headers, TIME).await {
            Ok(status) if status.is_success() => {}
            // It has ended already.
            Ok(StatusCode::NOT_FOUND) => {}
            Ok(status) => failed(&format!("the provider answered {status}")),
            Err(why) => failed(&why),
        }
    });
}

fn failed(why: &str) {
    tracing::warn!(
        why,
        "A session of the identity provider could not be ended."
    );
}

/// Security: the name is one segment of the path, whatever the login app called it.
fn address(provider: &IdentityProvider, session: &ProviderSession) -> Result<Url, String> {
    let base = provider.url.as_deref().unwrap_or_default();
    let unusable = || "urls.identity_provider.url is no http address".to_owned();
    let mut url = Url::parse(base).map_err(|_| unusable())?;
    // A URL drops such segments.
    if [".", ".."].contains(&session.0.as_str()) {
        return Err("'identity_provider_session_id' is no name".to_owned());
    }
    url.set_query(None);
    url.set_fragment(None);
    let mut path = url.path_segments_mut().map_err(|()| unusable())?;
    path.pop_if_empty()
        .extend(["admin", "sessions", session.0.as_str()]);
    drop(path);
    Ok(url)
}

fn headers(provider: &IdentityProvider) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &provider.headers {
        let unusable = |part| format!("urls.identity_provider.headers: {part} of '{name}'");
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unusable("the name"))?;
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| unusable("the value"))?;
        value.set_sensitive(true);
        headers.insert(parsed, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(url: &str) -> IdentityProvider {
        IdentityProvider {
            url: Some(url.to_owned()),
            ..IdentityProvider::default()
        }
    }

    #[test]
    fn the_session_is_one_segment_of_the_path() {
        let address = |base: &str, id: &str| {
            let url = address(&provider(base), &ProviderSession(id.to_owned()));
            url.map(String::from)
        };
        for (base, id, expected) in [
            ("http://idp:4434", "a", "http://idp:4434/admin/sessions/a"),
            (
                "https://idp/base/?x=1#y",
                "a/../b?c#d%2f \u{e4}",
                "https://idp/base/admin/sessions/a%2F..%2Fb%3Fc%23d%252f%20%C3%A4",
            ),
        ] {
            assert_eq!(address(base, id).as_deref(), Ok(expected), "{base} {id}");
        }
        for (base, id) in [
            ("http://idp", ".."),
            ("http://idp", "."),
            ("mailto:a@b", "a"),
            ("/idp", "a"),
        ] {
            assert!(address(base, id).is_err(), "{base} {id}");
        }
    }
}
