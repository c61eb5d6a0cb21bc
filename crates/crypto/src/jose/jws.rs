//! Signed tokens in compact form.
//!
//! Spec: RFC 7515 s3.1, s4.1, s5, s7.1.
//! Security: parsing is strict and bounded; a header with `crit` is refused, since no extension is
//! implemented.

use std::fmt;

use base64::{engine::general_purpose::URL_SAFE_NO_PAD, write::EncoderStringWriter};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, Visitor},
    ser::SerializeMap as _,
};
use serde_json::{Map, Value};

use super::{Alg, SignError, SigningKey, VerifyingKey};
use crate::b64;

/// The longest compact form that is looked at, in characters.
pub const JWS_CHARS_MAX: usize = 64 * 1024;

/// A parsed, not yet verified token.
#[derive(Debug, Clone)]
pub struct Jws<'a> {
    /// The protected header.
    pub header: JwsHeader,
    /// The payload, decoded.
    pub payload: Vec<u8>,
    /// What the signature covers: header and payload as they came.
    pub signing_input: &'a str,
    /// The signature, decoded; empty for `alg: none`.
    pub signature: Vec<u8>,
}

/// The header of a token.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JwsHeader {
    /// The algorithm, as named; not necessarily one we know.
    pub alg: String,
    /// The key id, if given.
    pub kid: Option<String>,
    /// The media type, if given.
    pub typ: Option<String>,
    /// All other members.
    pub other: Map<String, Value>,
}

/// Why a text is not a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JwsError {
    /// Longer than [`JWS_CHARS_MAX`].
    TooLong,
    /// Not exactly three parts with dots between.
    Parts,
    /// A part is not strict base64url.
    Base64,
    /// The header is not a JSON object with unique members, a string `alg`, and strings where
    /// strings belong.
    Header,
    /// The header has `crit`.
    Critical,
}

impl fmt::Display for JwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "longer than 64 KiB",
            Self::Parts => "not three parts separated by dots",
            Self::Base64 => "a part is not base64url without padding",
            Self::Header => "the header is not a JSON object with unique members and an alg",
            Self::Critical => "the header has crit, and no extension is supported",
        })
    }
}

impl std::error::Error for JwsError {}

impl<'a> Jws<'a> {
    /// Parses the compact form. Says nothing about the signature.
    ///
    /// # Errors
    /// See [`JwsError`].
    pub fn parse(compact: &'a str) -> Result<Self, JwsError> {
        if compact.len() > JWS_CHARS_MAX {
            return Err(JwsError::TooLong);
        }
        let (signing_input, signature) = compact.rsplit_once('.').ok_or(JwsError::Parts)?;
        let (header, payload) = signing_input.split_once('.').ok_or(JwsError::Parts)?;
        if payload.contains('.') {
            return Err(JwsError::Parts);
        }
        let decode = |part: &str| b64::decode(part).map_err(|_| JwsError::Base64);
        Ok(Self {
            header: JwsHeader::parse(&decode(header)?)?,
            payload: decode(payload)?,
            signing_input,
            signature: decode(signature)?,
        })
    }

    /// The payload as claims: a JSON object whose members have unique names. `None` for anything else.
    ///
    /// Spec: RFC 7519 4: what two readers could read differently is refused.
    #[must_use]
    pub fn claims(&self) -> Option<Map<String, Value>> {
        let UniqueMembers(members) = serde_json::from_slice(&self.payload).ok()?;
        Some(members)
    }

    /// Whether the signature is `key`'s, under the algorithm that the header names.
    #[must_use]
    pub fn verify(&self, key: &VerifyingKey) -> bool {
        let verifies = |alg: Alg| key.verify(alg, self.signing_input.as_bytes(), &self.signature);
        self.header.alg.parse().is_ok_and(verifies)
    }
}

impl JwsHeader {
    fn parse(json: &[u8]) -> Result<Self, JwsError> {
        let UniqueMembers(mut members) =
            serde_json::from_slice(json).map_err(|_| JwsError::Header)?;
        if members.contains_key("crit") {
            return Err(JwsError::Critical);
        }
        let mut text = |name: &str| match members.shift_remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(JwsError::Header),
        };
        Ok(Self {
            alg: text("alg")?.ok_or(JwsError::Header)?,
            kid: text("kid")?,
            typ: text("typ")?,
            other: members,
        })
    }
}

/// A JSON object; two members of one name are an error, where the plain type would keep the last.
struct UniqueMembers(Map<String, Value>);

impl<'de> Deserialize<'de> for UniqueMembers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = UniqueMembers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with unique members")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut access: A,
            ) -> Result<UniqueMembers, A::Error> {
                let mut members = Map::new();
                while let Some((name, value)) = access.next_entry::<String, Value>()? {
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom("a member appears twice"));
                    }
                }
                Ok(UniqueMembers(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// Signs `payload` into the compact form.
///
/// The header is `alg` and, unless empty, `kid`, both from the key, then the members of `header` in
/// their order; `alg` and `kid` there are ignored.
///
/// # Errors
/// See [`SignError`].
pub fn sign_compact(
    key: &SigningKey,
    header: &Map<String, Value>,
    payload: &[u8],
) -> Result<String, SignError> {
    /// Room for a header with a long `kid`, and for an RSA-2048 signature.
    const HEADER_AND_SIGNATURE: usize = 640;
    let mut out = String::with_capacity(HEADER_AND_SIGNATURE + b64::encoded_len(payload.len()));
    let mut writer = EncoderStringWriter::from_consumer(&mut out, &URL_SAFE_NO_PAD);
    serde_json::to_writer(&mut writer, &ProtectedHeader { key, header }).map_err(|_| SignError)?;
    writer.into_inner();
    out.push('.');
    b64::encode_into(payload, &mut out);
    let signature = key.sign(out.as_bytes())?;
    out.push('.');
    b64::encode_into(&signature, &mut out);
    Ok(out)
}

struct ProtectedHeader<'a> {
    key: &'a SigningKey,
    header: &'a Map<String, Value>,
}

impl Serialize for ProtectedHeader<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("alg", self.key.alg().as_str())?;
        if !self.key.kid().is_empty() {
            map.serialize_entry("kid", self.key.kid())?;
        }
        for (name, value) in self
            .header
            .iter()
            .filter(|(n, _)| *n != "alg" && *n != "kid")
        {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
