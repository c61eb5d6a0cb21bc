//! Reads the few parameters of a `multipart/form-data` body.
//!
//! Spec: RFC 7578, RFC 2046 5.1.1
//!
//! Compat: Hydra takes such bodies at the token, introspection and revocation endpoints. Files make no sense there;
//! a part with a file name is read over.

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

/// The same parameters as `application/x-www-form-urlencoded`; `None` when the body cannot be parsed.
pub(crate) fn to_urlencoded(content_type: &str, body: &[u8]) -> Option<String> {
    let boundary = content_type
        .split(';')
        .map(str::trim)
        .find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.eq_ignore_ascii_case("boundary")
                .then(|| value.trim_matches('"'))
        })?;
    if boundary.is_empty() || boundary.len() > 70 {
        return None;
    }
    let delimiter = format!("--{boundary}");
    let mut out = String::new();
    let mut rest = strip(body, delimiter.as_bytes())?;
    loop {
        if rest.starts_with(b"--") {
            return Some(out);
        }
        let part = strip(rest, b"\r\n")?;
        let (head, content) = split_at(part, b"\r\n\r\n")?;
        let (value, after) = split_at(content, format!("\r\n{delimiter}").as_bytes())?;
        if let Some(name) = field_name(head) {
            if !out.is_empty() {
                out.push('&');
            }
            out.extend(percent_encode(name.as_bytes(), NON_ALPHANUMERIC));
            out.push('=');
            out.extend(percent_encode(value, NON_ALPHANUMERIC));
        }
        rest = after;
    }
}

fn field_name(head: &[u8]) -> Option<String> {
    let head = std::str::from_utf8(head).ok()?;
    let disposition = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-disposition")
            .then_some(value)
    })?;
    let parameter = |wanted: &str| {
        disposition.split(';').map(str::trim).find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            (name == wanted).then(|| value.trim_matches('"').to_owned())
        })
    };
    if parameter("filename").is_some() {
        return None;
    }
    parameter("name")
}

fn strip<'a>(bytes: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    bytes.strip_prefix(prefix)
}

fn split_at<'a>(bytes: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes
        .windows(separator.len())
        .position(|window| window == separator)?;
    Some((
        bytes.get(..at)?,
        bytes.get(at.checked_add(separator.len())?..)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=X";

    #[test]
    fn parts_become_parameters() {
        let body = b"--X\r\nContent-Disposition: form-data; name=\"grant_type\"\r\n\r\nclient_credentials\r\n\
            --X\r\nContent-Disposition: form-data; name=\"scope\"\r\n\r\na b\r\n--X--\r\n";
        assert_eq!(
            to_urlencoded(TYPE, body).as_deref(),
            Some("grant%5Ftype=client%5Fcredentials&scope=a%20b")
        );
    }

    #[test]
    fn broken_bodies_are_refused() {
        for (content_type, body) in [
            ("multipart/form-data", "--X--"),
            (TYPE, "x"),
            (
                TYPE,
                "--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb",
            ),
            (TYPE, "--X\r\n"),
        ] {
            assert_eq!(to_urlencoded(content_type, body.as_bytes()), None, "{body}");
        }
    }
}
