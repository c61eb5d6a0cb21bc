//! Reads the form of an endpoint that authenticates clients: the endpoint's own parameters, and the credentials.
//!
//! Spec: RFC 6749 3.1, 3.2: a parameter must not be included more than once, unknown ones are ignored.

use std::borrow::Cow;

use crate::client_auth::Presented;
use crate::error::{ErrorCode, OAuthError};
use crate::form::Reader;

/// User and password of `Authorization: Basic`, decoded.
pub type Basic<'a> = (Cow<'a, str>, Cow<'a, str>);

/// A form that was read.
#[derive(Debug)]
pub struct Parameters<'a, const N: usize> {
    /// Everything that can authenticate the client.
    pub presented: Presented<'a>,
    /// The values of the endpoint's own parameters, in the order in which they were named.
    pub values: [Option<Cow<'a, str>>; N],
    /// Every value of the one parameter that may be repeated.
    pub repeated: Vec<Cow<'a, str>>,
}

/// Reads `body`: `names` may come once each, `repeatable` as often as one likes.
///
/// # Errors
/// `invalid_request`: the body is no form, is empty (as a body of any other content type reads), or repeats a parameter.
pub fn read<'a, const N: usize>(
    body: &'a [u8],
    basic: Option<Basic<'a>>,
    names: [&str; N],
    repeatable: Option<&str>,
) -> Result<Parameters<'a, N>, OAuthError> {
    let refuse = |hint: String| OAuthError::new(ErrorCode::InvalidRequest, hint);
    let mut read = Parameters {
        presented: Presented {
            basic,
            ..Presented::default()
        },
        values: [const { None }; N],
        repeated: Vec::new(),
    };
    let mut is_empty = true;
    for parameter in Reader::new(body) {
        let (name, value) = parameter.map_err(|e| refuse(e.text().to_owned()))?;
        is_empty = false;
        if repeatable == Some(name.as_ref()) {
            read.repeated.push(value);
            continue;
        }
        let own = names.iter().position(|known| *known == name);
        let slot = match own {
            Some(index) => read.values.get_mut(index),
            None => read.presented.slot(&name),
        };
        match slot {
            Some(Some(_)) => {
                return Err(refuse(format!(
                    "Parameter '{name}' is given more than once."
                )));
            }
            Some(free) => *free = Some(value),
            None => {}
        }
    }
    if is_empty {
        return Err(refuse(
            "The body holds no parameters; send them as 'application/x-www-form-urlencoded'."
                .to_owned(),
        ));
    }
    Ok(read)
}
