//! A column of integers, in the cheapest of a few encodings. All arithmetic wraps, so any 64 bits survive.
//!
//! The number of values is known from elsewhere; a column of none takes no bytes. Otherwise a tag in the meta lane:
//!
//! | tag | meta lane | values |
//! |---|---|---|
//! | 0 | zigzag value | all the same |
//! | 1 | | zigzag uLEBs in the index lane |
//! | 2 | | zigzag uLEBs of differences (the first against 0) in the index lane |
//! | 3 | uLEB k - 2, zigzag first, k - 1 uLEB gaps - 1 | k values in ascending order, then a column of indexes |
//! | 0x10 + w | zigzag base | value - base in w byte planes, the highest first; raw lane, or index lane if w = 1 |
//! | 0x20 + w | zigzag first, zigzag base | difference - base in w planes; w may be 0: a progression |
//! | 0x30 + b | zigzag base | value - base in b bits, from the lowest bit of each byte up; raw lane |

use super::super::BundleError;
use super::super::wire::{put_len, put_uleb, put_zigzag, uleb_len, zigzag};
use super::lanes::{LaneReader, Lanes};

type Result<T> = std::result::Result<T, BundleError>;

const SAME: u8 = 0;
const PLAIN: u8 = 1;
const DELTA: u8 = 2;
const TABLE: u8 = 3;
const PLANES: u8 = 0x10;
const DELTA_PLANES: u8 = 0x20;
const BITS: u8 = 0x30;
/// A table of more values costs more than it saves.
const MAX_TABLE: usize = 256;
/// Below this many values an entropy estimate says little about what a compressor does.
const FEW: usize = 24;
/// What a tag and its base cost, in 1/256 bits: it keeps close calls on the simpler side.
const OVERHEAD: u64 = 16 * 256;

/// How a column will be written, and about what it costs in 1/256 bits after compression.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    tag: u8,
    base: i64,
    pub(super) cost: u64,
}

/// Writes a column in its cheapest encoding.
pub(super) fn put(lanes: &mut Lanes, values: &[i64]) {
    put_planned(lanes, values, plan(values));
}

/// Chooses an encoding. Uses integers only: every platform must choose the same.
pub(super) fn plan(values: &[i64]) -> Plan {
    let Some((&first, rest)) = values.split_first() else { return Plan { tag: SAME, base: 0, cost: 0 } };
    if rest.iter().all(|&value| value == first) {
        return Plan { tag: SAME, base: first, cost: 256 * 8 * (1 + uleb_len(zigzag(first)) as u64) };
    }
    let deltas: Vec<i64> = values.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    let (base, width) = range(values);
    let mut best = Plan { tag: PLANES + width, base, cost: OVERHEAD + planes_cost(values, base, width) };
    let mut offer = |plan: Plan| {
        if plan.cost < best.cost {
            best = plan;
        }
    };
    // Of many bytes a plane says the same as numbers of one byte each, and faster.
    if width > 1 || values.len() < FEW {
        offer(Plan { tag: PLAIN, base: 0, cost: varint_cost(values.iter().copied()) });
        offer(Plan {
            tag: DELTA,
            base: 0,
            cost: varint_cost([first].into_iter().chain(deltas.iter().copied())),
        });
    }
    let spread = values.iter().map(|value| value.wrapping_sub(base).cast_unsigned()).max().unwrap_or(0);
    let bits = 64 - spread.leading_zeros();
    if bits < 8 {
        let cost = OVERHEAD + 256 * 8 * (values.len() as u64 * u64::from(bits)).div_ceil(8);
        offer(Plan { tag: BITS + bits as u8, base, cost });
    }
    let (base, width) = range(&deltas);
    // A progression takes nothing more: that beats any stream, however even.
    let overhead = if width == 0 { OVERHEAD / 2 } else { 2 * OVERHEAD };
    offer(Plan { tag: DELTA_PLANES + width, base, cost: overhead + planes_cost(&deltas, base, width) });
    if values.len() >= 8
        && spread > 0xff
        && let Some(table) = distinct(values)
    {
        let gaps: u64 = table.windows(2).map(|pair| uleb_len(gap(pair)) as u64).sum();
        let indexes: Vec<i64> = indexes(values, &table).collect();
        let cost = OVERHEAD + 256 * 8 * gaps + planes_cost(&indexes, 0, 1);
        offer(Plan { tag: TABLE, base: table[0], cost });
    }
    best
}

/// Writes a column as planned.
pub(super) fn put_planned(lanes: &mut Lanes, values: &[i64], plan: Plan) {
    if values.is_empty() {
        return;
    }
    lanes.meta.push(plan.tag);
    match plan.tag {
        SAME => put_zigzag(&mut lanes.meta, plan.base),
        PLAIN => values.iter().for_each(|&value| put_zigzag(&mut lanes.index, value)),
        DELTA => {
            let mut last = 0_i64;
            for &value in values {
                put_zigzag(&mut lanes.index, value.wrapping_sub(last));
                last = value;
            }
        }
        TABLE => put_table(lanes, values),
        tag if tag >= BITS => {
            put_zigzag(&mut lanes.meta, plan.base);
            put_bits(&mut lanes.raw, values, plan.base, u32::from(tag - BITS));
        }
        tag if tag >= DELTA_PLANES => {
            put_zigzag(&mut lanes.meta, values[0]);
            put_zigzag(&mut lanes.meta, plan.base);
            let deltas: Vec<i64> = values.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
            put_planes(lanes, &deltas, plan.base, tag - DELTA_PLANES);
        }
        tag => {
            put_zigzag(&mut lanes.meta, plan.base);
            put_planes(lanes, values, plan.base, tag - PLANES);
        }
    }
}

/// Reads a column of `count` values.
pub(super) fn get(lanes: &mut LaneReader<'_>, count: usize) -> Result<Vec<i64>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    match lanes.meta.u8()? {
        SAME => Ok(vec![lanes.meta.zigzag()?; count]),
        PLAIN => {
            room(lanes.index.left(), count)?;
            (0..count).map(|_| lanes.index.zigzag()).collect()
        }
        DELTA => {
            room(lanes.index.left(), count)?;
            let mut last = 0_i64;
            let mut step = || {
                last = last.wrapping_add(lanes.index.zigzag()?);
                Ok(last)
            };
            (0..count).map(|_| step()).collect()
        }
        TABLE => get_table(lanes, count),
        tag @ 0x11..=0x18 => {
            let base = lanes.meta.zigzag()?;
            get_planes(lanes, count, base, tag - PLANES)
        }
        tag @ 0x20..=0x28 => {
            let last = lanes.meta.zigzag()?;
            let base = lanes.meta.zigzag()?;
            let deltas = get_planes(lanes, count - 1, base, tag - DELTA_PLANES)?;
            let mut running = last;
            let step = |delta: i64| {
                running = running.wrapping_add(delta);
                running
            };
            Ok([last].into_iter().chain(deltas.into_iter().map(step)).collect())
        }
        tag @ 0x31..=0x37 => {
            let base = lanes.meta.zigzag()?;
            get_bits(lanes, count, base, u32::from(tag - BITS))
        }
        _ => Err(BundleError::Malformed("integer column")),
    }
}

/// Refuses a count that the bytes left cannot hold, before anything is allocated for it.
fn room(left: usize, bytes: usize) -> Result<()> {
    if bytes > left { Err(BundleError::Truncated) } else { Ok(()) }
}

/// The least value, and how many bytes the others need above it.
fn range(values: &[i64]) -> (i64, u8) {
    let base = values.iter().copied().min().unwrap_or(0);
    let spread = values.iter().map(|value| value.wrapping_sub(base).cast_unsigned()).max().unwrap_or(0);
    (base, (64 - spread.leading_zeros()).div_ceil(8) as u8)
}

fn put_planes(lanes: &mut Lanes, values: &[i64], base: i64, width: u8) {
    let lane = if width == 1 { &mut lanes.index } else { &mut lanes.raw };
    for plane in (0..width).rev() {
        lane.extend(values.iter().map(|value| (value.wrapping_sub(base) >> (8 * plane)) as u8));
    }
}

fn get_planes(lanes: &mut LaneReader<'_>, count: usize, base: i64, width: u8) -> Result<Vec<i64>> {
    let lane = if width == 1 { &mut lanes.index } else { &mut lanes.raw };
    room(lane.left(), count.saturating_mul(usize::from(width)))?;
    let mut values = vec![0_i64; count];
    for _ in 0..width {
        for (value, &byte) in values.iter_mut().zip(lane.take(count)?) {
            *value = (*value << 8) | i64::from(byte);
        }
    }
    for value in &mut values {
        *value = value.wrapping_add(base);
    }
    Ok(values)
}

fn put_bits(out: &mut Vec<u8>, values: &[i64], base: i64, bits: u32) {
    let (mut pending, mut held) = (0_u32, 0);
    for value in values {
        pending |= (value.wrapping_sub(base) as u32) << held;
        held += bits;
        while held >= 8 {
            out.push(pending as u8);
            pending >>= 8;
            held -= 8;
        }
    }
    if held > 0 {
        out.push(pending as u8);
    }
}

fn get_bits(lanes: &mut LaneReader<'_>, count: usize, base: i64, bits: u32) -> Result<Vec<i64>> {
    let bytes = lanes.raw.take(count.saturating_mul(bits as usize).div_ceil(8))?;
    let mut rest = bytes.iter();
    let (mut pending, mut held) = (0_u32, 0);
    let mut step = || {
        if held < bits {
            pending |= u32::from(*rest.next().unwrap_or(&0)) << held;
            held += 8;
        }
        let value = pending & ((1 << bits) - 1);
        pending >>= bits;
        held -= bits;
        base.wrapping_add(i64::from(value))
    };
    let values = (0..count).map(|_| step()).collect();
    if pending != 0 { Err(BundleError::Malformed("integer column")) } else { Ok(values) }
}

/// The different values in ascending order, if they are few.
fn distinct(values: &[i64]) -> Option<Vec<i64>> {
    let mut table: Vec<i64> = Vec::new();
    for &value in values {
        if let Err(place) = table.binary_search(&value) {
            if table.len() == MAX_TABLE || table.len() * 2 > values.len() {
                return None;
            }
            table.insert(place, value);
        }
    }
    Some(table)
}

/// What a table stores between two neighbours.
fn gap(pair: &[i64]) -> u64 {
    pair[1].wrapping_sub(pair[0]).cast_unsigned() - 1
}

fn indexes<'a>(values: &'a [i64], table: &'a [i64]) -> impl Iterator<Item = i64> + 'a {
    values.iter().map(|value| table.binary_search(value).map_or(0, |place| place as i64))
}

fn put_table(lanes: &mut Lanes, values: &[i64]) {
    let Some(table) = distinct(values) else { unreachable!("a table is planned only where there is one") };
    put_len(&mut lanes.meta, table.len() - 2);
    put_zigzag(&mut lanes.meta, table[0]);
    table.windows(2).for_each(|pair| put_uleb(&mut lanes.meta, gap(pair)));
    let indexes: Vec<i64> = indexes(values, &table).collect();
    put(lanes, &indexes);
}

fn get_table(lanes: &mut LaneReader<'_>, count: usize) -> Result<Vec<i64>> {
    let gaps = 1 + lanes.meta.count_here(MAX_TABLE - 2, "integer table")?;
    let mut value = lanes.meta.zigzag()?;
    let mut table = vec![value];
    for _ in 0..gaps {
        let gap = lanes.meta.uleb()?;
        value = value.wrapping_add(gap.wrapping_add(1).cast_signed());
        table.push(value);
    }
    // Indexes are never a table again: that could nest without end.
    let indexes = if lanes.meta.peek() == Some(TABLE) {
        return Err(BundleError::Malformed("integer column"));
    } else {
        get(lanes, count)?
    };
    indexes.into_iter().map(|index| look_up(&table, index)).collect()
}

/// The entry of a table at a number that was read.
pub(super) fn look_up<T: Copy>(table: &[T], index: i64) -> Result<T> {
    let index = usize::try_from(index).map_err(|_| BundleError::Malformed("index"))?;
    table.get(index).copied().ok_or(BundleError::Malformed("index"))
}

/// A number that was read, as a count or index.
pub(super) fn natural(value: i64, what: &'static str) -> Result<usize> {
    usize::try_from(value).map_err(|_| BundleError::Malformed(what))
}

/// A length that was read, as one to check against what is there.
pub(super) fn natural_u64(value: u64) -> Result<usize> {
    usize::try_from(value).map_err(|_| BundleError::Truncated)
}

fn varint_cost(values: impl Iterator<Item = i64>) -> u64 {
    let mut seen = Histogram::default();
    for value in values {
        let mut value = zigzag(value);
        while value >= 0x80 {
            seen.add(0x80 | (value & 0x7f) as u8);
            value >>= 7;
        }
        seen.add(value as u8);
    }
    seen.cost()
}

fn planes_cost(values: &[i64], base: i64, width: u8) -> u64 {
    if values.len() < FEW {
        return 256 * 8 * values.len() as u64 * u64::from(width);
    }
    let plane = |plane: u8| {
        let mut seen = Histogram::default();
        for value in values {
            seen.add((value.wrapping_sub(base) >> (8 * plane)) as u8);
        }
        seen.cost()
    };
    (0..width).map(plane).sum()
}

/// How often each byte occurs: an estimate of what an entropy coder makes of a stream.
struct Histogram {
    counts: [u32; 256],
    total: u32,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [0; 256], total: 0 }
    }
}

impl Histogram {
    fn add(&mut self, byte: u8) {
        self.counts[usize::from(byte)] += 1;
        self.total += 1;
    }

    /// In 1/256 bits: the entropy and a few bits for each different byte, at most eight bits a byte.
    fn cost(&self) -> u64 {
        let plain = 256 * 8 * u64::from(self.total);
        if (self.total as usize) < FEW {
            return plain;
        }
        let whole = log2(self.total);
        let coded: u64 = self
            .counts
            .iter()
            .filter(|&&count| count > 0)
            .map(|&count| u64::from(count) * (whole - log2(count)) + 5 * 256)
            .sum();
        coded.min(plain)
    }
}

/// The binary logarithm in 1/256, straight between powers of two.
fn log2(value: u32) -> u64 {
    let power = value.ilog2();
    let rest = u64::from(value) - (1 << power);
    (u64::from(power) << 8) + ((rest << 8) >> power)
}
