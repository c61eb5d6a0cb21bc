//! Request objects: parameters in a signed (or, where the client may, unsigned) JSON Web Token.
//!
//! Spec: OpenID Connect Core 1.0 6; RFC 9101 6, 10
//!
//! Security: a client assertion never passes for a request object, nor the reverse: other explicit types are refused.

use serde_json::{Map, Value};
use tessera_crypto::jose::{Alg, Jwk, Jws};

use super::parameters::{PARAMETERS_MAX, RequestParameters};
use super::prompt::Prompt;
use super::redirect_uri;
use super::response_type::ResponseType;
use crate::client::Client;
use crate::client_keys;
use crate::error::{ErrorCode, OAuthError, quoted};
use crate::scope;
use crate::time::Timestamp;

/// How far `iat` and `nbf` may lie in the future, in seconds.
const CLOCK_TOLERANCE_SECS: i64 = 10;

/// Types that a request object may have.
const TYPES: [&str; 2] = ["JWT", "oauth-authz-req+jwt"];

/// Claims about the object itself, which are no parameters.
const OWN_CLAIMS: [&str; 7] = ["iss", "aud", "exp", "nbf", "iat", "jti", "sub"];

/// An object that could be parsed; nothing of it is believed yet.
#[derive(Debug)]
pub struct RequestObject<'a> {
    jws: Jws<'a>,
    claims: Map<String, Value>,
}

impl<'a> RequestObject<'a> {
    /// Reads the compact form.
    pub fn parse(compact: &'a str) -> Result<Self, OAuthError> {
        let jws = Jws::parse(compact.trim())
            .map_err(|e| refused(format!("The request object is no JSON Web Token: {e}.")))?;
        let claims = jws.claims().ok_or_else(|| {
            refused("The payload of the request object is no JSON object, or has a member twice.")
        })?;
        Ok(Self { jws, claims })
    }

    /// The key it says it was signed with.
    pub fn kid(&self) -> Option<&str> {
        self.jws.header.kid.as_deref()
    }

    /// Whether it has no signature.
    pub fn is_unsigned(&self) -> bool {
        self.jws.header.alg == "none"
    }

    /// Whether an object that was fetched from `uri` can be the client's. `allows_http` is for development.
    ///
    /// Spec: OpenID Connect Core 1.0 6.2: unless it is signed, only https says so.
    pub fn check_source(&self, uri: &str, allows_http: bool) -> Result<(), OAuthError> {
        if !self.is_unsigned() || allows_http || !redirect_uri::is_insecure_http(uri) {
            return Ok(());
        }
        Err(OAuthError::new(
            ErrorCode::InvalidRequestUri,
            "Parameter 'request_uri' uses plain http, so the request object must be signed.",
        ))
    }

    /// Checks the object and gives the parameters that it sets for the request.
    pub fn check(
        &self,
        request: &RequestParameters,
        client: &Client,
        keys: &[Jwk],
        issuer: &str,
        now: Timestamp,
    ) -> Result<Vec<(String, String)>, OAuthError> {
        let typ = self.jws.header.typ.as_deref();
        if typ.is_some_and(|typ| !TYPES.iter().any(|known| known.eq_ignore_ascii_case(typ))) {
            return Err(refused(
                "The type of the request object is that of another kind of token.",
            ));
        }
        self.check_signature(client, keys)?;
        self.check_times(now)?;
        self.check_parties(client, issuer)?;
        self.check_response_type(request)?;
        for name in ["request", "request_uri"] {
            if self.claims.contains_key(name) {
                return Err(refused(format!("A request object must not hold '{name}'.")));
            }
        }
        self.parameters(request)
    }

    fn check_signature(&self, client: &Client, keys: &[Jwk]) -> Result<(), OAuthError> {
        let alg_name = self.jws.header.alg.as_str();
        let registered = client.metadata().request_object_signing_alg.as_str();
        if !registered.is_empty() && registered != alg_name {
            return Err(refused(format!(
                "The request object is signed with {}, but the client is registered with \
                 'request_object_signing_alg' {}.",
                quoted(alg_name),
                quoted(registered)
            )));
        }
        if self.is_unsigned() {
            return match self.jws.signature.is_empty() {
                true => Ok(()),
                false => Err(refused(
                    "The request object has a signature but no algorithm.",
                )),
            };
        }
        let alg: Alg = alg_name.parse().map_err(|_| {
            refused(format!(
                "The request object is signed with {}, which is not supported.",
                quoted(alg_name)
            ))
        })?;
        client_keys::verify(&self.jws, alg, keys)
            .map_err(|why| refused(format!("The request object cannot be verified. {why}")))
    }

    fn check_times(&self, now: Timestamp) -> Result<(), OAuthError> {
        let now = now.as_secs();
        for claim in ["exp", "nbf", "iat"] {
            let Some(value) = self.claims.get(claim) else {
                continue;
            };
            let Some(secs) = value.as_i64() else {
                return Err(refused(format!(
                    "Claim '{claim}' of the request object must be a number of seconds."
                )));
            };
            if claim == "exp" && secs < now {
                return Err(refused("The request object has expired."));
            }
            if claim != "exp" && secs > now.saturating_add(CLOCK_TOLERANCE_SECS) {
                return Err(refused(format!(
                    "Claim '{claim}' of the request object lies in the future."
                )));
            }
        }
        Ok(())
    }

    fn check_parties(&self, client: &Client, issuer: &str) -> Result<(), OAuthError> {
        for claim in ["iss", "client_id"] {
            let other = self
                .claims
                .get(claim)
                .is_some_and(|value| value.as_str() != Some(client.id()));
            if other {
                return Err(refused(format!(
                    "Claim '{claim}' of the request object must be the 'client_id' of the request."
                )));
            }
        }
        let is_us = |value: &Value| value.as_str() == Some(issuer);
        let is_meant = match self.claims.get("aud") {
            None => true,
            Some(Value::Array(list)) => list.iter().any(is_us),
            Some(single) => is_us(single),
        };
        if is_meant {
            return Ok(());
        }
        Err(refused(format!(
            "Claim 'aud' of the request object must hold '{issuer}'."
        )))
    }

    /// Spec: OpenID Connect Core 1.0 6.1: where both name it, they name the same. Two that do not exist pass here: the one
    /// inside is refused as any other.
    fn check_response_type(&self, request: &RequestParameters) -> Result<(), OAuthError> {
        let (Some(inside), outside) = (
            self.claims.get("response_type"),
            request.get("response_type"),
        ) else {
            return Ok(());
        };
        let meant = ResponseType::parse;
        match inside.as_str() {
            Some(_) if outside.is_empty() => Ok(()),
            Some(inside) if meant(inside) == meant(outside) => Ok(()),
            _ => Err(refused(format!(
                "Claim 'response_type' of the request object must be the 'response_type' of the request, {}.",
                quoted(outside)
            ))),
        }
    }

    /// Compat: scopes beside the object and in it are united.
    fn parameters(&self, request: &RequestParameters) -> Result<Vec<(String, String)>, OAuthError> {
        let mut parameters = Vec::new();
        for (name, value) in &self.claims {
            if OWN_CLAIMS.contains(&name.as_str()) {
                continue;
            }
            match value {
                Value::Array(list) if ["audience", "resource"].contains(&name.as_str()) => {
                    let texts = list.iter().filter_map(Value::as_str);
                    parameters.extend(texts.map(|text| (name.clone(), text.to_owned())));
                }
                Value::String(text) if name == "scope" => {
                    let both = format!("{} {text}", request.get("scope"));
                    parameters.push((name.clone(), scope::normalise(&both)));
                }
                Value::String(text) if name == "prompt" => {
                    parameters.push((name.clone(), prompt(text, request.get("prompt"))));
                }
                Value::String(text) => parameters.push((name.clone(), text.clone())),
                Value::Number(_) | Value::Object(_) | Value::Array(_) => {
                    parameters.push((name.clone(), value.to_string()));
                }
                Value::Bool(_) | Value::Null => {
                    return Err(refused(format!(
                        "Claim {} of the request object is neither text nor number nor object.",
                        quoted(name)
                    )));
                }
            }
        }
        if parameters.len() > PARAMETERS_MAX {
            return Err(refused(format!(
                "The request object has more than {PARAMETERS_MAX} parameters."
            )));
        }
        Ok(parameters)
    }
}

/// What the object says, and a login if one is asked for beside it.
///
/// Security: this server asks for one itself, beside the object, where the person is another than the one that was
/// known. Were it not counted, the browser would go round for ever.
fn prompt(inside: &str, outside: &str) -> String {
    if !Prompt::read(outside).login || Prompt::read(inside).login {
        return inside.to_owned();
    }
    let kept = scope::split(inside).filter(|word| *word != "none");
    kept.chain(["login"]).collect::<Vec<_>>().join(" ")
}

fn refused(hint: impl Into<std::borrow::Cow<'static, str>>) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidRequestObject, hint)
}

#[cfg(test)]
mod tests {
    use tessera_crypto::b64;

    use super::*;
    use crate::client::{ClientMetadata, ClientRecord};

    const ISSUER: &str = "https://as.example";

    /// What an unsigned object with this payload makes of the request.
    fn said(query: &str, payload: &str) -> Result<RequestParameters, OAuthError> {
        let client = Client::new(ClientRecord {
            metadata: ClientMetadata {
                client_id: "app".to_owned(),
                ..ClientMetadata::default()
            },
            secret_hashes: Vec::new(),
            registration_token_hash: None,
            token_epoch: 1,
            version: 1,
        });
        let wire = format!(
            "{}.{}.",
            b64::encode(br#"{"alg":"none"}"#),
            b64::encode(payload.as_bytes())
        );
        let request = RequestParameters::parse(query.as_bytes(), b"").unwrap();
        let now = Timestamp::from_secs(1_000);
        let object = RequestObject::parse(&wire)?.check(&request, &client, &[], ISSUER, now)?;
        Ok(request.with_object(object))
    }

    #[test]
    fn what_an_object_says_wins() {
        let request = said(
            "client_id=app&response_type=code&state=outside&scope=a&x=1",
            r#"{"client_id":"app","state":"inside","scope":"b a","max_age":60,"resource":["r","s"]}"#,
        )
        .unwrap();
        for (name, value) in [
            ("state", "inside"),
            ("scope", "a b"),
            ("max_age", "60"),
            ("x", "1"),
        ] {
            assert_eq!(request.get(name), value, "{name}");
        }
        assert_eq!(request.all("resource").collect::<Vec<_>>(), ["r", "s"]);
    }

    #[test]
    fn an_object_that_could_be_read_in_two_ways_is_refused() {
        for payload in [
            r#"{"scope":"a","scope":"b"}"#,
            r#"{"client_id":"app","client_id":"app"}"#,
            r#"{"state":"a","st\u0061te":"b"}"#,
            "[]",
            "",
        ] {
            let error = said("client_id=app", payload).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidRequestObject, "{payload}");
        }
    }

    #[test]
    fn client_and_response_type_are_those_outside() {
        for (outside, payload, is_good) in [
            ("response_type=code", r#"{"response_type":"code"}"#, true),
            ("", r#"{"response_type":"code"}"#, true),
            (
                "response_type=code+id_token",
                r#"{"response_type":"id_token code"}"#,
                true,
            ),
            (
                "response_type=code",
                r#"{"response_type":"code token"}"#,
                false,
            ),
            ("response_type=code", r#"{"response_type":""}"#, false),
            ("response_type=code", r#"{"response_type":["code"]}"#, false),
            ("", r#"{"response_type":1}"#, false),
            ("", r#"{"client_id":"app","iss":"app"}"#, true),
            ("", r#"{"client_id":"other"}"#, false),
            ("", r#"{"client_id":1}"#, false),
            ("", r#"{"iss":"other"}"#, false),
            ("", r#"{"request":"x"}"#, false),
            ("", r#"{"request_uri":"https://app.example/r"}"#, false),
            ("", r#"{"prompt":true}"#, false),
        ] {
            let answer = said(&format!("client_id=app&{outside}"), payload);
            assert_eq!(answer.is_ok(), is_good, "{outside} {payload}");
        }
    }

    #[test]
    fn a_login_that_is_asked_for_beside_the_object_counts() {
        for (outside, inside, want) in [
            ("login", "consent", "consent login"),
            ("login", "none", "login"),
            ("login", "login", "login"),
            ("select_account", "none", "login"),
            ("login", "login consent", "login consent"),
            ("consent", "none", "none"),
            ("", "login", "login"),
        ] {
            let request = said(
                &format!("client_id=app&prompt={outside}"),
                &format!(r#"{{"prompt":"{inside}"}}"#),
            );
            assert_eq!(request.unwrap().get("prompt"), want, "{outside} {inside}");
        }
    }

    #[test]
    fn an_unsigned_object_does_not_come_over_plain_http() {
        let wire = |alg: &str, signature: &str| {
            let header = format!(r#"{{"alg":"{alg}"}}"#);
            format!(
                "{}.{}.{signature}",
                b64::encode(header.as_bytes()),
                b64::encode(b"{}")
            )
        };
        let (unsigned, signed) = (wire("none", ""), wire("RS256", "AAAA"));
        for (object, uri, allows_http, is_good) in [
            (&unsigned, "http://app.example/r", false, false),
            (&unsigned, "HTTP://app.example/r", false, false),
            (&unsigned, "http://app.example/r", true, true),
            (&unsigned, "https://app.example/r", false, true),
            (&unsigned, "http://127.0.0.1/r", false, true),
            (&signed, "http://app.example/r", false, true),
        ] {
            let object = RequestObject::parse(object).unwrap();
            let answer = object.check_source(uri, allows_http);
            assert_eq!(answer.is_ok(), is_good, "{uri}");
        }
    }

    #[test]
    fn an_object_has_no_more_parameters_than_a_request() {
        let many = |count: usize| {
            let members: Vec<_> = (0..count).map(|i| format!(r#""p{i}":"x""#)).collect();
            said("client_id=app", &format!("{{{}}}", members.join(",")))
        };
        assert!(many(PARAMETERS_MAX).is_ok());
        assert!(many(PARAMETERS_MAX + 1).is_err());
    }
}
