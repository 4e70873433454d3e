//! The column of log entries of a frame.
//!
//! A column of forms comes first: 0 for an entry that travels whole, else 1 + the number of its elements. Then a
//! bytes column of the whole ones; then, for each number of elements that occurs, in ascending order, one column for
//! each position. Such a column is a column of element types (0 null, 1 boolean, 2 integer, 3 unsigned above that,
//! 4 decimal, 5 text, 6 bytes) and then, for each type from 1 up, a column of the elements of that type.

use super::super::BundleError;
use super::blobs::{self, Blobs};
use super::cbor::{self, MAX_ELEMENTS, Scalar};
use super::columns::{boolean, get_floats, put_floats};
use super::lanes::{LaneReader, Lanes};
use super::{ints, texts};

type Result<T> = std::result::Result<T, BundleError>;

/// The most elements that the entries of one frame may be split into, all together; further ones travel whole.
const MAX_FRAME_ELEMENTS: usize = 1 << 20;

/// Writes the entries of all runs of a frame.
pub(super) fn put<'a>(lanes: &mut Lanes, entries: &[&'a [u8]]) {
    let mut room = MAX_FRAME_ELEMENTS;
    let mut parse = |entry: &'a [u8]| {
        let elements = cbor::parse(entry).filter(|elements| elements.len() <= room)?;
        room -= elements.len();
        Some(elements)
    };
    let parsed: Vec<Option<Vec<Scalar<'a>>>> = entries.iter().map(|&entry| parse(entry)).collect();
    let form =
        |entry: &Option<Vec<Scalar<'_>>>| entry.as_ref().map_or(0, |elements| 1 + elements.len() as i64);
    let forms: Vec<i64> = parsed.iter().map(form).collect();
    ints::put(lanes, &forms);
    let whole: Vec<&[u8]> =
        entries.iter().zip(&parsed).filter(|(_, parsed)| parsed.is_none()).map(|(entry, _)| *entry).collect();
    blobs::put(lanes, &whole, &[]);
    for arity in 0..=MAX_ELEMENTS {
        let group: Vec<&[Scalar<'_>]> =
            parsed.iter().flatten().map(Vec::as_slice).filter(|elements| elements.len() == arity).collect();
        for position in 0..if group.is_empty() { 0 } else { arity } {
            put_position(lanes, group.iter().map(|elements| elements[position]));
        }
    }
}

fn put_position<'a>(lanes: &mut Lanes, elements: impl Iterator<Item = Scalar<'a>>) {
    let mut types = Vec::new();
    let (mut booleans, mut integers, mut unsigned) = (Vec::new(), Vec::new(), Vec::new());
    let (mut floats, mut strings, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
    for element in elements {
        types.push(match element {
            Scalar::Null => 0,
            Scalar::Bool(value) => {
                booleans.push(i64::from(value));
                1
            }
            Scalar::Int(value) => {
                integers.push(value);
                2
            }
            Scalar::Uint(value) => {
                unsigned.push(value.cast_signed());
                3
            }
            Scalar::F64(value) => {
                floats.push(value);
                4
            }
            Scalar::Text(text) => {
                strings.push(text);
                5
            }
            Scalar::Bytes(value) => {
                bytes.push(value);
                6
            }
        });
    }
    ints::put(lanes, &types);
    ints::put(lanes, &booleans);
    ints::put(lanes, &integers);
    ints::put(lanes, &unsigned);
    put_floats(lanes, &floats);
    texts::put(lanes, &strings);
    blobs::put(lanes, &bytes, &[]);
}

/// Reads `count` entries.
pub(super) fn get(lanes: &mut LaneReader<'_>, count: usize) -> Result<Vec<Vec<u8>>> {
    let forms = ints::get(lanes, count)?;
    let mut sizes = [0_usize; MAX_ELEMENTS + 2];
    for &form in &forms {
        *ints::natural(form, "entry").ok().and_then(|form| sizes.get_mut(form)).ok_or(MALFORMED)? += 1;
    }
    let elements: usize = sizes[1..].iter().enumerate().map(|(arity, size)| arity * size).sum();
    if elements > MAX_FRAME_ELEMENTS {
        return Err(BundleError::TooLarge("elements"));
    }
    let mut whole = Blobs::get(lanes, sizes[0])?.timeless()?;
    let mut groups: Vec<Vec<Position>> = Vec::new();
    for (arity, &size) in sizes[1..].iter().enumerate() {
        let positions = if size == 0 { 0 } else { arity };
        groups.push((0..positions).map(|_| Position::get(lanes, size)).collect::<Result<_>>()?);
    }
    let mut entries = Vec::with_capacity(count);
    let mut owned = Vec::new();
    for form in forms {
        let form = ints::natural(form, "entry")?;
        let entry = if form == 0 {
            whole.next().ok_or(MALFORMED)?
        } else {
            owned.clear();
            for position in &mut groups[form - 1] {
                owned.push(position.next()?);
            }
            let elements: Vec<Scalar<'_>> = owned.iter().map(Element::scalar).collect();
            let mut out = Vec::new();
            cbor::write(&mut out, &elements);
            lanes.spend(out.len())?;
            out
        };
        entries.push(entry);
    }
    Ok(entries)
}

const MALFORMED: BundleError = BundleError::Malformed("entry column");

/// An element that owns what it was made of.
enum Element {
    Plain(Scalar<'static>),
    Text(String),
    Bytes(Vec<u8>),
}

impl Element {
    fn scalar(&self) -> Scalar<'_> {
        match self {
            Self::Plain(scalar) => *scalar,
            Self::Text(text) => Scalar::Text(text),
            Self::Bytes(bytes) => Scalar::Bytes(bytes),
        }
    }
}

/// The columns of one position.
struct Position {
    types: std::vec::IntoIter<i64>,
    booleans: std::vec::IntoIter<i64>,
    integers: std::vec::IntoIter<i64>,
    unsigned: std::vec::IntoIter<i64>,
    floats: std::vec::IntoIter<f64>,
    strings: std::vec::IntoIter<String>,
    bytes: std::vec::IntoIter<Vec<u8>>,
}

impl Position {
    fn get(lanes: &mut LaneReader<'_>, count: usize) -> Result<Self> {
        let types = ints::get(lanes, count)?;
        let of = |kind: i64| types.iter().filter(|&&other| other == kind).count();
        let sizes = [of(1), of(2), of(3), of(4), of(5), of(6)];
        Ok(Self {
            booleans: ints::get(lanes, sizes[0])?.into_iter(),
            integers: ints::get(lanes, sizes[1])?.into_iter(),
            unsigned: ints::get(lanes, sizes[2])?.into_iter(),
            floats: get_floats(lanes, sizes[3])?.into_iter(),
            strings: texts::get(lanes, sizes[4], &|text| text.to_owned())?.into_iter(),
            bytes: Blobs::get(lanes, sizes[5])?.timeless()?,
            types: types.into_iter(),
        })
    }

    fn next(&mut self) -> Result<Element> {
        let element = match self.types.next().ok_or(MALFORMED)? {
            0 => Some(Element::Plain(Scalar::Null)),
            1 => match self.booleans.next() {
                Some(value) => Some(Element::Plain(Scalar::Bool(boolean(value)?))),
                None => None,
            },
            2 => self.integers.next().map(|value| Element::Plain(Scalar::Int(value))),
            3 => self.unsigned.next().map(|value| Element::Plain(Scalar::Uint(value.cast_unsigned()))),
            4 => self.floats.next().map(|value| Element::Plain(Scalar::F64(value))),
            5 => self.strings.next().map(Element::Text),
            6 => self.bytes.next().map(Element::Bytes),
            _ => None,
        };
        element.ok_or(MALFORMED)
    }
}
