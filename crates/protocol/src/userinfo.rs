//! What `/userinfo` says.
//!
//! Spec: OpenID Connect Core 1.0 5.3
//!
//! Compat: the claims are those of the ID token without what binds that token to its request; a machine's token gets an
//! answer too, with hardly anything in it.

use serde_json::{Map, Value};
use tessera_crypto::jose::{Alg, SigningKey};

use crate::client::Client;
use crate::error::{ErrorCode, OAuthError, quoted};
use crate::grant::record::{GrantRecord, SessionClaims};
use crate::token::access::AccessToken;
use crate::token::id_token::{about_person, sign_claims};
use crate::token::jwt_access::SigningFailed;

/// The claims for a live access token; `person` is what a person's token stands on.
///
/// Compat: members are sorted on every level, as Hydra prints them.
pub fn claims(
    issuer: &str,
    token: &AccessToken,
    person: Option<(&GrantRecord, &SessionClaims)>,
) -> Map<String, Value> {
    let mut claims = match person {
        Some((grant, session)) => about_person(issuer, token.issued_at, grant, session),
        None => Map::from_iter([
            ("aud".to_owned(), vec![token.client_id.as_str()].into()),
            ("iat".to_owned(), token.issued_at.as_secs().into()),
            ("iss".to_owned(), issuer.into()),
        ]),
    };
    claims.sort_keys();
    claims.values_mut().for_each(Value::sort_all_objects);
    claims
}

/// How the client wants the answer: signed, or as plain JSON.
pub fn signing_alg(client: &Client) -> Result<Option<Alg>, OAuthError> {
    match client.metadata().userinfo_signed_response_alg.as_str() {
        "" | "none" => Ok(None),
        name => name.parse().map(Some).map_err(|_| {
            OAuthError::new(
                ErrorCode::ServerError,
                format!(
                    "The client's 'userinfo_signed_response_alg' is {}, by which this server cannot sign.",
                    quoted(name)
                ),
            )
        }),
    }
}

/// The signed answer, with an id and a time of its own.
pub fn sign(
    mut claims: Map<String, Value>,
    jti: &str,
    now_secs: i64,
    key: &SigningKey,
) -> Result<String, SigningFailed> {
    claims.insert("jti".to_owned(), jti.into());
    claims.insert("iat".to_owned(), now_secs.into());
    sign_claims(&claims, "JWT", key)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tessera_crypto::OsEntropy;
    use tessera_crypto::jose::{Jws, generate};

    use super::*;
    use crate::client::{ClientMetadata, ClientRecord};
    use crate::grant::record::GrantContent;
    use crate::time::Timestamp;

    fn token() -> AccessToken {
        AccessToken {
            client_id: "app".to_owned(),
            issued_at: Timestamp::from_secs(1_000),
            ..AccessToken::default()
        }
    }

    fn grant() -> GrantRecord {
        GrantRecord {
            grant_id: [1; 16],
            client_id: "app".to_owned(),
            subject: "alice".to_owned(),
            sid: Some([2; 16]),
            requested_at: Timestamp::from_secs(900),
            remembered_until: None,
            tokens_until: Timestamp::MAX,
            server_epoch: 5,
            was_asked: true,
            content: GrantContent {
                subject_identifier: "pair".to_owned(),
                auth_time: Timestamp::from_secs(901),
                acr: "1".to_owned(),
                amr: vec!["pwd".to_owned()],
                nonce: "nonce".to_owned(),
                ..GrantContent::default()
            },
            session: Vec::new(),
            context: Vec::new(),
        }
    }

    fn session() -> SessionClaims {
        serde_json::from_value(json!({"id_token": {"email": "a@b", "sid": "evil", "jti": "evil", "address": {"b": 1, "a": 2}}})).unwrap()
    }

    #[test]
    fn a_persons_claims_are_those_of_the_id_token_without_its_bindings() {
        let claims = claims("https://i", &token(), Some((&grant(), &session())));
        assert_eq!(
            Value::Object(claims).to_string(),
            r#"{"acr":"1","address":{"a":2,"b":1},"amr":["pwd"],"aud":["app"],"auth_time":901,"email":"a@b","iat":1000,"iss":"https://i","rat":900,"sub":"pair"}"#
        );
    }

    #[test]
    fn a_machine_gets_hardly_anything() {
        let claims = claims("https://i", &token(), None);
        assert_eq!(
            Value::Object(claims).to_string(),
            r#"{"aud":["app"],"iat":1000,"iss":"https://i"}"#
        );
    }

    #[test]
    fn the_signed_form_has_an_id_and_time_of_its_own() {
        let key = SigningKey::from_jwk(&generate(Alg::ES256, "k", &OsEntropy).unwrap()).unwrap();
        let wire = sign(claims("https://i", &token(), None), "j", 1_005, &key).unwrap();
        let jws = Jws::parse(&wire).unwrap();
        assert_eq!(jws.header.typ.as_deref(), Some("JWT"));
        assert_eq!(
            String::from_utf8(jws.payload).unwrap(),
            r#"{"aud":["app"],"iat":1005,"iss":"https://i","jti":"j"}"#
        );
    }

    #[test]
    fn the_client_chooses_the_form() {
        for (name, want) in [
            ("", Ok(None)),
            ("none", Ok(None)),
            ("RS256", Ok(Some(Alg::RS256))),
            ("HS256", Err(ErrorCode::ServerError)),
        ] {
            let client = Client::new(ClientRecord {
                metadata: ClientMetadata {
                    userinfo_signed_response_alg: name.to_owned(),
                    ..ClientMetadata::default()
                },
                secret_hashes: Vec::new(),
                registration_token_hash: None,
                token_epoch: 1,
                version: 1,
            });
            assert_eq!(signing_alg(&client).map_err(|e| e.code), want, "{name}");
        }
    }
}
