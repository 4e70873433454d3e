//! A column of bytes values: ids, entries that travel whole, sealed values.
//!
//! The number of values is known from elsewhere; a column of none takes no bytes. Otherwise a tag in the meta lane:
//!
//! | tag | what follows |
//! |---|---|
//! | 0 plain | a column of lengths; the bytes in the raw lane |
//! | 1 same | uLEB length in the meta lane; one value in the raw lane |
//! | 2 table | uLEB k in the meta lane; a column of k different values that is no table; a column of indexes |
//! | 3 rows | uLEB length and uLEB length of the common prefix in the meta lane; prefix, then rests in the raw lane |
//! | 4 ids | `UUIDv7`: a column of their milliseconds; their 74 free bits each, from the lowest bit of each byte up |
//! | 5 ids by time | the same, but milliseconds less the time of the change, modulo 2^48 |

use std::collections::HashMap;

use super::super::BundleError;
use super::super::wire::put_len;
use super::ints;
use super::lanes::{LaneReader, Lanes};

type Result<T> = std::result::Result<T, BundleError>;

const PLAIN: u8 = 0;
const SAME: u8 = 1;
const TABLE: u8 = 2;
const ROWS: u8 = 3;
const IDS: u8 = 4;
const IDS_BY_TIME: u8 = 5;
/// The free bits of a `UUIDv7`: 12 after the version, 62 after the variant.
const FREE_BITS: u32 = 74;
const MILLIS: i64 = (1 << 48) - 1;

/// Writes a column. `times` holds the time of the change of each value, or nothing where there is none.
pub(super) fn put(lanes: &mut Lanes, blobs: &[&[u8]], times: &[i64]) {
    let Some((&first, rest)) = blobs.split_first() else { return };
    if rest.iter().all(|&blob| blob == first) {
        if rest.is_empty() && put_ids(lanes, blobs, times) {
            return;
        }
        lanes.meta.push(SAME);
        put_len(&mut lanes.meta, first.len());
        lanes.raw.extend_from_slice(first);
        return;
    }
    let mut numbers = HashMap::with_capacity(blobs.len().min(1_024));
    let mut distinct = Vec::new();
    let mut number = |blob| {
        *numbers.entry(blob).or_insert_with(|| {
            distinct.push(blob);
            distinct.len() as i64 - 1
        })
    };
    let indexes: Vec<i64> = blobs.iter().map(|&blob| number(blob)).collect();
    if distinct.len() * 2 <= blobs.len() {
        lanes.meta.push(TABLE);
        put_len(&mut lanes.meta, distinct.len());
        put_flat(lanes, &distinct, &[]);
        ints::put(lanes, &indexes);
    } else {
        put_flat(lanes, blobs, times);
    }
}

fn put_flat(lanes: &mut Lanes, blobs: &[&[u8]], times: &[i64]) {
    if put_ids(lanes, blobs, times) {
        return;
    }
    let len = blobs.first().map_or(0, |blob| blob.len());
    if blobs.iter().all(|blob| blob.len() == len) {
        let prefix = blobs.windows(2).map(|pair| common(pair[0], pair[1])).min().unwrap_or(0);
        lanes.meta.push(ROWS);
        put_len(&mut lanes.meta, len);
        put_len(&mut lanes.meta, prefix);
        lanes.raw.extend_from_slice(&blobs[0][..prefix]);
        for blob in blobs {
            lanes.raw.extend_from_slice(&blob[prefix..]);
        }
    } else {
        lanes.meta.push(PLAIN);
        let lengths: Vec<i64> = blobs.iter().map(|blob| blob.len() as i64).collect();
        ints::put(lanes, &lengths);
        for blob in blobs {
            lanes.raw.extend_from_slice(blob);
        }
    }
}

fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Writes the values as ids, if all are.
fn put_ids(lanes: &mut Lanes, blobs: &[&[u8]], times: &[i64]) -> bool {
    let Some(ids) = blobs.iter().map(|blob| split(blob)).collect::<Option<Vec<_>>>() else { return false };
    let millis: Vec<i64> = ids.iter().map(|&(millis, _)| millis).collect();
    let plan = ints::plan(&millis);
    let by_time: Vec<i64> =
        millis.iter().zip(times).map(|(millis, time)| signed48(millis.wrapping_sub(*time))).collect();
    let other = ints::plan(&by_time);
    if by_time.len() == millis.len() && other.cost < plan.cost {
        lanes.meta.push(IDS_BY_TIME);
        ints::put_planned(lanes, &by_time, other);
    } else {
        lanes.meta.push(IDS);
        ints::put_planned(lanes, &millis, plan);
    }
    let (mut pending, mut held) = (0_u128, 0);
    for (_, free) in ids {
        pending |= free << held;
        held += FREE_BITS;
        while held >= 8 {
            lanes.raw.push(pending as u8);
            pending >>= 8;
            held -= 8;
        }
    }
    if held > 0 {
        lanes.raw.push(pending as u8);
    }
    true
}

/// The lowest 48 bits as a signed number.
fn signed48(value: i64) -> i64 {
    value << 16 >> 16
}

/// Milliseconds and free bits of a `UUIDv7`.
fn split(blob: &[u8]) -> Option<(i64, u128)> {
    let id = u128::from_be_bytes(blob.try_into().ok()?);
    if (id >> 76) & 0xf != 7 || (id >> 62) & 3 != 2 {
        return None;
    }
    let free = ((id >> 64) & 0xfff) << 62 | (id & ((1 << 62) - 1));
    Some(((id >> 80) as i64, free))
}

/// The inverse of [`split`].
fn join(millis: i64, free: u128) -> [u8; 16] {
    let millis = u128::from((millis & MILLIS).cast_unsigned());
    let id = millis << 80 | 7 << 76 | (free >> 62) << 64 | 2 << 62 | (free & ((1 << 62) - 1));
    id.to_be_bytes()
}

/// Moves an id that was stored relative to a time.
fn shift(id: &mut [u8], time: i64) {
    let mut wide = [0; 8];
    wide[2..].copy_from_slice(&id[..6]);
    let millis = i64::from_be_bytes(wide).wrapping_add(time) & MILLIS;
    id[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
}

/// A column of bytes values that was read.
#[derive(Debug, Default)]
pub(super) struct Blobs {
    values: std::vec::IntoIter<Vec<u8>>,
    by_time: bool,
}

impl Blobs {
    /// Reads a column of `count` values.
    pub(super) fn get(lanes: &mut LaneReader<'_>, count: usize) -> Result<Self> {
        if count == 0 {
            return Ok(Self::default());
        }
        let tag = lanes.meta.u8()?;
        let values = match tag {
            SAME => {
                let len = ints::natural_u64(lanes.meta.uleb()?)?;
                lanes.spend(len.saturating_mul(count))?;
                vec![lanes.raw.take(len)?.to_vec(); count]
            }
            TABLE => get_table(lanes, count)?,
            tag => get_flat(lanes, tag, count)?,
        };
        Ok(Self { values: values.into_iter(), by_time: tag == IDS_BY_TIME })
    }

    /// The values, where there is no change whose time they could be relative to.
    pub(super) fn timeless(self) -> Result<std::vec::IntoIter<Vec<u8>>> {
        if self.by_time { Err(BundleError::Malformed("bytes column")) } else { Ok(self.values) }
    }

    /// The next value, which belongs to a change of this time.
    pub(super) fn next(&mut self, time: i64) -> Option<Vec<u8>> {
        let mut value = self.values.next()?;
        if self.by_time {
            shift(&mut value, time);
        }
        Some(value)
    }
}

fn get_table(lanes: &mut LaneReader<'_>, count: usize) -> Result<Vec<Vec<u8>>> {
    let distinct = lanes.meta.count(count, "bytes table")?;
    let table = match lanes.meta.u8()? {
        // A table has no one time that its values could be relative to.
        IDS_BY_TIME => return Err(BundleError::Malformed("bytes column")),
        tag => get_flat(lanes, tag, distinct)?,
    };
    let mut values = Vec::with_capacity(count);
    for index in ints::get(lanes, count)? {
        let value = table.get(ints::natural(index, "index")?).ok_or(BundleError::Malformed("index"))?;
        lanes.spend(value.len())?;
        values.push(value.clone());
    }
    Ok(values)
}

fn get_flat(lanes: &mut LaneReader<'_>, tag: u8, count: usize) -> Result<Vec<Vec<u8>>> {
    match tag {
        PLAIN => {
            let mut values = Vec::with_capacity(count);
            for len in ints::get(lanes, count)? {
                values.push(lanes.raw.take(ints::natural(len, "length")?)?.to_vec());
            }
            Ok(values)
        }
        ROWS => {
            let len = ints::natural_u64(lanes.meta.uleb()?)?;
            let prefix_len = lanes.meta.count(len, "prefix")?;
            let prefix = lanes.raw.take(prefix_len)?;
            lanes.spend(len.saturating_mul(count))?;
            (0..count).map(|_| Ok([prefix, lanes.raw.take(len - prefix_len)?].concat())).collect()
        }
        IDS | IDS_BY_TIME => get_ids(lanes, count),
        _ => Err(BundleError::Malformed("bytes column")),
    }
}

fn get_ids(lanes: &mut LaneReader<'_>, count: usize) -> Result<Vec<Vec<u8>>> {
    let millis = ints::get(lanes, count)?;
    lanes.spend(count.saturating_mul(16))?;
    let bits = count.saturating_mul(FREE_BITS as usize);
    let mut rest = lanes.raw.take(bits.div_ceil(8))?.iter();
    let (mut pending, mut held) = (0_u128, 0);
    let mut one = |millis: i64| {
        while held < FREE_BITS {
            pending |= u128::from(*rest.next().unwrap_or(&0)) << held;
            held += 8;
        }
        let free = pending & ((1 << FREE_BITS) - 1);
        pending >>= FREE_BITS;
        held -= FREE_BITS;
        join(millis, free).to_vec()
    };
    Ok(millis.into_iter().map(&mut one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_comes_back_from_its_parts() {
        let id = *b"\x01\x90\x12\x34\x56\x78\x7a\xbc\x9d\xef\x01\x23\x45\x67\x89\xab";
        let (millis, free) = split(&id).expect("version 7");
        assert_eq!(join(millis, free), id);
        let mut moved = join(signed48(millis - i64::MAX), free);
        shift(&mut moved, i64::MAX);
        assert_eq!(moved, id);
        assert_eq!(split(&[0; 16]), None);
        assert_eq!(split(&[0; 15]), None);
    }
}
