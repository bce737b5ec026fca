//! ORC's run-length encodings: bits, bytes, and integers of both versions.

use firesteel_protocol::Result;

use super::damaged;

/// A stream's bytes and how many were read.
#[derive(Debug, Default)]
pub struct Bytes {
    data: Vec<u8>,
    at: usize,
}

impl Bytes {
    pub fn new(data: Vec<u8>) -> Self {
        Self { data, at: 0 }
    }

    pub fn byte(&mut self) -> Result<u8> {
        let byte = *self.data.get(self.at).ok_or_else(|| damaged("a stream that ends too early"))?;
        self.at += 1;
        Ok(byte)
    }

    pub fn take(&mut self, count: usize) -> Result<&[u8]> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.data.len());
        let end = end.ok_or_else(|| damaged("a stream that ends too early"))?;
        let taken = &self.data[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// A base 128 number, lowest digits first.
    pub fn varint(&mut self) -> Result<u64> {
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            let byte = self.byte()?;
            if shift < 64 {
                value |= u64::from(byte & 0x7f) << shift;
            }
            if byte < 0x80 {
                return Ok(value);
            }
            shift += 7;
        }
    }

    /// The same, up to 128 bits, signs folded in.
    pub fn zigzag128(&mut self) -> Result<i128> {
        let (mut value, mut shift) = (0_u128, 0);
        loop {
            let byte = self.byte()?;
            if shift < 128 {
                value |= u128::from(byte & 0x7f) << shift;
            }
            if byte < 0x80 {
                return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
            }
            shift += 7;
        }
    }

    fn big_endian(&mut self, width: usize) -> Result<u64> {
        Ok(self.take(width)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    /// `count` numbers of `bits` bits each, highest bit first; they begin and end at whole bytes.
    fn packed(&mut self, count: usize, bits: usize, out: &mut Vec<u64>) -> Result<()> {
        let bytes = self.take((count * bits).div_ceil(8))?;
        let (mut held, mut value) = (0_usize, 0_u128);
        let mut bytes = bytes.iter();
        for _ in 0..count {
            while held < bits {
                value = value << 8 | u128::from(*bytes.next().unwrap_or(&0));
                held += 8;
            }
            held -= bits;
            out.push((value >> held) as u64 & (u64::MAX >> (64 - bits)));
            value &= (1 << held) - 1;
        }
        Ok(())
    }
}

fn unfold(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// Bytes in runs.
#[derive(Debug, Default)]
pub struct ByteRuns {
    bytes: Bytes,
    /// Left of the current run.
    left: usize,
    /// The byte that repeats; `None`: literals.
    repeated: Option<u8>,
}

impl ByteRuns {
    pub fn new(data: Vec<u8>) -> Self {
        Self { bytes: Bytes::new(data), ..Self::default() }
    }

    pub fn next(&mut self) -> Result<u8> {
        if self.left == 0 {
            let header = self.bytes.byte()?;
            if header < 0x80 {
                self.left = usize::from(header) + 3;
                self.repeated = Some(self.bytes.byte()?);
            } else {
                self.left = 256 - usize::from(header);
                self.repeated = None;
            }
        }
        self.left -= 1;
        match self.repeated {
            Some(byte) => Ok(byte),
            None => self.bytes.byte(),
        }
    }
}

/// Bits in runs of bytes, highest first.
#[derive(Debug, Default)]
pub struct Bits {
    bytes: ByteRuns,
    current: u8,
    left: u8,
}

impl Bits {
    pub fn new(data: Vec<u8>) -> Self {
        Self { bytes: ByteRuns::new(data), current: 0, left: 0 }
    }

    pub fn next(&mut self) -> Result<bool> {
        if self.left == 0 {
            self.current = self.bytes.next()?;
            self.left = 8;
        }
        self.left -= 1;
        Ok(self.current >> self.left & 1 == 1)
    }
}

/// Integers in runs.
#[derive(Debug)]
pub struct Integers {
    bytes: Bytes,
    version_2: bool,
    signed: bool,
    run: Vec<i64>,
    at: usize,
    scratch: Vec<u64>,
}

impl Integers {
    pub fn new(data: Vec<u8>, version_2: bool, signed: bool) -> Self {
        Self { bytes: Bytes::new(data), version_2, signed, run: vec![], at: 0, scratch: vec![] }
    }

    pub fn next(&mut self) -> Result<i64> {
        if self.at == self.run.len() {
            self.run.clear();
            self.at = 0;
            if self.version_2 { self.read_v2()? } else { self.read_v1()? }
        }
        let value = self.run[self.at];
        self.at += 1;
        Ok(value)
    }

    fn number(&mut self) -> Result<i64> {
        let value = self.bytes.varint()?;
        Ok(if self.signed { unfold(value) } else { value.cast_signed() })
    }

    fn read_v1(&mut self) -> Result<()> {
        let header = self.bytes.byte()?;
        if header < 0x80 {
            let delta = i64::from(self.bytes.byte()?.cast_signed());
            let base = self.number()?;
            let count = i64::from(header) + 3;
            self.run.extend((0..count).map(|at| base.wrapping_add(delta.wrapping_mul(at))));
        } else {
            for _ in 0..256 - usize::from(header) {
                let value = self.number()?;
                self.run.push(value);
            }
        }
        Ok(())
    }

    fn read_v2(&mut self) -> Result<()> {
        let header = self.bytes.byte()?;
        match header >> 6 {
            0 => {
                let value = self.bytes.big_endian(usize::from(header >> 3 & 7) + 1)?;
                let value = if self.signed { unfold(value) } else { value.cast_signed() };
                self.run.resize(usize::from(header & 7) + 3, value);
                Ok(())
            }
            1 => {
                let count = self.run_length(header)?;
                self.scratch.clear();
                self.bytes.packed(count, bits_of_code(header >> 1 & 31), &mut self.scratch)?;
                let signed = self.signed;
                let value = |value: &u64| if signed { unfold(*value) } else { value.cast_signed() };
                self.run.extend(self.scratch.iter().map(value));
                Ok(())
            }
            2 => self.read_patched(header),
            _ => self.read_delta(header),
        }
    }

    fn run_length(&mut self, header: u8) -> Result<usize> {
        Ok((usize::from(header & 1) << 8 | usize::from(self.bytes.byte()?)) + 1)
    }

    fn read_patched(&mut self, header: u8) -> Result<()> {
        let bits = bits_of_code(header >> 1 & 31);
        let count = self.run_length(header)?;
        let (third, fourth) = (self.bytes.byte()?, self.bytes.byte()?);
        let base_width = usize::from(third >> 5) + 1;
        let patch_bits = bits_of_code(third & 31);
        let gap_bits = usize::from(fourth >> 5) + 1;
        let patches = usize::from(fourth & 31);
        let base = self.bytes.big_endian(base_width)?;
        // The highest bit of the base is its sign.
        let sign = 1_u64 << (base_width * 8 - 1);
        let magnitude = (base & !sign).cast_signed();
        let base = if base & sign == 0 { magnitude } else { magnitude.wrapping_neg() };
        self.scratch.clear();
        self.bytes.packed(count, bits, &mut self.scratch)?;
        let entry_bits = fitting_bits(patch_bits + gap_bits);
        if patch_bits + gap_bits > 64 {
            return Err(damaged("a patch of more than 64 bits"));
        }
        let mut entries = Vec::with_capacity(patches);
        self.bytes.packed(patches, entry_bits, &mut entries)?;
        let mut at = 0_usize;
        for entry in entries {
            let patch = entry & (u64::MAX >> (64 - patch_bits));
            let gap = if patch_bits == 64 { 0 } else { entry >> patch_bits };
            at += usize::try_from(gap).unwrap_or(usize::MAX);
            if let (Some(value), true) = (self.scratch.get_mut(at), bits < 64) {
                *value |= patch << bits;
            }
        }
        self.run.extend(self.scratch.iter().map(|value| base.wrapping_add(value.cast_signed())));
        Ok(())
    }

    fn read_delta(&mut self, header: u8) -> Result<()> {
        let code = header >> 1 & 31;
        let count = self.run_length(header)?;
        let mut value = self.number()?;
        let step = unfold(self.bytes.varint()?);
        self.run.push(value);
        if code == 0 {
            for _ in 1..count {
                value = value.wrapping_add(step);
                self.run.push(value);
            }
            return Ok(());
        }
        if count < 2 {
            return Err(damaged("a run of one delta"));
        }
        value = value.wrapping_add(step);
        self.run.push(value);
        self.scratch.clear();
        self.bytes.packed(count - 2, bits_of_code(code), &mut self.scratch)?;
        for delta in &self.scratch {
            let delta = delta.cast_signed();
            value = if step < 0 { value.wrapping_sub(delta) } else { value.wrapping_add(delta) };
            self.run.push(value);
        }
        Ok(())
    }
}

/// The number of bits that a code of five bits stands for.
fn bits_of_code(code: u8) -> usize {
    match code {
        0..=23 => usize::from(code) + 1,
        24 => 26,
        25 => 28,
        26 => 30,
        27 => 32,
        28 => 40,
        29 => 48,
        30 => 56,
        _ => 64,
    }
}

fn code_of_bits(bits: usize) -> u8 {
    (0..32).find(|code| bits_of_code(*code) >= bits).unwrap_or(31)
}

/// The least number of bits with a code that holds `bits` bits.
fn fitting_bits(bits: usize) -> usize {
    bits_of_code(code_of_bits(bits.min(64)))
}

/// Writes bytes in runs.
#[derive(Debug, Default)]
pub struct ByteRunWriter {
    out: Vec<u8>,
    pending: Vec<u8>,
}

impl ByteRunWriter {
    pub fn push(&mut self, byte: u8) {
        self.pending.push(byte);
        if self.pending.len() >= 4096 {
            self.drain();
        }
    }

    fn drain(&mut self) {
        let bytes = std::mem::take(&mut self.pending);
        let mut at = 0;
        while at < bytes.len() {
            let run = run_length(&bytes[at..], 130);
            if run >= 3 {
                self.out.extend_from_slice(&[(run - 3) as u8, bytes[at]]);
                at += run;
                continue;
            }
            let start = at;
            while at < bytes.len() && at - start < 128 && run_length(&bytes[at..], 3) < 3 {
                at += 1;
            }
            self.out.push((256 - (at - start)) as u8);
            self.out.extend_from_slice(&bytes[start..at]);
        }
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.drain();
        self.out
    }

    pub fn size(&self) -> usize {
        self.out.len() + self.pending.len()
    }
}

/// How often the first value repeats, at most `limit` times.
fn run_length<T: PartialEq>(values: &[T], limit: usize) -> usize {
    values.iter().take(limit).take_while(|value| **value == values[0]).count()
}

/// Writes bits in runs of bytes.
#[derive(Debug, Default)]
pub struct BitWriter {
    bytes: ByteRunWriter,
    current: u8,
    held: u8,
}

impl BitWriter {
    pub fn push(&mut self, bit: bool) {
        self.current = self.current << 1 | u8::from(bit);
        self.held += 1;
        if self.held == 8 {
            self.bytes.push(self.current);
            (self.current, self.held) = (0, 0);
        }
    }

    pub fn finish(mut self) -> Vec<u8> {
        if self.held > 0 {
            self.bytes.push(self.current << (8 - self.held));
        }
        self.bytes.finish()
    }

    pub fn size(&self) -> usize {
        self.bytes.size()
    }
}

/// Integers of one run at most.
const RUN: usize = 512;

/// Writes integers in runs of version 2.
#[derive(Debug)]
pub struct IntegerWriter {
    out: Vec<u8>,
    pending: Vec<i64>,
    signed: bool,
}

impl IntegerWriter {
    pub fn new(signed: bool) -> Self {
        Self { out: vec![], pending: Vec::with_capacity(RUN), signed }
    }

    pub fn push(&mut self, value: i64) {
        self.pending.push(value);
        if self.pending.len() == RUN {
            self.drain();
        }
    }

    fn fold(&self, value: i64) -> u64 {
        if self.signed { (value << 1 ^ value >> 63).cast_unsigned() } else { value.cast_unsigned() }
    }

    fn drain(&mut self) {
        let values = std::mem::take(&mut self.pending);
        let mut at = 0;
        while at < values.len() {
            let steady = steady(&values[at..]);
            if steady >= 3 && (steady == values.len() - at || steady >= 16) {
                self.write_steady(&values[at..at + steady]);
                at += steady;
                continue;
            }
            let start = at;
            at += 1;
            while at < values.len() && steady_at_least(&values[at..], 16).is_none() {
                at += 1;
            }
            self.write_direct(&values[start..at]);
        }
        self.pending = values;
        self.pending.clear();
    }

    /// Values of equal distance.
    fn write_steady(&mut self, values: &[i64]) {
        let step = values[1].wrapping_sub(values[0]);
        if step == 0 && values.len() <= 10 {
            let bytes = self.fold(values[0]).to_be_bytes();
            let width = bytes.iter().position(|byte| *byte != 0).map_or(1, |zeros| 8 - zeros);
            self.out.push(((width - 1) << 3 | (values.len() - 3)) as u8);
            self.out.extend_from_slice(&bytes[8 - width..]);
            return;
        }
        let length = values.len() - 1;
        self.out.extend_from_slice(&[3 << 6 | (length >> 8) as u8, (length & 255) as u8]);
        let base = self.fold(values[0]);
        varint(base.into(), &mut self.out);
        varint(u128::from((step << 1 ^ step >> 63).cast_unsigned()), &mut self.out);
    }

    fn write_direct(&mut self, values: &[i64]) {
        let folded: Vec<u64> = values.iter().map(|value| self.fold(*value)).collect();
        let most = folded.iter().fold(0, |bits, value| bits | value);
        let code = code_of_bits((64 - most.leading_zeros() as usize).max(1));
        let bits = bits_of_code(code);
        let length = values.len() - 1;
        self.out.extend_from_slice(&[1 << 6 | code << 1 | (length >> 8) as u8, (length & 255) as u8]);
        let (mut held, mut word) = (0, 0_u128);
        for value in folded {
            word = word << bits | u128::from(value);
            held += bits;
            while held >= 8 {
                held -= 8;
                self.out.push((word >> held) as u8);
            }
            word &= (1 << held) - 1;
        }
        if held > 0 {
            self.out.push((word << (8 - held)) as u8);
        }
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.drain();
        self.out
    }

    pub fn size(&self) -> usize {
        self.out.len() + self.pending.len() * 8
    }
}

/// How many values from the first on have equal distances that no overflow bends.
fn steady(values: &[i64]) -> usize {
    let Some(step) = values.get(1).and_then(|second| second.checked_sub(values[0])) else { return 1 };
    1 + values.windows(2).take_while(|pair| pair[1].checked_sub(pair[0]) == Some(step)).count()
}

fn steady_at_least(values: &[i64], count: usize) -> Option<usize> {
    if values.len() < count {
        return None;
    }
    (steady(&values[..count]) == count).then_some(count)
}

/// A base 128 number, lowest digits first.
pub fn varint(mut value: u128, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A signed number of up to 128 bits.
pub fn zigzag128(value: i128, out: &mut Vec<u8>) {
    varint((value << 1 ^ value >> 127).cast_unsigned(), out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_of_the_specification_decode() -> Result<()> {
        let read = |data: &[u8], version_2, signed, count| {
            let mut integers = Integers::new(data.to_vec(), version_2, signed);
            (0..count).map(|_| integers.next()).collect::<Result<Vec<i64>>>()
        };
        assert_eq!(read(&[0x61, 0x00, 0x07], false, false, 100)?, vec![7; 100]);
        assert_eq!(read(&[0xfb, 2, 3, 6, 7, 0xb], false, false, 5)?, [2, 3, 6, 7, 11]);
        assert_eq!(read(&[0x0a, 0x27, 0x10], true, false, 5)?, vec![10000; 5]);
        let direct = [0x5e, 0x03, 0x5c, 0xa1, 0xab, 0x1e, 0xde, 0xad, 0xbe, 0xef];
        assert_eq!(read(&direct, true, false, 4)?, [23713, 43806, 57005, 48879]);
        let patched = [
            0x8e, 0x13, 0x2b, 0x21, 0x07, 0xd0, 0x1e, 0x00, 0x14, 0x70, 0x28, 0x32, 0x3c, 0x46, 0x50, 0x5a, 0x64, 0x6e,
            0x78, 0x82, 0x8c, 0x96, 0xa0, 0xaa, 0xb4, 0xbe, 0xfc, 0xe8,
        ];
        let mut expected: Vec<i64> = (0..20).map(|at| 2000 + at * 10).collect();
        expected[0..4].copy_from_slice(&[2030, 2000, 2020, 1_000_000]);
        expected[4..].copy_from_slice(&(0..16).map(|at| 2040 + at * 10).collect::<Vec<i64>>());
        assert_eq!(read(&patched, true, false, 20)?, expected);
        let delta = [0xc6, 0x09, 0x02, 0x02, 0x22, 0x42, 0x42, 0x46];
        assert_eq!(read(&delta, true, false, 10)?, [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]);
        Ok(())
    }

    #[test]
    fn what_is_written_comes_back() -> Result<()> {
        let mut values: Vec<i64> = vec![i64::MIN, i64::MAX, 0, -1, 1];
        values.extend((0..3000).map(|at| if at % 900 < 300 { 5 } else { at * at * 31 % 1_000_003 - 500_000 }));
        values.extend(0..700);
        values.extend([3; 7]);
        let mut writer = IntegerWriter::new(true);
        values.iter().for_each(|value| writer.push(*value));
        let mut reader = Integers::new(writer.finish(), true, true);
        for value in &values {
            assert_eq!(reader.next()?, *value);
        }
        let bits: Vec<bool> = (0..10_001).map(|at| at % 7 == 0 || at > 5000).collect();
        let mut writer = BitWriter::default();
        bits.iter().for_each(|bit| writer.push(*bit));
        let mut reader = Bits::new(writer.finish());
        for bit in &bits {
            assert_eq!(reader.next()?, *bit);
        }
        Ok(())
    }
}
