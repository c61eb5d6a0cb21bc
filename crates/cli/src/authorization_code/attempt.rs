//! One try of the flow: what is asked for, and the secrets that tie the answer to the question.
//!
//! Spec: RFC 6749 section 4.1.1, RFC 7636 section 4, RFC 9700 section 2.1.

use tessera_crypto::{Entropy, b64, constant_time_eq, random_bytes, sha256};
use url::Url;

/// Letters of state and nonce; 112 bits.
const LETTERS: usize = 24;

/// What the client asks for.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) client_id: String,
    /// None: a public client.
    pub(super) client_secret: Option<String>,
    pub(super) redirect_uri: String,
    pub(super) auth_url: Url,
    pub(super) scope: String,
    pub(super) audience: String,
    pub(super) prompt: String,
    /// Below zero: any age.
    pub(super) max_age: i64,
    pub(super) response_mode: String,
    /// A fixed state.
    pub(super) state: Option<String>,
}

/// The secrets of one try.
#[derive(Clone)]
pub(super) struct Attempt {
    pub(super) state: String,
    pub(super) nonce: String,
    pub(super) verifier: String,
}

impl Attempt {
    /// Fresh secrets; the state is `fixed` if there is one.
    pub(super) fn new(fixed: Option<&str>, entropy: &dyn Entropy) -> Self {
        Self {
            state: fixed.map_or_else(|| letters(entropy), str::to_owned),
            nonce: letters(entropy),
            verifier: b64::encode(&random_bytes::<32>(entropy)),
        }
    }

    /// Whether an answer belongs to this try.
    pub(super) fn has_state(&self, state: &str) -> bool {
        constant_time_eq(self.state.as_bytes(), state.as_bytes())
    }

    /// Where the browser goes to be asked.
    pub(super) fn authorize_url(&self, wanted: &Wanted) -> String {
        let challenge = b64::encode(&sha256(self.verifier.as_bytes()));
        let max_age = if wanted.max_age < 0 {
            String::new()
        } else {
            wanted.max_age.to_string()
        };
        let parameters = [
            ("audience", wanted.audience.as_str()),
            ("client_id", &wanted.client_id),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("max_age", &max_age),
            ("nonce", &self.nonce),
            ("prompt", &wanted.prompt),
            ("redirect_uri", &wanted.redirect_uri),
            ("response_mode", &wanted.response_mode),
            ("response_type", "code"),
            ("scope", &wanted.scope),
            ("state", &self.state),
        ];
        let mut url = wanted.auth_url.clone();
        url.query_pairs_mut()
            .extend_pairs(parameters.iter().filter(|(_, value)| !value.is_empty()));
        url.into()
    }
}

/// Random lower-case letters, each as likely as another.
fn letters(entropy: &dyn Entropy) -> String {
    // The largest multiple of 26 that fits a byte.
    const FAIR: u8 = 234;
    let mut text = String::new();
    while text.len() < LETTERS {
        let bytes = random_bytes::<LETTERS>(entropy);
        let fair = bytes.into_iter().filter(|byte| *byte < FAIR);
        let missing = LETTERS.saturating_sub(text.len());
        text.extend(fair.take(missing).map(|byte| char::from(b'a' + byte % 26)));
    }
    text
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use tessera_crypto::OsEntropy;

    use super::*;

    pub(in crate::authorization_code) fn wanted() -> Wanted {
        Wanted {
            client_id: "app".to_owned(),
            client_secret: None,
            redirect_uri: "http://127.0.0.1:4446/callback".to_owned(),
            auth_url: Url::parse("https://auth.example/oauth2/auth?tenant=a").unwrap(),
            scope: "offline openid".to_owned(),
            audience: String::new(),
            prompt: "login consent".to_owned(),
            max_age: -1,
            response_mode: String::new(),
            state: None,
        }
    }

    fn parameters(wanted: &Wanted, attempt: &Attempt) -> BTreeMap<String, String> {
        let url = Url::parse(&attempt.authorize_url(wanted)).unwrap();
        url.query_pairs().into_owned().collect()
    }

    #[test]
    fn the_request_always_has_state_nonce_and_a_challenge() {
        let attempt = Attempt::new(None, &OsEntropy);
        let found = parameters(&wanted(), &attempt);
        assert_eq!(found["state"], attempt.state);
        assert_eq!(found["nonce"], attempt.nonce);
        assert_eq!(found["code_challenge_method"], "S256");
        assert_eq!(
            found["code_challenge"],
            b64::encode(&sha256(attempt.verifier.as_bytes()))
        );
        assert_eq!(found["tenant"], "a", "a query of the endpoint stays");
        assert_eq!(found["scope"], "offline openid");
        for absent in ["audience", "max_age", "response_mode"] {
            assert!(!found.contains_key(absent), "{absent}");
        }
    }

    #[test]
    fn an_age_of_zero_is_asked_for() {
        let mut wanted = wanted();
        wanted.max_age = 0;
        let found = parameters(&wanted, &Attempt::new(None, &OsEntropy));
        assert_eq!(found["max_age"], "0");
    }

    #[test]
    fn secrets_are_new_each_time_and_a_fixed_state_stays() {
        let (first, second) = (
            Attempt::new(Some("fixed"), &OsEntropy),
            Attempt::new(Some("fixed"), &OsEntropy),
        );
        assert!(first.has_state("fixed") && second.has_state("fixed"));
        assert!(!first.has_state("fixe") && !first.has_state(""));
        assert_ne!(first.nonce, second.nonce);
        assert_ne!(first.verifier, second.verifier);
        let random = Attempt::new(None, &OsEntropy).state;
        assert_eq!(random.len(), LETTERS);
        assert!(random.bytes().all(|byte| byte.is_ascii_lowercase()));
    }
}
