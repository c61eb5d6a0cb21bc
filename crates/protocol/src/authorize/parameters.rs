//! The parameters of an authorization request, as texts.
//!
//! Invariant: whatever is sent, by query, body, request object or out of a challenge, ends here before any check.

use std::collections::{HashMap, HashSet};

use crate::error::{ErrorCode, OAuthError, quoted};
use crate::form::{self, Reader};

/// Parameters that may be given more than once: Hydra's `audience`, and `resource` (RFC 8707 2).
const REPEATABLE: [&str; 2] = ["audience", "resource"];

/// Most bytes that are read: a request object of 64 KiB and what goes with it.
const REQUEST_MAX: usize = 80 * 1024;

/// Most bytes of names and values that nobody signed. Long requests are kept in rows, and anybody can send them.
const UNSIGNED_MAX: usize = 16 * 1024;

/// Most parameters; every later look at one walks through them.
pub(super) const PARAMETERS_MAX: usize = 100;

/// The parameters that carry an object; they are no part of what it says.
const OBJECT_CARRIERS: [&str; 2] = ["request", "request_uri"];

/// The return legs' own parameters, which are no part of the request.
const VERIFIERS: [&str; 2] = ["login_verifier", "consent_verifier"];

/// Parameters in the order in which they came. An empty value is as good as none (RFC 6749 3.1).
///
/// What a request object says wins over what was sent beside it; the URL of the request stays what was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestParameters {
    pairs: Vec<(String, String)>,
    object: Vec<(String, String)>,
    repeated: Option<String>,
}

impl RequestParameters {
    /// Reads a query and a body; a parameter may stand in both when its value is the same.
    ///
    /// # Errors
    /// `invalid_request`: one of the two is no form, or both together are too long.
    pub fn parse(query: &[u8], body: &[u8]) -> Result<Self, OAuthError> {
        if query.len().saturating_add(body.len()) > REQUEST_MAX {
            return Err(OAuthError::new(
                ErrorCode::InvalidRequest,
                format!("The request is longer than {REQUEST_MAX} bytes."),
            ));
        }
        let mut read = Self::default();
        // Where each name stands, so that many names cost no more than their number.
        let mut places: HashMap<String, usize> = HashMap::new();
        for (source, is_query) in [(query, true), (body, false)] {
            let known = read.pairs.len();
            for parameter in Reader::new(source) {
                let (name, value) = parameter.map_err(|e| {
                    let hint = match is_query {
                        true => e.text_in_query(),
                        false => e.text(),
                    };
                    OAuthError::new(ErrorCode::InvalidRequest, hint)
                })?;
                let earlier = places
                    .get(name.as_ref())
                    .filter(|_| !REPEATABLE.contains(&name.as_ref()));
                match earlier.and_then(|&at| Some((at, read.pairs.get(at)?))) {
                    Some((at, (_, same))) if !is_query && at < known && *same == value => {}
                    Some(_) => read.repeated = Some(name.into_owned()),
                    None => {
                        if read.pairs.len() >= PARAMETERS_MAX {
                            return Err(OAuthError::new(
                                ErrorCode::InvalidRequest,
                                format!("The request has more than {PARAMETERS_MAX} parameters."),
                            ));
                        }
                        places.insert(name.as_ref().to_owned(), read.pairs.len());
                        read.pairs.push((name.into_owned(), value.into_owned()));
                    }
                }
            }
        }
        Ok(read)
    }

    /// From what was sent and what a request object said, as they were read before.
    pub const fn from_parts(pairs: Vec<(String, String)>, object: Vec<(String, String)>) -> Self {
        Self {
            pairs,
            object,
            repeated: None,
        }
    }

    /// What was sent, in order.
    pub fn sent(&self) -> impl Iterator<Item = (&str, &str)> {
        borrowed(&self.pairs)
    }

    /// What the request object said.
    pub fn object(&self) -> impl Iterator<Item = (&str, &str)> {
        borrowed(&self.object)
    }

    /// The same request with what its object said.
    #[must_use]
    pub fn with_object(mut self, object: Vec<(String, String)>) -> Self {
        self.object = object;
        self
    }

    /// What counts: what the object says, and what was sent beside it and is not said there.
    fn effective(&self) -> impl Iterator<Item = (&str, &str)> {
        let said: HashSet<&str> = self.object().map(|(name, _)| name).collect();
        let beside = self
            .sent()
            .filter(move |(name, _)| !said.contains(name) && !OBJECT_CARRIERS.contains(name));
        self.object().chain(beside)
    }

    /// The same request without an object: its parameters stand in its place.
    #[must_use]
    pub fn without_object(&self) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self::from_parts(self.effective().map(owned).collect(), Vec::new())
    }

    /// The same request without a parameter, wherever it stood.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let kept = |pairs: &[(String, String)]| {
            let others = pairs.iter().filter(|(other, _)| other != name);
            others.cloned().collect()
        };
        Self::from_parts(kept(&self.pairs), kept(&self.object))
    }

    /// Whether each parameter came once.
    ///
    /// # Errors
    /// `invalid_request`, which names one that did not.
    pub fn check_repeated(&self) -> Result<(), OAuthError> {
        match self.repeated() {
            Some(name) => Err(OAuthError::new(
                ErrorCode::InvalidRequest,
                format!("Parameter {} is given more than once.", quoted(name)),
            )),
            None => Ok(()),
        }
    }

    /// Whether what nobody signed is short enough to be kept.
    ///
    /// # Errors
    /// `invalid_request`, which names the limit.
    pub fn check_length(&self) -> Result<(), OAuthError> {
        let length = length_of(self.effective());
        if length <= UNSIGNED_MAX {
            return Ok(());
        }
        Err(OAuthError::new(
            ErrorCode::InvalidRequest,
            format!(
                "The parameters of the request have {length} bytes, and {UNSIGNED_MAX} fit; only a signed request object \
                 may hold more."
            ),
        ))
    }

    /// The value of a parameter; empty when it was not given.
    pub fn get(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default()
    }

    /// The value of a parameter that was given, be it empty.
    pub fn find(&self, name: &str) -> Option<&str> {
        self.object()
            .chain(self.sent())
            .find_map(|(other, value)| (other == name).then_some(value))
    }

    /// The value of a parameter as it was sent, whatever an object says.
    pub fn find_sent(&self, name: &str) -> Option<&str> {
        self.sent()
            .find_map(|(other, value)| (other == name).then_some(value))
    }

    /// Every value of a parameter that may be repeated.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let in_object = self.object.iter().any(|(other, _)| other == name);
        let source = if in_object { &self.object } else { &self.pairs };
        borrowed(source).filter_map(move |(other, value)| (other == name).then_some(value))
    }

    /// A parameter that was given more than once although it must not be.
    pub fn repeated(&self) -> Option<&str> {
        self.repeated.as_deref()
    }

    /// Sets a parameter, in the place of the one that was given.
    pub fn set(&mut self, name: &str, value: String) {
        self.object.retain(|(other, _)| other != name);
        match self.pairs.iter_mut().find(|(other, _)| other == name) {
            Some((_, old)) => *old = value,
            None => self.pairs.push((name.to_owned(), value)),
        }
    }

    /// The request without what the return legs add.
    #[must_use]
    pub fn without_verifiers(mut self) -> Self {
        self.pairs
            .retain(|(name, _)| !VERIFIERS.contains(&name.as_str()));
        self
    }

    /// The request as a URL below `base`, with an additional parameter if one is given.
    pub fn url(&self, base: &str, added: Option<(&str, &str)>) -> String {
        let mut url = String::with_capacity(512);
        url.push_str(base);
        set_query(&mut url, self.sent().chain(added));
        url
    }
}

fn borrowed(pairs: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    pairs
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
}

/// How many bytes names and values have together.
pub fn length_of<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> usize {
    pairs.fold(0, |sum, (name, value)| {
        sum.saturating_add(name.len()).saturating_add(value.len())
    })
}

/// Sets parameters in the query of a URL. Those that it has under the same names go; all else stays byte for byte.
pub fn set_query<'a>(url: &mut String, pairs: impl Iterator<Item = (&'a str, &'a str)>) {
    let pairs: Vec<(&str, &str)> = pairs.collect();
    let fragment = url.find('#').map(|at| url.split_off(at));
    if let Some(at) = url.find('?') {
        let is_set = |pair: &&str| {
            let name = pair.split('=').next().unwrap_or_default();
            form::decode(name.as_bytes())
                .is_ok_and(|name| pairs.iter().any(|(set, _)| *set == name))
        };
        let query = url.split_off(at);
        let kept = query.strip_prefix('?').unwrap_or_default().split('&');
        let kept: Vec<&str> = kept.filter(|pair| !is_set(pair)).collect();
        url.push('?');
        url.push_str(&kept.join("&"));
    }
    append_query(url, pairs.into_iter());
    url.push_str(&fragment.unwrap_or_default());
}

fn append_query<'a>(url: &mut String, pairs: impl Iterator<Item = (&'a str, &'a str)>) {
    let mut separator = if url.contains('?') { '&' } else { '?' };
    for (name, value) in pairs {
        if !url.ends_with(['?', '&']) {
            url.push(separator);
        }
        encode_into(url, name);
        url.push('=');
        encode_into(url, value);
        separator = '&';
    }
}

/// Appends a text in the encoding of `application/x-www-form-urlencoded`.
pub fn encode_into(out: &mut String, text: &str) {
    const HEX: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    let digit = |value: u8| HEX.get(usize::from(value)).copied().unwrap_or('0');
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|b| !is_plain(b)) {
        let (plain, tail) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = tail.chars();
        let escaped = chars.next().unwrap_or_default();
        for byte in escaped.encode_utf8(&mut [0; 4]).bytes() {
            match byte {
                b' ' => out.push('+'),
                other => out.extend(['%', digit(other >> 4), digit(other & 15)]),
            }
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_and_body_are_one_request() {
        let read = RequestParameters::parse(b"a=1&b=2", b"b=2&c=%20x").unwrap();
        let pairs: Vec<_> = read.sent().collect();
        assert_eq!(pairs, [("a", "1"), ("b", "2"), ("c", " x")]);
        assert_eq!(read.repeated(), None);
    }

    #[test]
    fn what_is_given_twice_is_noticed() {
        for (query, body, repeated) in [
            ("a=1&a=1", "", Some("a")),
            ("a=1", "a=2", Some("a")),
            ("audience=1&audience=2", "resource=1&resource=1", None),
        ] {
            let read = RequestParameters::parse(query.as_bytes(), body.as_bytes()).unwrap();
            assert_eq!(read.repeated(), repeated, "{query} {body}");
        }
    }

    #[test]
    fn without_its_object_a_request_says_the_same() {
        let sent = b"request=x&request_uri=y&state=outside&audience=1&audience=2&x=1";
        let said = [("state", "inside"), ("audience", "3"), ("audience", "4")];
        let said = said.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let whole = RequestParameters::parse(sent, b"")
            .unwrap()
            .with_object(said.to_vec());
        let short = whole.without_object();
        assert_eq!(
            short.url("/auth", None),
            "/auth?state=inside&audience=3&audience=4&x=1"
        );
        for name in ["state", "x"] {
            assert_eq!(short.get(name), whole.get(name));
        }
    }

    #[test]
    fn what_nobody_signed_has_a_bound() {
        let with = |carrier: &str, long: usize, more: &str| {
            let query = format!("{carrier}={}{more}", "x".repeat(long));
            let read = RequestParameters::parse(query.as_bytes(), b"").unwrap();
            read.check_length()
        };
        assert!(with("state", UNSIGNED_MAX - 5, "").is_ok());
        let refused = with("state", UNSIGNED_MAX - 4, "").unwrap_err();
        assert!(refused.hint.contains("16384"), "{refused}");
        assert!(with("request", 60_000, "&state=x").is_ok());
        // Nor does an object make room for what is beside it.
        let beside = format!("&state={}", "x".repeat(UNSIGNED_MAX));
        assert!(with("request", 1, &beside).is_err());
    }

    #[test]
    fn a_parameter_that_is_set_takes_the_place_of_what_had_its_name() {
        for (url, expected) in [
            ("/cb", "/cb?state=s&code=c+1"),
            ("/cb?", "/cb?state=s&code=c+1"),
            ("/cb?a=%7e&&b=x+y", "/cb?a=%7e&&b=x+y&state=s&code=c+1"),
            (
                "/cb?state=old&a=1&code=old&state",
                "/cb?a=1&state=s&code=c+1",
            ),
            (
                "/cb?st%61te=old&states=1&x=state",
                "/cb?states=1&x=state&state=s&code=c+1",
            ),
            ("/cb?State=1&%zz=1", "/cb?State=1&%zz=1&state=s&code=c+1"),
            ("/app#/login", "/app?state=s&code=c+1#/login"),
            ("/app?code=1#?code=2", "/app?state=s&code=c+1#?code=2"),
        ] {
            let mut set = url.to_owned();
            set_query(&mut set, [("state", "s"), ("code", "c 1")].into_iter());
            assert_eq!(set, expected, "{url}");
        }
    }

    #[test]
    fn what_is_malformed_is_named_where_it_stands() {
        for (query, body, place) in [("a=%zz", "", "the query"), ("", "a=%zz", "the form body")] {
            let refused = RequestParameters::parse(query.as_bytes(), body.as_bytes()).unwrap_err();
            assert!(refused.hint.contains(place), "{refused}");
        }
    }

    #[test]
    fn a_url_keeps_the_query_it_has() {
        let request = RequestParameters::parse(b"scope=a+b&state=%26", b"").unwrap();
        assert_eq!(
            request.url("https://as/auth?x=1", Some(("login_verifier", "v"))),
            "https://as/auth?x=1&scope=a+b&state=%26&login_verifier=v"
        );
        assert_eq!(request.url("/auth?", None), "/auth?scope=a+b&state=%26");
    }
}
