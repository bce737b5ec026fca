//! Items that occur most often: the Misra-Gries sketch of Apache DataSketches (`ItemsSketch`), with its order of items
//! and its bytes.

use firesteel_protocol::{Result, SparkError};

/// The table of a new sketch has 8 places.
const LG_MIN: u8 = 3;
/// Counters of which a purge takes the median.
const SAMPLE: usize = 1024;

/// An item as bytes, and the hash that Java gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub bytes: Vec<u8>,
    pub hash: i32,
}

/// Counters of items.
#[derive(Debug, Clone)]
pub(super) struct Items {
    lg_max: u8,
    table: Vec<Option<(Key, i64)>>,
    active: usize,
    pub offset: i64,
    pub weight: i64,
    /// NULLs are counted apart.
    pub nulls: i64,
}

impl Items {
    /// A sketch that tracks as many items.
    pub fn new(max_items: usize) -> Self {
        let places = (max_items as f64 / 0.75).ceil() as usize;
        let lg_max = places.next_power_of_two().trailing_zeros().max(u32::from(LG_MIN)) as u8;
        Self { lg_max, table: vec![None; 1 << LG_MIN], active: 0, offset: 0, weight: 0, nulls: 0 }
    }

    fn capacity(&self) -> usize {
        self.table.len() * 3 / 4
    }

    pub fn update(&mut self, key: Key, count: i64) {
        self.weight += count;
        self.put(key, count);
        if self.active <= self.capacity() {
            return;
        }
        if self.table.len() < 1 << self.lg_max {
            let places = self.table.len() * 2;
            self.rebuild(places, 0);
        } else {
            self.purge();
        }
    }

    fn put(&mut self, key: Key, count: i64) {
        let mask = self.table.len() - 1;
        let mut at = spread(key.hash) as usize & mask;
        loop {
            match &mut self.table[at] {
                Some((own, known)) if *own == key => {
                    *known += count;
                    return;
                }
                Some(_) => at = (at + 1) & mask,
                empty => {
                    *empty = Some((key, count));
                    self.active += 1;
                    return;
                }
            }
        }
    }

    /// Puts what is left after taking `less` from every counter into a table of that size.
    fn rebuild(&mut self, places: usize, less: i64) {
        let old = std::mem::replace(&mut self.table, vec![None; places]);
        self.active = 0;
        for (key, count) in old.into_iter().flatten() {
            if count > less {
                self.put(key, count - less);
            }
        }
    }

    fn purge(&mut self) {
        let limit = SAMPLE.min(self.capacity()).min(self.active);
        let mut samples: Vec<i64> = self.table.iter().flatten().take(limit).map(|(_, count)| *count).collect();
        samples.sort_unstable();
        let median = samples.get(limit / 2).copied().unwrap_or(0);
        self.rebuild(self.table.len(), median);
        self.offset += median;
    }

    /// Items and counters in the order in which DataSketches walks its table.
    fn walk(&self) -> Vec<(&Key, i64)> {
        let mask = self.table.len() - 1;
        let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
        let stride = (self.table.len() as f64 * golden) as usize | 1;
        (0..self.table.len())
            .filter_map(|step| self.table[step.wrapping_mul(stride) & mask].as_ref())
            .map(|(key, count)| (key, *count))
            .collect()
    }

    pub fn merge(&mut self, other: &Self) {
        let total = self.weight + other.weight;
        for (key, count) in other.walk() {
            self.update(key.clone(), count);
        }
        self.offset += other.offset;
        self.weight = total;
        self.nulls += other.nulls;
    }

    /// The items that certainly are among the most frequent, with their estimates; `None` is NULL.
    pub fn top(&self, k: usize) -> Vec<(Option<&Key>, i64)> {
        let mut found: Vec<(Option<&Key>, i64)> = self
            .walk()
            .into_iter()
            .filter(|(_, count)| *count > self.offset)
            .map(|(key, count)| (Some(key), count + self.offset))
            .collect();
        found.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        if self.nulls > self.offset {
            let at = found.iter().position(|(_, count)| *count < self.nulls).unwrap_or(found.len());
            found.insert(at, (None, self.nulls));
        }
        found.truncate(k);
        found
    }

    /// DataSketches' bytes with the number of NULLs behind them; `serialize` is its form of the items.
    pub fn encode(&self, serialize: impl Fn(&[&Key]) -> Vec<u8>) -> Vec<u8> {
        let lg = self.table.len().trailing_zeros() as u8;
        let empty = self.active == 0;
        let mut out = vec![if empty { 1 } else { 4 }, 1, 10, self.lg_max, lg, if empty { 5 } else { 0 }, 0, 0];
        if !empty {
            out.extend((self.active as i64).to_le_bytes());
            out.extend(self.weight.to_le_bytes());
            out.extend(self.offset.to_le_bytes());
            let active: Vec<&(Key, i64)> = self.table.iter().flatten().collect();
            active.iter().for_each(|(_, count)| out.extend(count.to_le_bytes()));
            out.extend(serialize(&active.iter().map(|(key, _)| key).collect::<Vec<_>>()));
        }
        out.extend(self.nulls.to_be_bytes());
        out
    }

    /// Reads [`Items::encode`]; `parse` reads the items.
    pub fn decode(bytes: &[u8], parse: impl Fn(&[u8], usize) -> Option<Vec<Key>>) -> Result<Self> {
        Self::read(bytes, parse)
            .ok_or_else(|| SparkError::internal("the bytes are no sketch of approx_top_k_accumulate"))
    }

    fn read(bytes: &[u8], parse: impl Fn(&[u8], usize) -> Option<Vec<Key>>) -> Option<Self> {
        let (body, nulls) = bytes.split_at_checked(bytes.len().checked_sub(8)?)?;
        let long = |at: usize| Some(i64::from_le_bytes(body.get(at..at + 8)?.try_into().ok()?));
        let (lg_max, lg) = (*body.get(3)?, *body.get(4)?);
        if lg > 30 || lg_max > 30 || lg < LG_MIN {
            return None;
        }
        let mut items = Self {
            lg_max,
            table: vec![None; 1 << lg],
            active: 0,
            offset: 0,
            weight: 0,
            nulls: i64::from_be_bytes(nulls.try_into().ok()?),
        };
        if *body.first()? == 1 {
            return Some(items);
        }
        let active = usize::try_from(long(8)?).ok().filter(|active| *active <= items.capacity())?;
        (items.weight, items.offset) = (long(16)?, long(24)?);
        let keys = parse(body.get(32 + 8 * active..)?, active)?;
        for (index, key) in keys.into_iter().enumerate() {
            items.put(key, long(32 + 8 * index)?);
        }
        Some(items)
    }
}

/// MurmurHash3's finalizer over an item's hash.
fn spread(hash: i32) -> u64 {
    let mut key = i64::from(hash) as u64;
    key ^= key >> 33;
    key = key.wrapping_mul(0xff51_afd7_ed55_8ccd);
    key ^= key >> 33;
    key = key.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    key ^ (key >> 33)
}
