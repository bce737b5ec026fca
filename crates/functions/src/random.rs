//! Spark's random numbers: `XORShiftRandom`, seeded as Spark seeds it, so that `rand(42)` gives Spark's rows.

/// A generator of one partition: seed plus partition index.
#[derive(Debug, Clone)]
pub struct XorShiftRandom {
    seed: i64,
    /// The second of a pair of normal deviates.
    next_gaussian: Option<f64>,
}

impl XorShiftRandom {
    pub fn new(seed: i64) -> Self {
        Self { seed: hash_seed(seed), next_gaussian: None }
    }

    fn next(&mut self, bits: u32) -> i32 {
        let mut next = self.seed ^ (self.seed << 21);
        next ^= ((next as u64) >> 35) as i64;
        next ^= next << 4;
        self.seed = next;
        (next & ((1i64 << bits) - 1)) as i32
    }

    /// Any 32 bits.
    pub fn next_int(&mut self) -> i32 {
        self.next(32)
    }

    /// From 0 to `bound` (exclusive, above 0), as `java.util.Random.nextInt`.
    pub fn next_below(&mut self, bound: i32) -> i32 {
        if bound & (bound - 1) == 0 {
            return ((i64::from(bound) * i64::from(self.next(31))) >> 31) as i32;
        }
        loop {
            let bits = self.next(31);
            let value = bits % bound;
            // Bits past the last whole multiple of the bound would favour small values.
            if bits.wrapping_sub(value).wrapping_add(bound - 1) >= 0 {
                return value;
            }
        }
    }

    /// From 0 (inclusive) to 1 (exclusive).
    pub fn next_double(&mut self) -> f64 {
        const UNIT: f64 = 1.0 / (1u64 << 53) as f64;
        let high = i64::from(self.next(26)) << 27;
        (high + i64::from(self.next(27))) as f64 * UNIT
    }

    /// Normally distributed around 0 with deviation 1, as `java.util.Random.nextGaussian`.
    pub fn next_gaussian(&mut self) -> f64 {
        if let Some(next) = self.next_gaussian.take() {
            return next;
        }
        loop {
            let v1 = 2.0 * self.next_double() - 1.0;
            let v2 = 2.0 * self.next_double() - 1.0;
            let s = v1 * v1 + v2 * v2;
            if s < 1.0 && s != 0.0 {
                let multiplier = (-2.0 * crate::math::ln(s) / s).sqrt();
                self.next_gaussian = Some(v2 * multiplier);
                return v1 * multiplier;
            }
        }
    }
}

/// Spark spreads the bits of small seeds by two rounds of MurmurHash3 over the seed's eight bytes.
fn hash_seed(seed: i64) -> i64 {
    const ARRAY_SEED: u32 = 0x3c07_4a61;
    let bytes = seed.to_be_bytes();
    let low = murmur3(&bytes, ARRAY_SEED);
    let high = murmur3(&bytes, low);
    (i64::from(high) << 32) | i64::from(low)
}

/// MurmurHash3, 32 bits, of a whole number of words.
fn murmur3(bytes: &[u8; 8], seed: u32) -> u32 {
    let mut hash = seed;
    for word in bytes.chunks_exact(4) {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        k = k.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
        hash = (hash ^ k).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    hash ^= 8;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

/// Java's `Random`: a linear congruence of 48 bits.
#[derive(Debug, Clone)]
pub struct JavaRandom(i64);

impl JavaRandom {
    const FACTOR: i64 = 0x5_DEEC_E66D;
    const MASK: i64 = (1 << 48) - 1;

    pub fn new(seed: i64) -> Self {
        Self((seed ^ Self::FACTOR) & Self::MASK)
    }

    fn next(&mut self, bits: u32) -> i32 {
        self.0 = self.0.wrapping_mul(Self::FACTOR).wrapping_add(0xB) & Self::MASK;
        (self.0 >> (48 - bits)) as i32
    }

    /// A number from 0 below `i32::MAX`: `nextInt(Integer.MAX_VALUE)`.
    pub fn next_below_max(&mut self) -> i32 {
        loop {
            let bits = self.next(31);
            let value = bits % i32::MAX;
            if bits.wrapping_sub(value).wrapping_add(i32::MAX - 1) >= 0 {
                return value;
            }
        }
    }

    /// A number from 0 below 1: `nextDouble`.
    pub fn next_double(&mut self) -> f64 {
        let bits = (i64::from(self.next(26)) << 27) + i64::from(self.next(27));
        bits as f64 / (1_i64 << 53) as f64
    }
}

/// The Mersenne Twister of Apache Commons Math, seeded by a long: what Spark shuffles arrays with.
#[derive(Debug, Clone)]
pub struct MersenneTwister {
    words: Vec<u32>,
    at: usize,
}

impl MersenneTwister {
    const WORDS: usize = 624;

    pub fn new(seed: i64) -> Self {
        let key = [(seed >> 32) as u32, seed as u32];
        let mut words = Vec::with_capacity(Self::WORDS);
        let mut last = 19_650_218_u32;
        words.push(last);
        for at in 1..Self::WORDS as u32 {
            last = 1_812_433_253_u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(at);
            words.push(last);
        }
        let mut at = 1;
        let step = |words: &mut [u32], at: &mut usize, factor: u32, more: u32| {
            let before = words[*at - 1];
            words[*at] = (words[*at] ^ (before ^ (before >> 30)).wrapping_mul(factor)).wrapping_add(more);
            *at += 1;
            if *at == Self::WORDS {
                words[0] = words[Self::WORDS - 1];
                *at = 1;
            }
        };
        for round in 0..Self::WORDS {
            let part = round % key.len();
            step(&mut words, &mut at, 1_664_525, key[part].wrapping_add(part as u32));
        }
        for _ in 1..Self::WORDS {
            let less = (at as u32).wrapping_neg();
            step(&mut words, &mut at, 1_566_083_941, less);
        }
        words[0] = 1 << 31;
        Self { words, at: Self::WORDS }
    }

    /// Any 64 bits, the higher ones first.
    pub fn next_long(&mut self) -> u64 {
        let high = u64::from(self.next(32));
        high << 32 | u64::from(self.next(32))
    }

    fn next(&mut self, bits: u32) -> u32 {
        if self.at == Self::WORDS {
            for at in 0..Self::WORDS {
                let mixed = self.words[at] & (1 << 31) | self.words[(at + 1) % Self::WORDS] & !(1 << 31);
                let odd = if mixed & 1 == 1 { 0x9908_b0df } else { 0 };
                self.words[at] = self.words[(at + 397) % Self::WORDS] ^ (mixed >> 1) ^ odd;
            }
            self.at = 0;
        }
        let mut word = self.words[self.at];
        self.at += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^= word >> 18;
        word >> (32 - bits)
    }

    /// From 0 to `bound` (exclusive, above 0).
    pub fn next_below(&mut self, bound: u32) -> u32 {
        if bound.is_power_of_two() {
            return ((u64::from(bound) * u64::from(self.next(31))) >> 31) as u32;
        }
        loop {
            let bits = self.next(31);
            let value = bits % bound;
            // Bits past the last whole multiple of the bound would favour small values.
            if bits - value + (bound - 1) < 1 << 31 {
                return value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `spark.range(1, numPartitions=1).select(rand(42))` on Spark 4.2.
    #[test]
    fn first_number_of_seed_42() {
        assert_eq!(XorShiftRandom::new(42).next_double(), 0.619_189_370_225_301);
    }
}
