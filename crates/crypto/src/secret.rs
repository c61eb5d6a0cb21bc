//! A value that must not leak: redacted when printed, wiped when dropped, compared in constant
//! time.
//!
//! Invariant: there is no `Serialize`, `Display` or `PartialEq`; whoever needs the content calls
//! [`Secret::expose`].

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// Holds a secret value and wipes its memory on drop.
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes the value over. Copies made earlier are not wiped.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Each call is a place to review.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize + AsRef<[u8]>> Secret<T> {
    /// Whether `other` has the same bytes, in a time that depends on the lengths only.
    #[must_use]
    pub fn matches(&self, other: &[u8]) -> bool {
        constant_time_eq(self.0.as_ref(), other)
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize + Clone> Clone for Secret<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Compares in a time that depends on the lengths only. Slices of different lengths are never
/// equal.
#[must_use]
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_the_value() {
        let secret = Secret::new(String::from("hunter2"));
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn comparison_needs_all_bytes() {
        let secret = Secret::new(vec![1u8, 2, 3]);
        assert!(secret.matches(&[1, 2, 3]));
        for wrong in [&[1u8, 2][..], &[1, 2, 4], &[1, 2, 3, 0], &[]] {
            assert!(!secret.matches(wrong), "{wrong:?}");
        }
        assert!(constant_time_eq(&[], &[]));
        let copy = secret.clone();
        drop(secret);
        assert!(copy.matches(&[1, 2, 3]));
    }
}
