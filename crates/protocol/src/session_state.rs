//! `session_state`: by what an application learns, without a request to the server, that the person's session has changed.
//!
//! Spec: OpenID Connect Session Management 1.0 2
//!
//! Invariant: the page of `check_session_iframe` computes the same from the same.

use tessera_crypto::sha256;
use url::Url;

use crate::authorize::redirect_uri::is_web;
use crate::hex;

/// The parameter of an authorization response; `None` for a redirect URI without an origin, behind which no page asks.
///
/// `browser_state` is what the server's cookie says of the session, `salt` is random and has neither a space nor a dot.
#[must_use]
pub fn session_state(
    client_id: &str,
    redirect_uri: &str,
    browser_state: &str,
    salt: &str,
) -> Option<String> {
    if !is_web(redirect_uri) {
        return None;
    }
    let origin = Url::parse(redirect_uri)
        .ok()?
        .origin()
        .ascii_serialization();
    let hash = sha256(
        [client_id, &origin, browser_state, salt]
            .join(" ")
            .as_bytes(),
    );
    Some(format!("{}.{salt}", hex::text(&hash)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_SAMPLE: &str = "ba1e284e84580d08e3ee46310c3a8a5743947655a0b1943c48462cd86ae2d77e.salt";

    #[test]
    fn the_origin_of_the_redirect_uri_counts() {
        let state = |uri| session_state("s6BhdRkqt3", uri, "0123456789", "salt");
        for same in [
            "https://client.example.org/cb?a=b",
            "https://client.example.org:443/",
            "HTTPS://Client.Example.org/other",
            "https://ann@client.example.org/cb",
        ] {
            assert_eq!(state(same).as_deref(), Some(OF_SAMPLE), "{same}");
        }
        for other in [
            "http://client.example.org/cb",
            "https://client.example.org:8443/cb",
            "https://example.org/cb",
        ] {
            let state = state(other).unwrap();
            assert_ne!(state, OF_SAMPLE, "{other}");
        }
        let encoded = state("https://xn--bcher-kva.example/cb");
        assert_eq!(state("https://b\u{fc}cher.example/cb"), encoded);
        assert_eq!(state("com.example.app://callback/cb"), None);
        assert_eq!(state("com.example.app:/cb"), None);
    }

    #[test]
    fn every_part_counts() {
        let uri = "https://client.example.org/cb";
        for (client_id, browser_state, salt) in [
            ("other", "0123456789", "salt"),
            ("s6BhdRkqt3", "", "salt"),
            ("s6BhdRkqt3", "0123456789", "pepper"),
        ] {
            let state = session_state(client_id, uri, browser_state, salt).unwrap();
            assert_ne!(state.split('.').next(), OF_SAMPLE.split('.').next());
        }
    }
}
