#![no_main]
//! Scope and audience matching.

use libfuzzer_sys::fuzz_target;
use tessera_protocol::scope::{ScopeStrategy, normalise};

fuzz_target!(|pair: (&str, &str)| {
    let (registered, requested) = pair;
    if ScopeStrategy::Exact.allows([registered], requested) {
        assert!(ScopeStrategy::Wildcard.allows([registered], requested));
        assert!(ScopeStrategy::Hierarchic.allows([registered], requested));
    }
    let once = normalise(requested);
    assert_eq!(normalise(&once), once);
    let _ = tessera_protocol::audience::check(&[registered.to_owned()], [requested]);
});
