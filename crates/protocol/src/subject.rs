//! The subject as a client sees it.
//!
//! Spec: OpenID Connect Core 1.0 8
//!
//! Compat: the sector of a pairwise subject is the whole `sector_identifier_uri`, not its host, and the parts are hashed
//! without separators: subjects that clients know already must not change.

use std::borrow::Cow;

use tessera_crypto::sha256;

use crate::client::Client;
use crate::error::{ErrorCode, OAuthError, quoted};
use crate::hex;

/// What `subject_type` a client with other subjects than the real ones has.
const PAIRWISE: &str = "pairwise";

/// How `client` knows `subject`. `forced` is what the login app asked for, empty if nothing; `salt` is that of pairwise
/// subjects, `None` when the server offers none.
pub fn identifier<'a>(
    client: &Client,
    subject: &'a str,
    forced: &'a str,
    salt: Option<&str>,
) -> Result<Cow<'a, str>, OAuthError> {
    if !may_be_forced(client) {
        return Ok(Cow::Borrowed(subject));
    }
    let Some(salt) = salt else {
        return Err(refused(format!(
            "Client {} has the subject type 'pairwise', which is not among \
             'oidc.subject_identifiers.supported_types'.",
            quoted(client.id())
        )));
    };
    if !forced.is_empty() {
        return Ok(Cow::Borrowed(forced));
    }
    let hash = sha256(format!("{}{subject}{salt}", sector(client)?).as_bytes());
    Ok(Cow::Owned(hex::text(&hash)))
}

/// Whether the login app may choose how this client knows a person.
pub fn may_be_forced(client: &Client) -> bool {
    client.metadata().subject_type == PAIRWISE
}

fn refused(hint: String) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidRequest, hint)
}

fn sector(client: &Client) -> Result<&str, OAuthError> {
    let metadata = client.metadata();
    if !metadata.sector_identifier_uri.is_empty() {
        return Ok(&metadata.sector_identifier_uri);
    }
    let count = match metadata.redirect_uris.as_deref() {
        Some([only]) => return Ok(host_and_port(only)),
        Some([_, ..]) => "several redirect URIs",
        _ => "no redirect URI",
    };
    Err(refused(format!(
        "Client {} has the subject type 'pairwise', {count} and no 'sector_identifier_uri', so its sector is not \
         known; set 'sector_identifier_uri'.",
        quoted(client.id())
    )))
}

/// As written: case and a default port are kept, credentials are not. Empty where the URI has no authority.
fn host_and_port(uri: &str) -> &str {
    let rest = uri.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{ClientMetadata, ClientRecord};

    const SALT: &str = "76d5d2bf-747f-4592-9fbd-d2b895a54b3a";

    fn client(subject_type: &str, sector: &str, redirect_uris: &[&str]) -> Client {
        Client::new(ClientRecord {
            metadata: ClientMetadata {
                client_id: "app".to_owned(),
                subject_type: subject_type.to_owned(),
                sector_identifier_uri: sector.to_owned(),
                redirect_uris: Some(redirect_uris.iter().map(|u| (*u).to_owned()).collect()),
                ..ClientMetadata::default()
            },
            secret_hashes: Vec::new(),
            registration_token_hash: None,
            token_epoch: 1,
            version: 1,
        })
    }

    #[test]
    fn sectors_are_read_as_written() {
        for (sector_uri, redirect_uri, want) in [
            (
                "",
                "https://RP.example.com:443/cb?x#y",
                "RP.example.com:443",
            ),
            ("", "https://user:pw@rp.example.com", "rp.example.com"),
            ("", "http://[::1]:8080/cb", "[::1]:8080"),
            ("", "com.example.app:/cb", ""),
            ("", "https://rp.example.com?a=b@c", "rp.example.com"),
            (
                "https://s.example/list.json",
                "https://rp.example.com",
                "https://s.example/list.json",
            ),
        ] {
            assert_eq!(
                sector(&client(PAIRWISE, sector_uri, &[redirect_uri])),
                Ok(want),
                "{redirect_uri}"
            );
        }
    }

    #[test]
    fn pairwise_subjects_are_the_hash_of_sector_subject_and_salt() {
        let app = client(PAIRWISE, "foo", &["https://a", "https://b"]);
        let sub = identifier(&app, "alice", "", Some("saltsalt")).unwrap();
        // printf fooalicesaltsalt | sha256sum
        assert_eq!(
            sub,
            "2ce130a127e0c7fbd4b250c9b7e85179f77cf75cae57d6f84d2ac5e2fad79014"
        );
        let other = client(PAIRWISE, "", &["https://rp.example.com/cb"]);
        assert_ne!(
            identifier(&other, "alice", "", Some("saltsalt")).unwrap(),
            sub
        );
    }

    #[test]
    fn public_subjects_are_the_real_ones() {
        for subject_type in ["public", ""] {
            let app = client(subject_type, "", &[]);
            assert_eq!(
                identifier(&app, "alice", "forced", Some(SALT)).unwrap(),
                "alice"
            );
            assert_eq!(identifier(&app, "alice", "", None).unwrap(), "alice");
        }
    }

    #[test]
    fn a_forced_subject_wins_over_the_hash() {
        let app = client(PAIRWISE, "", &[]);
        assert_eq!(
            identifier(&app, "alice", "forced", Some(SALT)).unwrap(),
            "forced"
        );
    }

    #[test]
    fn what_cannot_be_pairwise_is_refused() {
        let two = client(PAIRWISE, "", &["https://a", "https://b"]);
        let none = client(PAIRWISE, "", &[]);
        let sound = client(PAIRWISE, "", &["https://a"]);
        for (app, forced, salt) in [
            (&two, "", Some(SALT)),
            (&none, "", Some(SALT)),
            (&sound, "", None),
            (&sound, "forced", None),
        ] {
            let refused = identifier(app, "alice", forced, salt).unwrap_err();
            assert_eq!(refused.code, ErrorCode::InvalidRequest);
        }
    }
}
