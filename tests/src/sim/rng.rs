//! Random numbers of the simulation: the same seed, the same world (splitmix64, public domain, Vigna 2015).

use uuid::Uuid;

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// A stream of its own, so that one more draw here changes nothing there.
    pub fn fork(&mut self, name: u64) -> Self {
        Self::new(self.bits() ^ name.wrapping_mul(0xd6e8_feb8_6659_fd93))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `most`, both possible.
    pub fn up_to(&mut self, most: i64) -> i64 {
        let wide = u128::from(self.bits()) * (u128::from(most.max(0).unsigned_abs()) + 1);
        i64::try_from(wide >> 64).unwrap_or(most)
    }

    /// A number from `low` to `high`, both possible.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.up_to(high - low)
    }

    /// True with this probability, in thousandths.
    pub fn happens(&mut self, thousandths: i64) -> bool {
        self.up_to(999) < thousandths
    }

    /// A random UUID.
    pub fn uuid(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.bits(), self.bits())
    }

    /// A UUID that sorts by time (version 7).
    pub fn uuid_at(&mut self, at: super::Ms) -> Uuid {
        let mut random = [0u8; 10];
        for (place, byte) in random.iter_mut().zip(self.bits().to_le_bytes().into_iter().chain([0x5a, 0x17])) {
            *place = byte;
        }
        uuid::Builder::from_unix_timestamp_millis(u64::try_from(at).unwrap_or_default(), &random).into_uuid()
    }
}
