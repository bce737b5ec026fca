//! The decimal digits of floats as Java up to 18 prints them: `jdk.internal.math.FloatingDecimal`.
//!
//! They are not always the shortest that read back as the same float: `2.14748365E9` is 2³¹ as FLOAT. Digits are
//! generated one after the other until what is left is less than half the distance to the neighbouring floats; a
//! number printed with an exponent gets two digits at least. Large whole numbers lose digits that say nothing.

/// Bits of a double's fraction.
const FRACTION_BITS: i32 = 52;

/// The digits of a finite, positive double's absolute value, and the power of ten of the first.
pub(super) fn of_f64(value: f64) -> (String, i32) {
    let bits = value.abs().to_bits();
    let (exponent, fraction) = ((bits >> FRACTION_BITS) as i32, bits & ((1 << FRACTION_BITS) - 1));
    if exponent == 0 {
        let zeros = fraction.leading_zeros() as i32;
        let shift = zeros - (63 - FRACTION_BITS);
        return digits(1 - shift - 1023, fraction << shift, 64 - zeros);
    }
    digits(exponent - 1023, fraction | 1 << FRACTION_BITS, FRACTION_BITS + 1)
}

/// [`of_f64`] of a float.
pub(super) fn of_f32(value: f32) -> (String, i32) {
    const BITS: i32 = 23;
    let bits = value.abs().to_bits();
    let (exponent, fraction) = ((bits >> BITS) as i32, bits & ((1 << BITS) - 1));
    let wide = |fraction: u32| u64::from(fraction) << (FRACTION_BITS - BITS);
    if exponent == 0 {
        let zeros = fraction.leading_zeros() as i32;
        let shift = zeros - (31 - BITS);
        return digits(1 - shift - 127, wide(fraction << shift), 32 - zeros);
    }
    digits(exponent - 127, wide(fraction | 1 << BITS), BITS + 1)
}

/// Bits that a power of five takes.
fn bits_of_power(power: i32) -> i32 {
    if power == 0 { 0 } else { (f64::from(power) * 5_f64.log2()).floor() as i32 + 1 }
}

/// The power of ten of the first digit, or one more.
#[expect(clippy::approx_constant, reason = "Java's own number, shorter than the logarithm")]
fn estimate(exponent: i32, fraction: u64) -> i32 {
    let mantissa = f64::from_bits((1023 << FRACTION_BITS) | fraction & ((1 << FRACTION_BITS) - 1));
    let estimate = (mantissa - 1.5) * 0.289_529_654 + 0.176_091_259 + f64::from(exponent) * 0.301_029_995_663_981;
    estimate.floor() as i32
}

/// `fraction` has its first bit at [`FRACTION_BITS`]; `significant` of its bits are known.
fn digits(exponent: i32, fraction: u64, significant: i32) -> (String, i32) {
    let zeros = fraction.trailing_zeros() as i32;
    let fraction_bits = FRACTION_BITS + 1 - zeros;
    let tiny_bits = (fraction_bits - exponent - 1).max(0);
    if (-21..=62).contains(&exponent) && tiny_bits == 0 && fraction_bits < 64 {
        return whole(exponent, fraction, significant);
    }
    let place = estimate(exponent, fraction);
    let five_b = (-place).max(0);
    let five_s = place.max(0);
    let mut two_b = five_b + tiny_bits + exponent;
    let mut two_s = five_s + tiny_bits;
    let mut two_m = two_b - significant;
    two_b -= fraction_bits - 1;
    let common = two_b.min(two_s);
    two_b -= common;
    two_s -= common;
    two_m -= common;
    if fraction_bits == 1 {
        // Below a power of two the neighbours are nearer.
        two_m -= 1;
    }
    if two_m < 0 {
        two_b -= two_m;
        two_s -= two_m;
        two_m = 0;
    }
    let value_bits = fraction_bits + two_b + if five_b < 27 { bits_of_power(five_b) } else { five_b * 3 };
    let tens_bits = two_s + 1 + if five_s + 1 < 27 { bits_of_power(five_s + 1) } else { (five_s + 1) * 3 };
    // Java counts in machine words where they suffice, and stops one digit earlier where they do not.
    let small = value_bits < 64 && tens_bits < 64;

    let bits = fraction >> zeros;
    let scale = Scale { five_b, two_b, five_s, two_s, five_m: five_b, two_m };
    if value_bits.max(tens_bits) < 120 {
        generate::<u128>(bits, &scale, place, small)
    } else {
        generate::<Big>(bits, &scale, place, small)
    }
}

/// Powers of five and of two of a value's numerator, of its denominator, and of half the distance to its neighbours.
struct Scale {
    five_b: i32,
    two_b: i32,
    five_s: i32,
    two_s: i32,
    five_m: i32,
    two_m: i32,
}

/// A natural number that digits are generated from.
trait Natural: Sized + Ord {
    /// `value` times a power of five and a power of two.
    fn scaled(value: u64, fives: i32, twos: i32) -> Self;
    fn times(&self, factor: u32) -> Self;
    fn plus(&self, other: &Self) -> Self;
    /// The quotient, below ten; what is left stays.
    fn divide(&mut self, divisor: &Self) -> u8;
}

/// `small` where Java counts in machine words: it stops a digit later there if what is left is just half.
fn generate<N: Natural>(bits: u64, scale: &Scale, mut place: i32, small: bool) -> (String, i32) {
    let unit = N::scaled(1, scale.five_s, scale.two_s);
    let mut value = N::scaled(bits, scale.five_b, scale.two_b);
    let mut half = N::scaled(1, scale.five_m, scale.two_m);
    let tens = unit.times(10);
    let far = |value: &N, half: &N| {
        let order = value.plus(half).cmp(&tens);
        if small { order.is_gt() } else { order.is_ge() }
    };
    let next = |value: &mut N, half: &mut N| {
        let digit = value.divide(&unit);
        *value = value.times(10);
        *half = half.times(10);
        digit
    };
    let mut text: Vec<u8> = Vec::with_capacity(18);
    let first = next(&mut value, &mut half);
    let (mut low, mut high) = (value < half, far(&value, &half));
    if first == 0 && !high {
        place -= 1;
    } else {
        text.push(first);
    }
    if !(-3..8).contains(&place) {
        (low, high) = (false, false);
    }
    while !low && !high {
        text.push(next(&mut value, &mut half));
        (low, high) = (value < half, far(&value, &half));
    }
    let twice = value.times(2).cmp(&tens);
    let odd = text.last().is_some_and(|digit| digit % 2 == 1);
    if high && (!low || twice.is_gt() || twice.is_eq() && odd) {
        round_up(&mut text, &mut place);
    }
    (text.iter().map(|digit| char::from(b'0' + digit)).collect(), place)
}

/// A whole number below 2⁶³.
fn whole(exponent: i32, fraction: u64, significant: i32) -> (String, i32) {
    let mut number = if exponent >= FRACTION_BITS {
        fraction << (exponent - FRACTION_BITS)
    } else {
        fraction >> (FRACTION_BITS - exponent)
    };
    let idle = exponent - significant - 1;
    let mut dropped = 0;
    if exponent > significant && idle > 1 {
        dropped = (f64::from(idle) * 2_f64.log10()).floor() as u32;
        let power = 10_u64.pow(dropped);
        number = number / power + u64::from(number % power >= power / 2 && dropped > 0);
    }
    let text = number.to_string();
    let place = text.len() as i32 - 1 + dropped as i32;
    let kept = text.trim_end_matches('0');
    (if kept.is_empty() { "0" } else { kept }.to_string(), place)
}

fn round_up(text: &mut [u8], place: &mut i32) {
    for digit in text.iter_mut().rev() {
        if *digit < 9 {
            *digit += 1;
            return;
        }
        *digit = 0;
    }
    // Nines all the way.
    *place += 1;
    if let Some(first) = text.first_mut() {
        *first = 1;
    }
}

/// A natural number of any size: its 32-bit digits, the lowest first, none of them zero at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Big(Vec<u32>);

impl Natural for u128 {
    fn scaled(value: u64, fives: i32, twos: i32) -> Self {
        (Self::from(value) * 5_u128.pow(fives.unsigned_abs())) << twos
    }

    fn times(&self, factor: u32) -> Self {
        self * Self::from(factor)
    }

    fn plus(&self, other: &Self) -> Self {
        self + other
    }

    fn divide(&mut self, divisor: &Self) -> u8 {
        let quotient = *self / divisor;
        *self %= divisor;
        quotient as u8
    }
}

impl Natural for Big {
    fn scaled(value: u64, fives: i32, twos: i32) -> Self {
        let mut scaled = Self(vec![value as u32, (value >> 32) as u32]);
        let mut left = fives;
        while left > 0 {
            let step = left.min(13);
            scaled = scaled.times(5_u32.pow(step.unsigned_abs()));
            left -= step;
        }
        let (words, bits) = ((twos.max(0) / 32) as usize, twos.max(0) % 32);
        let mut shifted = vec![0; words];
        shifted.extend(scaled.times(1 << bits).0);
        Self(shifted).trimmed()
    }

    fn times(&self, factor: u32) -> Self {
        let mut carry = 0_u64;
        let mut product: Vec<u32> = Vec::with_capacity(self.0.len() + 1);
        for word in &self.0 {
            carry += u64::from(*word) * u64::from(factor);
            product.push(carry as u32);
            carry >>= 32;
        }
        product.push(carry as u32);
        Self(product).trimmed()
    }

    fn plus(&self, other: &Self) -> Self {
        let mut carry = 0_u64;
        let words = self.0.len().max(other.0.len());
        let mut sum = Vec::with_capacity(words + 1);
        for at in 0..words {
            let word = |number: &Self| u64::from(number.0.get(at).copied().unwrap_or(0));
            carry += word(self) + word(other);
            sum.push(carry as u32);
            carry >>= 32;
        }
        sum.push(carry as u32);
        Self(sum).trimmed()
    }

    fn divide(&mut self, divisor: &Self) -> u8 {
        let mut quotient = 0;
        while *self >= *divisor {
            let mut borrow = 0_i64;
            for (at, word) in self.0.iter_mut().enumerate() {
                let left = i64::from(*word) - i64::from(divisor.0.get(at).copied().unwrap_or(0)) + borrow;
                *word = left as u32;
                borrow = left >> 32;
            }
            *self = Self(std::mem::take(&mut self.0)).trimmed();
            quotient += 1;
        }
        quotient
    }
}

impl Big {
    fn trimmed(mut self) -> Self {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        self
    }
}

impl Ord for Big {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

impl PartialOrd for Big {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
