//! Draws of a sample with replacement: how often a row is in it. Spark draws from the Poisson distribution of Apache Commons
//! Math, whose generator is WELL19937c; the same seed gives the same rows.

const WORDS: usize = 624;
/// The mean from which on Commons Math has another method.
const PART: f64 = 40.0;

/// The generator WELL19937c of Panneton, L'Ecuyer and Matsumoto.
struct Well {
    state: [u32; WORDS],
    index: usize,
}

impl Well {
    fn new(seed: i64) -> Self {
        let mut state = [0; WORDS];
        state[0] = (seed >> 32) as u32;
        state[1] = seed as u32;
        for at in 2..WORDS {
            // Java takes the words as numbers with a sign.
            let before = i64::from(state[at - 2] as i32);
            state[at] = 1_812_433_253_i64.wrapping_mul(before ^ (before >> 30)).wrapping_add(at as i64) as u32;
        }
        Self { state, index: 0 }
    }

    fn next(&mut self, bits: u32) -> u32 {
        let at = |offset: usize| (self.index + offset) % WORDS;
        let (last, second_last) = (at(WORDS - 1), at(WORDS - 2));
        let v = &mut self.state;
        let (v0, m1, m2, m3) =
            (v[self.index], v[(self.index + 70) % WORDS], v[(self.index + 179) % WORDS], v[(self.index + 449) % WORDS]);
        let z0 = (0x8000_0000 & v[last]) ^ (0x7fff_ffff & v[second_last]);
        let z1 = (v0 ^ (v0 << 25)) ^ (m1 ^ (m1 >> 27));
        let z2 = (m2 >> 9) ^ (m3 ^ (m3 >> 1));
        let z3 = z1 ^ z2;
        let mut z4 = z0 ^ (z1 ^ (z1 << 9)) ^ (z2 ^ (z2 << 21)) ^ (z3 ^ (z3 >> 21));
        v[self.index] = z3;
        v[last] = z4;
        v[second_last] &= 0x8000_0000;
        self.index = last;
        z4 ^= (z4 << 7) & 0xe46e_1700;
        z4 ^= (z4 << 15) & 0x9b86_8000;
        z4 >> (32 - bits)
    }

    /// From 0 (inclusive) to 1 (exclusive).
    fn next_double(&mut self) -> f64 {
        let high = u64::from(self.next(26)) << 26;
        (high | u64::from(self.next(26))) as f64 / (1_u64 << 52) as f64
    }
}

/// A Poisson distribution.
pub struct Poisson {
    mean: f64,
    random: Box<Well>,
}

impl Poisson {
    /// Of the rows of a partition, whose seed is one of a series that begins with the sample's.
    pub fn of_partition(mean: f64, seed: i64, partition: usize) -> Self {
        let mut series = JavaRandom::new(seed);
        let mut own = series.next_long();
        for _ in 0..partition {
            own = series.next_long();
        }
        Self { mean, random: Box::new(Well::new(own)) }
    }

    /// A draw. Commons Math has another method from a mean of 40 on: there the distribution is Spark's, not the draws, and a
    /// draw is the sum of draws for parts of the mean, whose powers of e are not yet zero.
    pub fn draw(&mut self) -> usize {
        if self.mean <= 0.0 {
            return 0;
        }
        let parts = (self.mean / PART).floor() + 1.0;
        (0..parts as usize).map(|_| self.draw_part(self.mean / parts)).sum()
    }

    fn draw_part(&mut self, mean: f64) -> usize {
        let limit = (-mean).exp();
        let (mut count, mut product) = (0, 1.0);
        while (count as f64) < 1000.0 * mean {
            product *= self.random.next_double();
            if product < limit {
                break;
            }
            count += 1;
        }
        count
    }
}

/// `java.util.Random`.
struct JavaRandom(i64);

impl JavaRandom {
    const MASK: i64 = (1 << 48) - 1;
    const FACTOR: i64 = 0x5_DEEC_E66D;

    fn new(seed: i64) -> Self {
        Self((seed ^ Self::FACTOR) & Self::MASK)
    }

    fn next_int(&mut self) -> i32 {
        self.0 = self.0.wrapping_mul(Self::FACTOR).wrapping_add(0xb) & Self::MASK;
        (self.0 >> 16) as i32
    }

    fn next_long(&mut self) -> i64 {
        let high = i64::from(self.next_int()) << 32;
        high.wrapping_add(i64::from(self.next_int()))
    }
}
