//! Where fresh random bytes come from.
//!
//! Invariant: code that needs randomness takes an [`Entropy`]; there is no ambient generator.

/// A source of bytes that no one can predict.
pub trait Entropy: Send + Sync {
    /// Overwrites all of `dest`.
    fn fill(&self, dest: &mut [u8]);
}

/// `N` fresh bytes.
pub fn random_bytes<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

/// The generator of the cryptography library, seeded by the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    #[expect(
        clippy::expect_used,
        reason = "going on without randomness would issue guessable tokens"
    )]
    fn fill(&self, dest: &mut [u8]) {
        aws_lc_rs::rand::fill(dest).expect("the operating system provides randomness");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ() {
        let first: [u8; 32] = random_bytes(&OsEntropy);
        let second: [u8; 32] = random_bytes(&OsEntropy);
        assert_ne!(first, second);
        assert_ne!(first, [0; 32]);
    }
}
