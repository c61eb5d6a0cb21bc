//! Keys as JSON.
//!
//! Spec: RFC 7517 s4.
//! Compat: member order and omission of empty members are those of the reference server; unknown
//! members are dropped, and so is base64 padding.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap as _};

use super::{Jwk, jwk::Private};
use crate::secret::Secret;

impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let private = |member: fn(&Private) -> &Secret<String>| {
            let secret = self.private.as_ref().map(|p| member(p).expose().as_str());
            secret.unwrap_or_default()
        };
        let before_x5c = [
            ("use", self.use_.as_str()),
            ("kty", &self.kty),
            ("kid", &self.kid),
            ("crv", &self.crv),
            ("alg", &self.alg),
            ("k", private(|p| &p.k)),
            ("x", &self.x),
            ("y", &self.y),
            ("n", &self.n),
            ("e", &self.e),
            ("d", private(|p| &p.d)),
            ("p", private(|p| &p.p)),
            ("q", private(|p| &p.q)),
            ("dp", private(|p| &p.dp)),
            ("dq", private(|p| &p.dq)),
            ("qi", private(|p| &p.qi)),
        ];
        let after_x5c = [
            ("x5u", self.x5u.as_str()),
            ("x5t", &self.x5t),
            ("x5t#S256", &self.x5t_s256),
        ];
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in before_x5c.into_iter().filter(|(_, v)| !v.is_empty()) {
            map.serialize_entry(name, value)?;
        }
        if !self.x5c.is_empty() {
            map.serialize_entry("x5c", &self.x5c)?;
        }
        for (name, value) in after_x5c.into_iter().filter(|(_, v)| !v.is_empty()) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(rename = "use")]
    use_: Option<String>,
    kty: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    alg: Option<String>,
    #[serde(borrow)]
    k: Option<Cow<'a, str>>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    d: Option<Cow<'a, str>>,
    p: Option<Cow<'a, str>>,
    q: Option<Cow<'a, str>>,
    dp: Option<Cow<'a, str>>,
    dq: Option<Cow<'a, str>>,
    qi: Option<Cow<'a, str>>,
    x5c: Option<Vec<String>>,
    x5u: Option<String>,
    x5t: Option<String>,
    #[serde(rename = "x5t#S256")]
    x5t_s256: Option<String>,
}

impl<'de> Deserialize<'de> for Jwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        let unpad = |text: Option<String>| {
            let mut text = text.unwrap_or_default();
            text.truncate(text.trim_end_matches('=').len());
            text
        };
        let secret = |text: Option<Cow<'_, str>>| Secret::new(unpad(text.map(Cow::into_owned)));
        let private = Private {
            k: secret(wire.k),
            d: secret(wire.d),
            p: secret(wire.p),
            q: secret(wire.q),
            dp: secret(wire.dp),
            dq: secret(wire.dq),
            qi: secret(wire.qi),
        };
        Ok(Self {
            use_: wire.use_.unwrap_or_default(),
            kty: wire.kty.unwrap_or_default(),
            kid: wire.kid.unwrap_or_default(),
            crv: wire.crv.unwrap_or_default(),
            alg: wire.alg.unwrap_or_default(),
            x: unpad(wire.x),
            y: unpad(wire.y),
            n: unpad(wire.n),
            e: unpad(wire.e),
            x5c: wire.x5c.unwrap_or_default(),
            x5u: wire.x5u.unwrap_or_default(),
            x5t: wire.x5t.unwrap_or_default(),
            x5t_s256: wire.x5t_s256.unwrap_or_default(),
            private: private.any().then_some(private),
        })
    }
}
