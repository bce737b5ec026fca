//! Elementary functions as Java's `StrictMath` (fdlibm) computes them, whose last bit is not always that of
//! other libraries. Spark's `exp`, `ln` and those built on them are exactly these.

#![expect(clippy::excessive_precision, reason = "the constants as they are published")]

/// The exponential as Java's `StrictMath` has it, whose last bit is not always that of other libraries:
/// the argument less a multiple of ln 2, a quotient of polynomials, and a power of two.
pub(crate) fn exp(x: f64) -> f64 {
    const LN2_HIGH: f64 = 6.931_471_803_691_238_164_90e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_700_02e-10;
    const P: [f64; 5] = [
        1.666_666_666_666_660_190_37e-1,
        -2.777_777_777_701_559_338_42e-3,
        6.613_756_321_437_934_361_17e-5,
        -1.653_390_220_546_525_153_90e-6,
        4.138_136_797_057_238_460_39e-8,
    ];
    if x.is_nan() || x > 709.782_712_893_383_973_1 {
        return if x.is_nan() { x } else { f64::INFINITY };
    }
    if x < -745.133_219_101_941_108_42 {
        return 0.0;
    }
    let magnitude = x.abs();
    let (high, low, power) = if magnitude > 0.5 * std::f64::consts::LN_2 {
        let power = if magnitude < 1.5 * std::f64::consts::LN_2 {
            x.signum() as i32
        } else {
            (std::f64::consts::LOG2_E * x + 0.5 * x.signum()) as i32
        };
        (x - f64::from(power) * LN2_HIGH, f64::from(power) * LN2_LOW, power)
    } else if magnitude < 2.0_f64.powi(-28) {
        return 1.0 + x;
    } else {
        (x, 0.0, 0)
    };
    let reduced = high - low;
    let square = reduced * reduced;
    let c = reduced - square * (P[0] + square * (P[1] + square * (P[2] + square * (P[3] + square * P[4]))));
    if power == 0 {
        return 1.0 - (reduced * c / (c - 2.0) - reduced);
    }
    let y = 1.0 - (low - reduced * c / (2.0 - c) - high);
    if power >= -1021 {
        // In two steps, since 2^1024 is out of range.
        let half = power / 2;
        y * 2.0_f64.powi(half) * 2.0_f64.powi(power - half)
    } else {
        y * 2.0_f64.powi(power + 1000) * 2.0_f64.powi(-1000)
    }
}

/// The cube root as `StrictMath` has it: an estimate from the exponent, made better twice.
pub(crate) fn cbrt(x: f64) -> f64 {
    if x == 0.0 || !x.is_finite() {
        return x;
    }
    let magnitude = x.abs();
    let high = |value: f64| (value.to_bits() >> 32) as u32;
    let from_high = |high: u32| f64::from_bits(u64::from(high) << 32);
    let mut t = if magnitude < f64::MIN_POSITIVE {
        from_high(high(magnitude * 2.0_f64.powi(54)) / 3 + 696_219_795)
    } else {
        from_high(high(magnitude) / 3 + 715_094_163)
    };
    let r = t * t / magnitude;
    let s = 19.0 / 35.0 + r * t;
    t *= 5.0 / 14.0 + 45.0 / 28.0 / (s + 99.0 / 70.0 + -864.0 / 1225.0 / s);
    // Cut to few bits, a little too large, so that its square is exact.
    t = from_high(high(t) + 1);
    let r = magnitude / (t * t);
    let r = (r - t) / (t + t + r);
    (t + t * r).copysign(x)
}

/// As `StrictMath` would have it: exact near 1, and without overflow far from it.
pub(crate) fn acosh(x: f64) -> f64 {
    if x < 1.0 {
        f64::NAN
    } else if x >= 2.0_f64.powi(28) {
        ln(x) + std::f64::consts::LN_2
    } else if x > 2.0 {
        ln(2.0 * x - 1.0 / (x + (x * x - 1.0).sqrt()))
    } else {
        let t = x - 1.0;
        (t + (2.0 * t + t * t).sqrt()).ln_1p()
    }
}

/// As `StrictMath` would have it: exact near 0, and without overflow far from it.
pub(crate) fn asinh(x: f64) -> f64 {
    let magnitude = x.abs();
    if !x.is_finite() || magnitude < 2.0_f64.powi(-28) {
        return x;
    }
    let square = x * x;
    let value = if magnitude > 2.0_f64.powi(28) {
        ln(magnitude) + std::f64::consts::LN_2
    } else if magnitude > 2.0 {
        ln(2.0 * magnitude + 1.0 / ((square + 1.0).sqrt() + magnitude))
    } else {
        (magnitude + square / (1.0 + (1.0 + square).sqrt())).ln_1p()
    };
    value.copysign(x)
}

/// The hyperbolic cosine on [`exp`], as `StrictMath` has it.
pub(crate) fn cosh(x: f64) -> f64 {
    let magnitude = x.abs();
    if magnitude < 0.5 * std::f64::consts::LN_2 {
        let t = magnitude.exp_m1();
        let w = 1.0 + t;
        if magnitude < 2.0_f64.powi(-55) { w } else { 1.0 + t * t / (w + w) }
    } else if magnitude < 22.0 {
        let t = exp(magnitude);
        0.5 * t + 0.5 / t
    } else {
        x.cosh()
    }
}

/// The natural logarithm as `StrictMath` has it: a power of two, and a polynomial for what is left.
pub(crate) fn ln(x: f64) -> f64 {
    const LN2_HIGH: f64 = 6.931_471_803_691_238_164_90e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_700_02e-10;
    const L: [f64; 7] = [
        6.666_666_666_666_735_130e-1,
        3.999_999_999_940_941_908e-1,
        2.857_142_874_366_239_149e-1,
        2.222_219_843_214_978_396e-1,
        1.818_357_216_161_805_012e-1,
        1.531_383_769_920_937_332e-1,
        1.479_819_860_511_658_591e-1,
    ];
    if x.is_nan() || x <= 0.0 || x.is_infinite() {
        return x.ln();
    }
    let (mut bits, mut power) = (x.to_bits(), 0_i32);
    if x < f64::MIN_POSITIVE {
        bits = (x * 2.0_f64.powi(54)).to_bits();
        power = -54;
    }
    let high = (bits >> 32) as i32;
    power += (high >> 20) - 1023;
    let mantissa = high & 0x000f_ffff;
    // Brings the rest between sqrt(2)/2 and sqrt(2).
    let carry = (mantissa + 0x9_5f64) & 0x10_0000;
    let rest_high = (mantissa | (carry ^ 0x3ff0_0000)) as u32;
    let rest = f64::from_bits(u64::from(rest_high) << 32 | bits & 0xffff_ffff);
    power += carry >> 20;
    let f = rest - 1.0;
    let k = f64::from(power);
    if (0x000f_ffff & (2 + mantissa)) < 3 {
        if f == 0.0 {
            return if power == 0 { 0.0 } else { k * LN2_HIGH + k * LN2_LOW };
        }
        let r = f * f * (0.5 - 0.333_333_333_333_333_33 * f);
        return if power == 0 { f - r } else { k * LN2_HIGH - ((r - k * LN2_LOW) - f) };
    }
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let t1 = w * (L[1] + w * (L[3] + w * L[5]));
    let t2 = z * (L[0] + w * (L[2] + w * (L[4] + w * L[6])));
    let r = t2 + t1;
    if ((mantissa - 0x6_147a) | (0x6_b851 - mantissa)) > 0 {
        let half = 0.5 * f * f;
        if power == 0 {
            f - (half - s * (half + r))
        } else {
            k * LN2_HIGH - ((half - (s * (half + r) + k * LN2_LOW)) - f)
        }
    } else if power == 0 {
        f - s * (f - r)
    } else {
        k * LN2_HIGH - ((s * (f - r) - k * LN2_LOW) - f)
    }
}
