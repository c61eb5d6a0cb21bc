#![no_main]
//! Authorization requests: what was read once reads back from the URL that is kept of it.

use libfuzzer_sys::fuzz_target;
use tessera_protocol::authorize::parameters::RequestParameters;
use tessera_protocol::authorize::prompt::Prompt;
use tessera_protocol::authorize::response_type::{ResponseMode, ResponseType};
use tessera_protocol::bearer;

fuzz_target!(|request: (&[u8], &[u8])| {
    let (query, body) = request;
    let _ = bearer::token(std::str::from_utf8(query).ok(), query, body);
    let Ok(read) = RequestParameters::parse(query, body) else { return };
    let prompt = read.get("prompt");
    let _ = Prompt::read(prompt).check(prompt);
    let _ = ResponseType::parse(read.get("response_type"));
    let _ = ResponseMode::parse(read.get("response_mode"));
    let url = read.url("https://as.example/oauth2/auth", None);
    assert!(url.bytes().all(|b| b.is_ascii_graphic()), "{url}");
    let kept = url.split_once('?').map_or("", |(_, query)| query);
    // Names and values grow by their encoding, so that the limit of the length may be met the second time.
    let Ok(again) = RequestParameters::parse(kept.as_bytes(), b"") else {
        assert!(kept.len() > 80 * 1024);
        return;
    };
    assert!(read.sent().eq(again.sent()), "{url}");
});
