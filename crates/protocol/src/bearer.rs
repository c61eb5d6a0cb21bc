//! The bearer token of a request to a protected resource.
//!
//! Spec: RFC 6750 2.1, 2.2; RFC 9700 4.3.2
//!
//! Security: a token in the query is refused for everyone: it would be in logs, histories and referrers.

use std::borrow::Cow;

use crate::error::{ErrorCode, OAuthError};
use crate::form::Reader;

/// The parameter's name in a form.
const PARAMETER: &str = "access_token";

/// The token of a request: from the `Authorization` header, else from a form body. `query` is only looked at to refuse
/// a token there; `form` is empty unless the body is a form.
///
/// # Errors
/// `request_unauthorized` when there is no token, `invalid_request` when there are several or one is in the query.
pub fn token<'a>(
    authorization: Option<&'a str>,
    query: &[u8],
    form: &'a [u8],
) -> Result<Cow<'a, str>, OAuthError> {
    if Reader::new(query).any(|parameter| parameter.is_ok_and(|(name, _)| name == PARAMETER)) {
        return Err(invalid(
            "Parameter 'access_token' is in the query; send it in the header 'Authorization: Bearer'.",
        ));
    }
    let header = authorization.and_then(of_header);
    let mut token = header.map(Cow::Borrowed);
    for parameter in Reader::new(form) {
        let (name, value) = parameter.map_err(|e| invalid(e.text()))?;
        if name != PARAMETER {
            continue;
        }
        if token.is_some() {
            return Err(invalid("The access token is given more than once."));
        }
        token = Some(value);
    }
    token.filter(|token| !token.is_empty()).ok_or_else(|| {
        OAuthError::new(
            ErrorCode::RequestUnauthorized,
            "The request has no access token; send it in the header 'Authorization: Bearer'.",
        )
    })
}

fn invalid(hint: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidRequest, hint)
}

/// Schemes are compared without regard to case. Another scheme carries no bearer token.
fn of_header(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_comes_from_the_header_or_the_form() {
        let unauthorized = Err(ErrorCode::RequestUnauthorized);
        let invalid = Err(ErrorCode::InvalidRequest);
        for (header, query, form, want) in [
            (Some("Bearer abc"), "", "", Ok("abc")),
            (Some("bEARER  abc "), "", "a=b", Ok("abc")),
            (None, "", "access_token=a%2Bc", Ok("a+c")),
            (Some("Basic abc"), "", "access_token=t", Ok("t")),
            (None, "", "", unauthorized),
            (Some("Bearer"), "", "", unauthorized),
            (Some("Bearer "), "", "", unauthorized),
            (Some("Basic abc"), "", "", unauthorized),
            (None, "", "access_token=", unauthorized),
            (None, "access_token=t", "", invalid),
            (Some("Bearer abc"), "access_token=t", "", invalid),
            (Some("Bearer abc"), "x=%zz", "", Ok("abc")),
            (Some("Bearer abc"), "", "access_token=t", invalid),
            (None, "", "access_token=t&access_token=t", invalid),
            (None, "", "access_token=%zz", invalid),
        ] {
            let got = token(header, query.as_bytes(), form.as_bytes());
            assert_eq!(
                got.as_deref().map_err(|e| e.code),
                want,
                "{header:?} {query} {form}"
            );
        }
    }
}
