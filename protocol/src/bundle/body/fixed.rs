//! Texts of one length whose places agree: telephone numbers, numbered ids, times with an offset.
//!
//! The places are cut into segments. Layout: uLEB number of segments in the meta lane; for each segment u8 kind (0
//! the same bytes, 1 digits, 2 any bytes) and uLEB length in the meta lane; then for each segment: of kind 0, its
//! bytes in the text lane; of kind 1 (at most 18 digits), a column of the numbers that they write; of kind 2, for
//! each place a column of the bytes there.

use super::super::BundleError;
use super::super::wire::put_len;
use super::ints::{self, Plan};
use super::lanes::{LaneReader, Lanes};
use super::texts::utf8;

const MAX_LEN: usize = 96;
const MAX_DIGITS: usize = 18;

const SAME: u8 = 0;
const DIGITS: u8 = 1;
const BYTES: u8 = 2;

/// A column of texts of one length, cut into segments.
pub(super) struct Fixed<'a> {
    first: &'a [u8],
    segments: Vec<Segment>,
}

struct Segment {
    kind: u8,
    start: usize,
    len: usize,
    /// None, one, or one for each place.
    columns: Vec<(Vec<i64>, Plan)>,
}

impl<'a> Fixed<'a> {
    /// Cuts the texts, if all have one length.
    pub(super) fn find(texts: &[&'a str]) -> Option<Self> {
        let first = texts.first()?.as_bytes();
        if first.is_empty() || first.len() > MAX_LEN || texts.iter().any(|text| text.len() != first.len()) {
            return None;
        }
        let kinds: Vec<u8> = (0..first.len()).map(|place| kind(texts, place)).collect();
        // Without a common form this would only be text cut into columns.
        let any: usize = kinds.iter().map(|&kind| usize::from(kind == BYTES)).sum();
        if any * 2 > kinds.len() && any > 4 {
            return None;
        }
        let mut segments: Vec<Segment> = Vec::new();
        for (place, kind) in kinds.into_iter().enumerate() {
            match segments.last_mut() {
                Some(last) if last.kind == kind && (kind != DIGITS || last.len < MAX_DIGITS) => last.len += 1,
                _ => segments.push(Segment { kind, start: place, len: 1, columns: Vec::new() }),
            }
        }
        for segment in &mut segments {
            segment.fill(texts);
        }
        Some(Self { first, segments })
    }

    /// About what the columns cost, in 1/256 bits.
    pub(super) fn cost(&self) -> u64 {
        let one = |segment: &Segment| {
            let columns: u64 = segment.columns.iter().map(|(_, plan)| plan.cost).sum();
            let text = if segment.kind == SAME { segment.len as u64 * 5 } else { 0 };
            columns + 256 * (12 + text)
        };
        self.segments.iter().map(one).sum()
    }

    pub(super) fn put(&self, lanes: &mut Lanes) {
        put_len(&mut lanes.meta, self.segments.len());
        for segment in &self.segments {
            lanes.meta.push(segment.kind);
            put_len(&mut lanes.meta, segment.len);
        }
        for segment in &self.segments {
            if segment.kind == SAME {
                lanes.text.extend_from_slice(&self.first[segment.start..segment.start + segment.len]);
            }
            for (values, plan) in &segment.columns {
                ints::put_planned(lanes, values, *plan);
            }
        }
    }
}

impl Segment {
    fn fill(&mut self, texts: &[&str]) {
        let mut column = |value: &dyn Fn(&[u8]) -> i64| {
            let values: Vec<i64> = texts.iter().map(|text| value(text.as_bytes())).collect();
            let plan = ints::plan(&values);
            self.columns.push((values, plan));
        };
        let places = self.start..self.start + self.len;
        match self.kind {
            DIGITS => column(&|text| {
                text[places.clone()].iter().fold(0, |number, byte| number * 10 + i64::from(byte - b'0'))
            }),
            BYTES => places.for_each(|place| column(&|text| i64::from(text[place]))),
            _ => {}
        }
    }
}

fn kind(texts: &[&str], place: usize) -> u8 {
    let mut bytes = texts.iter().map(|text| text.as_bytes()[place]);
    let first = bytes.next().unwrap_or_default();
    if first.is_ascii_digit() && bytes.clone().all(|byte| byte.is_ascii_digit()) {
        DIGITS
    } else if bytes.all(|byte| byte == first) {
        SAME
    } else {
        BYTES
    }
}

/// Reads a column of `count` texts.
pub(super) fn get<T>(
    lanes: &mut LaneReader<'_>,
    count: usize,
    make: &dyn Fn(&str) -> T,
) -> Result<Vec<T>, BundleError> {
    let segments = lanes.meta.count(MAX_LEN, "segments")?;
    let segments = (0..segments)
        .map(|_| Ok((lanes.meta.u8()?, lanes.meta.count(MAX_LEN, "segment")?)))
        .collect::<Result<Vec<(u8, usize)>, BundleError>>()?;
    let width: usize = segments.iter().map(|(_, len)| len).sum();
    if width == 0 || width > MAX_LEN {
        return Err(BundleError::TooLarge("segments"));
    }
    lanes.spend(width.saturating_mul(count))?;
    let mut bytes = vec![0; width * count];
    let mut start = 0;
    for (kind, len) in segments {
        let places = start..start + len;
        match kind {
            SAME => {
                let same = lanes.text.take(len)?;
                bytes.chunks_exact_mut(width).for_each(|text| text[places.clone()].copy_from_slice(same));
            }
            DIGITS if len <= MAX_DIGITS => {
                for (text, number) in bytes.chunks_exact_mut(width).zip(ints::get(lanes, count)?) {
                    put_digits(&mut text[places.clone()], number)?;
                }
            }
            BYTES => {
                for place in places {
                    for (text, byte) in bytes.chunks_exact_mut(width).zip(ints::get(lanes, count)?) {
                        text[place] = u8::try_from(byte).map_err(|_| BundleError::Malformed("text"))?;
                    }
                }
            }
            _ => return Err(BundleError::Malformed("segment")),
        }
        start += len;
    }
    bytes.chunks_exact(width).map(|text| utf8(text).map(make)).collect()
}

fn put_digits(places: &mut [u8], number: i64) -> Result<(), BundleError> {
    let malformed = |_| BundleError::Malformed("digits");
    let mut rest = u64::try_from(number).map_err(malformed)?;
    for place in places.iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    if rest > 0 { Err(BundleError::Malformed("digits")) } else { Ok(()) }
}
