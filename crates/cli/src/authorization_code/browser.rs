//! Shows a page to whoever sits at the machine.

use std::process::{Command, Stdio};

#[cfg(target_os = "macos")]
const OPENER: &str = "open";
#[cfg(not(target_os = "macos"))]
const OPENER: &str = "xdg-open";

/// Opens the browser, if there is one; the address was printed for everybody else.
pub(super) fn open(url: &str) {
    let started = Command::new(OPENER)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Ok(mut opener) = started {
        // Reaped by a thread, as some openers stay as long as the browser.
        std::thread::spawn(move || opener.wait());
    }
}
