use tessera_crypto::b64;

use super::*;

fn parse(payload: &str) -> Result<String, OAuthError> {
    let wire = format!(
        "{}.{}.{}",
        b64::encode(br#"{"alg":"RS256"}"#),
        b64::encode(payload.as_bytes()),
        b64::encode(b"signature")
    );
    let assertion = Assertion::parse(&wire)?;
    assertion.client_id(None).map(str::to_owned)
}

#[test]
fn an_assertion_that_says_something_twice_is_refused() {
    assert_eq!(parse(r#"{"sub":"a","aud":["x"]}"#), Ok("a".to_owned()));
    for payload in [
        r#"{"sub":"a","sub":"b"}"#,
        r#"{"sub":"a","aud":"x","aud":"x"}"#,
        r#"{"sub":"a","exp":1,"exp":99999999999}"#,
        r#"{"sub":"a"} {}"#,
        "[]",
        "x",
    ] {
        let error = parse(payload).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidClient, "{payload}");
    }
}
