//! Random numbers derived from a seed, identical for every version of every dependency.
//!
//! The random words come from `ChaCha` with eight rounds, which its specification defines to the bit. This file and the
//! golden values in its tests define how they are used, so an update never changes a recorded run.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub(super) struct Random(ChaCha8Rng);

impl Random {
    /// The stream of the nth item of a kind. Streams for different seeds, kinds and numbers are unrelated.
    pub(super) fn of(seed: u64, kind: &str, n: u64) -> Self {
        // FNV-1a hashes a few bytes to a number, the same on every machine.
        let kind = kind
            .bytes()
            .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
        let mut key = [0; 32];
        for (place, part) in key.chunks_exact_mut(8).zip([seed, kind, n]) {
            place.copy_from_slice(&part.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    pub(super) fn u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub(super) fn u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// A number of 128 bits, the lower half drawn first.
    pub(super) fn u128(&mut self) -> u128 {
        let low = u128::from(self.u64());
        u128::from(self.u64()) << 64 | low
    }

    /// A number in `0..bound`. All numbers are equally likely, up to a bias of `bound` / 2⁶⁴.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        let scaled = u128::from(self.u64()) * u128::from(bound);
        u64::try_from(scaled >> 64).unwrap_or(0)
    }

    /// A number in `0..1` with 53 bits.
    #[expect(clippy::cast_precision_loss, reason = "an f64 holds 53 bits exactly")]
    pub(super) fn f64(&mut self) -> f64 {
        (self.u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(super) fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_match_chacha8() {
        // The keystream of an all-zero key and nonce, as published for the cipher (eight rounds).
        let mut words = Random(ChaCha8Rng::from_seed([0; 32]));
        let mut bytes = [0; 16];
        words.fill(&mut bytes);
        assert_eq!(
            bytes,
            [0x3E, 0x00, 0xEF, 0x2F, 0x89, 0x5F, 0x40, 0xD6, 0x7F, 0x5B, 0xB8, 0xE8, 0x1F, 0x09, 0xA5, 0xA1]
        );
    }

    #[test]
    fn sampling_is_pinned() {
        let mut random = Random::of(7, "agent_session", 0);
        let drawn = (random.u64(), random.u32(), random.u128(), random.below(1_000_000), random.f64());
        let pinned = (
            4_763_823_264_107_597_104,
            233_785_772,
            178_524_991_289_842_751_976_256_006_571_238_811_973,
            230_728,
            0.772_248_048_759_829,
        );
        assert_eq!(drawn, pinned);
    }

    #[test]
    fn numbers_below_a_bound_are_uniform() {
        let mut random = Random::of(1, "bound", 0);
        let mut counts = [0; 6];
        for _ in 0..60_000 {
            counts[usize::try_from(random.below(6)).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (9_700..10_300).contains(count)), "{counts:?}");
        let mean: f64 = (0..10_000).map(|_| random.f64()).sum::<f64>() / 10_000.0;
        assert!((0.49..0.51).contains(&mean), "{mean}");
    }
}
