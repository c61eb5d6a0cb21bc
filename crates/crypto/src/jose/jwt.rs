//! Claims of signed tokens.
//!
//! Spec: RFC 7519 s4.1.
//! Invariant: there is no clock here; whoever asks about times says what time it is.

use std::fmt;

use serde_json::{Map, Value};

use super::jws::UniqueMembers;

/// The claims of a token whose signature was verified, or is about to be.
#[derive(Debug, Clone, Default)]
pub struct Claims(Map<String, Value>);

/// The payload is not a JSON object with unique members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimsError;

impl fmt::Display for ClaimsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the payload is not a JSON object with unique members")
    }
}

impl std::error::Error for ClaimsError {}

/// The time claims, in whole seconds since 1970; absent ones are `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times {
    /// Not valid from then on.
    pub exp: Option<i64>,
    /// When it was issued.
    pub iat: Option<i64>,
    /// Not valid before.
    pub nbf: Option<i64>,
}

/// Which time rule failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeError {
    /// This claim is not a number, or one beyond any calendar.
    Malformed(&'static str),
    /// `exp` is past.
    Expired,
    /// `nbf` is ahead.
    NotYetValid,
    /// `iat` is ahead.
    IssuedInFuture,
}

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(claim) => write!(f, "claim {claim} is not a time"),
            Self::Expired => f.write_str("claim exp is in the past"),
            Self::NotYetValid => f.write_str("claim nbf is in the future"),
            Self::IssuedInFuture => f.write_str("claim iat is in the future"),
        }
    }
}

impl std::error::Error for TimeError {}

impl Claims {
    /// Parses a payload.
    ///
    /// # Errors
    /// See [`ClaimsError`].
    pub fn parse(payload: &[u8]) -> Result<Self, ClaimsError> {
        let UniqueMembers(members) = serde_json::from_slice(payload).map_err(|_| ClaimsError)?;
        Ok(Self(members))
    }

    /// All members, in their order.
    #[must_use]
    pub const fn members(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Gives all members away.
    #[must_use]
    pub fn into_members(self) -> Map<String, Value> {
        self.0
    }

    /// A claim that is a string; `None` when it is absent or something else.
    #[must_use]
    pub fn text(&self, claim: &str) -> Option<&str> {
        self.0.get(claim)?.as_str()
    }

    /// The strings of `aud`, which may be one string or an array.
    pub fn audiences(&self) -> impl Iterator<Item = &str> {
        let (one, many) = match self.0.get("aud") {
            Some(Value::String(one)) => (Some(one.as_str()), &[][..]),
            Some(Value::Array(many)) => (None, many.as_slice()),
            _ => (None, &[][..]),
        };
        one.into_iter().chain(many.iter().filter_map(Value::as_str))
    }

    /// The time claims. Fractions of a second are cut off.
    ///
    /// # Errors
    /// A claim that is there but is not a time.
    pub fn times(&self) -> Result<Times, TimeError> {
        Ok(Times {
            exp: self.time("exp")?,
            iat: self.time("iat")?,
            nbf: self.time("nbf")?,
        })
    }

    fn time(&self, claim: &'static str) -> Result<Option<i64>, TimeError> {
        /// The end of year 9999.
        const LATEST: f64 = 253_402_300_799.0;
        let Some(value) = self.0.get(claim) else {
            return Ok(None);
        };
        match value.as_f64() {
            #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
            Some(seconds) if (-LATEST..=LATEST).contains(&seconds) => Ok(Some(seconds as i64)),
            _ => Err(TimeError::Malformed(claim)),
        }
    }
}

impl Times {
    /// Whether the token is valid at `now_secs`, give or take `leeway_secs`. It is expired at `exp`
    /// itself.
    ///
    /// # Errors
    /// The first rule that fails. Whether a claim must be there is the caller's rule.
    pub fn check(&self, now_secs: i64, leeway_secs: i64) -> Result<(), TimeError> {
        let earliest = now_secs.saturating_sub(leeway_secs);
        let latest = now_secs.saturating_add(leeway_secs);
        if self.exp.is_some_and(|exp| exp <= earliest) {
            return Err(TimeError::Expired);
        }
        if self.nbf.is_some_and(|nbf| nbf > latest) {
            return Err(TimeError::NotYetValid);
        }
        if self.iat.is_some_and(|iat| iat > latest) {
            return Err(TimeError::IssuedInFuture);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(json: &str) -> Claims {
        Claims::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn payload_must_be_an_object_with_unique_members() {
        for bad in ["", "[]", "1", "{\"a\":1,\"a\":1}", "{\"a\":1} x", "null"] {
            assert_eq!(
                Claims::parse(bad.as_bytes()).unwrap_err(),
                ClaimsError,
                "{bad}"
            );
        }
    }

    #[test]
    fn audience_is_a_string_or_an_array() {
        let of = |json| {
            claims(json)
                .audiences()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(of(r#"{"aud":"a"}"#), ["a"]);
        assert_eq!(of(r#"{"aud":["a",1,"b"]}"#), ["a", "b"]);
        assert!(of(r#"{"aud":{"a":1}}"#).is_empty());
        assert!(of("{}").is_empty());
    }

    #[test]
    fn times_are_checked_with_leeway() {
        let times = claims(r#"{"exp":100,"nbf":50.9,"iat":60}"#)
            .times()
            .unwrap();
        assert_eq!(
            (times.exp, times.nbf, times.iat),
            (Some(100), Some(50), Some(60))
        );
        for (now, leeway, expected) in [
            (99, 0, Ok(())),
            (100, 0, Err(TimeError::Expired)),
            (109, 10, Ok(())),
            (110, 10, Err(TimeError::Expired)),
            (60, 0, Ok(())),
            (59, 0, Err(TimeError::IssuedInFuture)),
            (50, 10, Ok(())),
            (49, 0, Err(TimeError::NotYetValid)),
            (i64::MIN, i64::MAX, Err(TimeError::NotYetValid)),
        ] {
            assert_eq!(times.check(now, leeway), expected, "{now} {leeway}");
        }
        assert_eq!(Times::default().check(0, 0), Ok(()));
    }

    #[test]
    fn a_time_is_a_number() {
        for bad in [
            r#"{"exp":"1"}"#,
            r#"{"exp":null}"#,
            r#"{"exp":1e300}"#,
            r#"{"exp":[]}"#,
        ] {
            assert_eq!(
                claims(bad).times(),
                Err(TimeError::Malformed("exp")),
                "{bad}"
            );
        }
    }
}
