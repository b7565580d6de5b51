//! Seeded random numbers that are equal on all platforms.

/// The generator of Steele, Lea and Flood (2014): small, seedable, and good enough for test inputs.
pub(crate) struct SplitMix64(u64);

impl SplitMix64 {
    pub(crate) fn new(seed: u64) -> Self {
        SplitMix64(seed)
    }

    /// The sequence of `seed` that belongs to `name`: as good as independent of those of other names.
    pub(crate) fn named(seed: u64, name: &str) -> Self {
        let mut of_name = SplitMix64(u64::from(crc32fast::hash(name.as_bytes())));
        SplitMix64(seed ^ of_name.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number of 0..1.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u32 << 24) as f32
    }

    /// A number of 0..limit.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_that_of_its_authors() {
        // The first numbers of their C program for the seed 1234567.
        let mut generator = SplitMix64::new(1_234_567);
        let found = [generator.next(), generator.next(), generator.next()];
        assert_eq!(found, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn every_name_has_a_sequence_of_its_own() {
        let first = |seed, name| SplitMix64::named(seed, name).next();
        assert_eq!(first(1, "a/kernel"), first(1, "a/kernel"));
        assert_ne!(first(1, "a/kernel"), first(1, "b/kernel"));
        assert_ne!(first(1, "a/kernel"), first(2, "a/kernel"));
    }
}
