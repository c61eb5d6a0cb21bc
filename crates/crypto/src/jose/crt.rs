//! The redundant numbers of an RSA private key, for keys that came without them.
//!
//! Spec: RFC 8017 s3.2, RFC 7518 s6.3.2 (dp, dq and qi are optional there).
//! Compat: keys that the reference server's v1 generation wrote have none; the cryptography library
//! wants all three.
//! Security: the time depends on the key. It runs when a key is parsed, not when one signs; the
//! library compares the results with the other members.

use std::cmp::Ordering;

use zeroize::Zeroizing;

/// Little-endian limbs without zeros at the top.
type Number = Zeroizing<Vec<u32>>;

/// dp, dq and qi, big-endian.
pub(super) struct Crt {
    pub(super) dp: Zeroizing<Vec<u8>>,
    pub(super) dq: Zeroizing<Vec<u8>>,
    pub(super) qi: Zeroizing<Vec<u8>>,
}

impl Crt {
    /// Computes them from big-endian d, p and q. `None` when these cannot be an RSA key's.
    pub(super) fn compute(d: &[u8], p: &[u8], q: &[u8]) -> Option<Self> {
        let (d, p, q) = (number(d), number(p), number(q));
        let one = number(&[1]);
        let above_one = |n: &Number| is_odd(n) && compare(n, &one) == Ordering::Greater;
        if !above_one(&p) || !above_one(&q) {
            return None;
        }
        let less_one = |n: &Number| {
            let mut n = n.clone();
            subtract(&mut n, &one);
            n
        };
        Some(Self {
            dp: bytes(&remainder(&d, &less_one(&p))),
            dq: bytes(&remainder(&d, &less_one(&q))),
            qi: bytes(&inverse(&remainder(&q, &p), &p)?),
        })
    }
}

fn number(big_endian: &[u8]) -> Number {
    let limb = |chunk: &[u8]| {
        chunk
            .iter()
            .fold(0u32, |limb, byte| (limb << 8) | u32::from(*byte))
    };
    let mut number = Zeroizing::new(big_endian.rchunks(4).map(limb).collect());
    trim(&mut number);
    number
}

fn bytes(number: &Number) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(
        number
            .iter()
            .rev()
            .flat_map(|limb| limb.to_be_bytes())
            .collect(),
    )
}

fn trim(number: &mut Number) {
    while number.last() == Some(&0) {
        number.pop();
    }
}

fn is_odd(number: &Number) -> bool {
    number.first().is_some_and(|limb| limb % 2 == 1)
}

fn compare(a: &Number, b: &Number) -> Ordering {
    let by_length = a.len().cmp(&b.len());
    by_length.then_with(|| a.iter().rev().cmp(b.iter().rev()))
}

/// `a += b`.
fn add(a: &mut Number, b: &Number) {
    let length = a.len().max(b.len());
    a.resize(length, 0);
    let mut carry = false;
    for (limb, other) in a.iter_mut().zip(b.iter().chain(std::iter::repeat(&0))) {
        let (sum, first) = limb.overflowing_add(*other);
        let (sum, second) = sum.overflowing_add(u32::from(carry));
        *limb = sum;
        carry = first || second;
    }
    if carry {
        a.push(1);
    }
}

/// `a -= b`, where `a >= b`.
fn subtract(a: &mut Number, b: &Number) {
    let mut borrow = false;
    for (limb, other) in a.iter_mut().zip(b.iter().chain(std::iter::repeat(&0))) {
        let (difference, first) = limb.overflowing_sub(*other);
        let (difference, second) = difference.overflowing_sub(u32::from(borrow));
        *limb = difference;
        borrow = first || second;
    }
    trim(a);
}

fn halve(number: &mut Number) {
    let mut carry = 0;
    for limb in number.iter_mut().rev() {
        let low = *limb & 1;
        *limb = (*limb >> 1) | (carry << 31);
        carry = low;
    }
    trim(number);
}

/// `number = 2 * number + bit`.
fn double_and_add(number: &mut Number, bit: u32) {
    let mut carry = bit;
    for limb in number.iter_mut() {
        let high = *limb >> 31;
        *limb = (*limb << 1) | carry;
        carry = high;
    }
    if carry > 0 {
        number.push(carry);
    }
}

/// `a mod m`, bit by bit, where `m` is not zero.
fn remainder(a: &Number, m: &Number) -> Number {
    let mut rest = Number::default();
    for limb in a.iter().rev() {
        for position in (0..u32::BITS).rev() {
            double_and_add(&mut rest, (limb >> position) & 1);
            if compare(&rest, m) != Ordering::Less {
                subtract(&mut rest, m);
            }
        }
    }
    rest
}

/// The inverse of `a` modulo the odd `m`, where `a < m`; `None` when there is none. The binary
/// extended algorithm.
fn inverse(a: &Number, m: &Number) -> Option<Number> {
    // Invariant: a * x == u and a * y == v, modulo m.
    let (mut u, mut v) = (a.clone(), m.clone());
    let (mut x, mut y) = (number(&[1]), Number::default());
    while !u.is_empty() {
        make_odd(&mut u, &mut x, m);
        make_odd(&mut v, &mut y, m);
        if compare(&u, &v) == Ordering::Less {
            std::mem::swap(&mut u, &mut v);
            std::mem::swap(&mut x, &mut y);
        }
        subtract(&mut u, &v);
        if compare(&x, &y) == Ordering::Less {
            add(&mut x, m);
        }
        subtract(&mut x, &y);
    }
    (*v == [1]).then_some(y)
}

/// Halves `n` until it is odd, and `cofactor` modulo the odd `m` with it. `n` is not zero.
fn make_odd(n: &mut Number, cofactor: &mut Number, m: &Number) {
    while !is_odd(n) {
        halve(n);
        if is_odd(cofactor) {
            add(cofactor, m);
        }
        halve(cofactor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small(value: u64) -> Number {
        number(&value.to_be_bytes())
    }

    #[test]
    fn remainders_and_inverses_of_small_numbers() {
        for m in (3u64..200).step_by(2).chain([4_294_967_291, 4_294_967_311]) {
            for a in [1, 2, 3, 4, 7, 64, 97, 4_294_967_295, 1 << 40] {
                assert_eq!(remainder(&small(a), &small(m)), small(a % m), "{a} mod {m}");
                let a = a % m;
                let gcd = |mut a: u64, mut b: u64| {
                    while b > 0 {
                        (a, b) = (b, a % b);
                    }
                    a
                };
                match inverse(&small(a), &small(m)) {
                    None => assert_ne!(gcd(a, m), 1, "{a} mod {m}"),
                    Some(found) => {
                        let found = found
                            .iter()
                            .rev()
                            .fold(0u128, |n, l| (n << 32) | u128::from(*l));
                        assert_eq!(u128::from(a) * found % u128::from(m), 1, "{a} mod {m}");
                        assert!(found < u128::from(m));
                    }
                }
            }
        }
    }

    #[test]
    fn numbers_that_are_no_key_are_refused() {
        for (d, p, q) in [
            (&[1][..], &[][..], &[3][..]),
            (&[1], &[1], &[3]),
            (&[1], &[3], &[1]),
            (&[1], &[4], &[3]),
            (&[1], &[9], &[3]),
            (&[], &[0, 0], &[0]),
        ] {
            assert!(Crt::compute(d, p, q).is_none(), "{p:?} {q:?}");
        }
    }
}
