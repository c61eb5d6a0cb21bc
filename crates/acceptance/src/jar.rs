//! Cookies: reading `Set-Cookie`, and the jars that stand for browsers.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// A browser's cookies. Both ports see all of them; `Secure` and dates are ignored.
#[derive(Clone, Debug, Default)]
pub struct Jar(BTreeMap<String, String>);

impl Jar {
    pub fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// The value of the only cookie whose name starts so.
    pub fn value(&self, prefix: &str) -> Option<&str> {
        self.named(prefix).map(|(_, value)| value)
    }

    /// The only cookie whose name starts so.
    pub fn named(&self, prefix: &str) -> Option<(&str, &str)> {
        let mut found = self.0.iter().filter(|(name, _)| name.starts_with(prefix));
        let (name, value) = found.next()?;
        assert!(
            found.next().is_none(),
            "several cookies start with {prefix}"
        );
        Some((name, value))
    }

    /// Forgets every cookie whose name starts so.
    pub fn forget(&mut self, prefix: &str) {
        self.0.retain(|name, _| !name.starts_with(prefix));
    }

    /// The `Cookie` header, if there is anything to send.
    pub fn header(&self) -> Option<String> {
        let parts: Vec<String> = self
            .0
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// Takes over one `Set-Cookie`; `Max-Age=0` or an empty value deletes.
    pub fn store(&mut self, set_cookie: &str) {
        let cookie = parse(set_cookie);
        let name = cookie["name"].as_str().unwrap_or_default();
        let value = cookie["value"].as_str().unwrap_or_default();
        if value.is_empty() || cookie["attributes"]["Max-Age"] == json!("0") {
            self.0.remove(name);
        } else {
            self.set(name, value);
        }
    }
}

/// `{name, value, attributes}`; flags are `true`, and `Expires` is left out next to `Max-Age`.
pub fn parse(set_cookie: &str) -> Value {
    let mut parts = set_cookie.split(';').map(str::trim);
    let (name, value) = parts
        .next()
        .unwrap_or_default()
        .split_once('=')
        .unwrap_or_default();
    let mut attributes = Map::new();
    for part in parts.filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            Some((key, text)) => attributes.insert(key.to_owned(), json!(text)),
            None => attributes.insert(part.to_owned(), json!(true)),
        };
    }
    if attributes.contains_key("Max-Age") {
        attributes.remove("Expires");
    }
    json!({"name": name, "value": value, "attributes": attributes})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read() {
        let cookie = parse("a=b=; Path=/; Expires=Thu, 01 Jan 1970; Max-Age=0; HttpOnly");
        let attributes = json!({"Path": "/", "Max-Age": "0", "HttpOnly": true});
        assert_eq!(
            cookie,
            json!({"name": "a", "value": "b=", "attributes": attributes})
        );
    }

    #[test]
    fn cookies_come_and_go() {
        let mut jar = Jar::default();
        jar.store("a=1; Secure");
        jar.store("b=2");
        assert_eq!(jar.header().as_deref(), Some("a=1; b=2"));
        jar.store("a=x; Max-Age=0");
        jar.store("b=");
        assert_eq!(jar.header(), None);
    }
}
