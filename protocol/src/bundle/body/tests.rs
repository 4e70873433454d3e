//! Columns of many values: every encoding, chosen for what it is made for, gives back what went in.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::wire::Reader;
use super::blobs::{self, Blobs};
use super::columns::{get_floats, put_floats};
use super::lanes::{LaneReader, Lanes};
use super::{entries, ints, texts};

/// Writes, reads all of it, and says how long it was and which tag it had.
fn through<T>(
    put: impl FnOnce(&mut Lanes),
    get: impl FnOnce(&mut LaneReader<'_>) -> T,
) -> (T, usize, Option<u8>) {
    let mut lanes = Lanes::default();
    put(&mut lanes);
    let mut bytes = Vec::new();
    lanes.append_to(&mut bytes);
    let mut reader = LaneReader::open(&mut Reader::new(&bytes)).expect("opens");
    let value = get(&mut reader);
    reader.finish().expect("read to the end");
    (value, bytes.len(), lanes.meta.first().copied())
}

fn ints_through(values: &[i64]) -> (usize, Option<u8>) {
    let (read, len, tag) = through(|lanes| ints::put(lanes, values), |lanes| ints::get(lanes, values.len()));
    assert_eq!(read.as_deref(), Ok(values));
    (len, tag)
}

fn texts_through(values: &[String]) -> (usize, Option<u8>) {
    let refs: Vec<&str> = values.iter().map(String::as_str).collect();
    let (read, len, tag) = through(
        |lanes| texts::put(lanes, &refs),
        |lanes| texts::get(lanes, values.len(), &|text| text.to_owned()),
    );
    assert_eq!(read.as_deref(), Ok(values));
    (len, tag)
}

fn blobs_through(values: &[Vec<u8>], times: &[i64]) -> (usize, Option<u8>) {
    let refs: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
    let (read, len, tag) = through(
        |lanes| blobs::put(lanes, &refs, times),
        |lanes| {
            let mut blobs = Blobs::get(lanes, values.len()).expect("reads");
            times.iter().map(|&time| blobs.next(time).expect("as many as there are")).collect::<Vec<_>>()
        },
    );
    assert_eq!(read, values);
    (len, tag)
}

/// A fixed sequence without a pattern.
fn scatter(count: u64) -> impl Iterator<Item = u64> {
    (1..=count).map(|n| {
        let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 20
    })
}

#[test]
fn integers_take_the_encoding_that_fits() {
    let of = |values: Vec<i64>| ints_through(&values).1;
    assert_eq!(ints_through(&[]), (3, None));
    assert_eq!(of(vec![-7; 500]), Some(0));
    assert_eq!(of((0..500).map(|n| 10 - 3 * n).collect()), Some(0x20));
    assert_eq!(of(scatter(500).map(|n| (n % 8) as i64).collect()), Some(0x33));
    assert_eq!(of(scatter(500).map(|n| (n % 200) as i64 - 100).collect()), Some(0x11));
    assert_eq!(of(scatter(500).map(|n| (n % 100_000) as i64).collect()), Some(0x13));
    assert_eq!(of(scatter(500).map(|n| (n % 4) as i64 * 150_000).collect()), Some(3));
    let mut clock = 1_700_000_000_000;
    let mut tick = |n: u64| {
        clock += (n % 200_000) as i64;
        clock
    };
    assert_eq!(of(scatter(500).map(&mut tick).collect()), Some(0x23));
    assert_eq!(of(vec![i64::MIN, i64::MAX, 0, -1]), Some(1));
}

#[test]
fn texts_take_the_encoding_that_fits() {
    let of = |make: &dyn Fn(u64) -> String| texts_through(&scatter(400).map(make).collect::<Vec<_>>());
    assert_eq!(of(&|_| "2026-1".to_owned()).1, Some(1));
    assert_eq!(of(&|n| ["female", "male", "x"][n as usize % 3].to_owned()).1, Some(2));
    assert_eq!(of(&|n| format!("{}-{:02}-{:02}", 1950 + n % 70, 1 + n % 12, 1 + n % 28)).1, Some(3));
    assert_eq!(of(&|n| format!("-18.{} 47.{:05} {} 4.0", n % 100_000, n % 77_777, n % 300)).1, Some(4));
    let (len, tag) = of(&|n| format!("+2613400{:05}", n % 100_000));
    assert_eq!(tag, Some(5));
    assert!(len < 400 * 3 + 40, "{len}");
    assert_eq!(
        of(&|n| format!("07-{:04}-K{}-{}", n % 10_000, n % 7, char::from(b'A' + (n % 23) as u8))).1,
        Some(5)
    );
    assert_eq!(of(&|n| "voilà ".repeat(1 + n as usize % 5) + &n.to_string()).1, Some(0));
    assert_eq!(texts_through(&[String::new()]).1, Some(1));
}

#[test]
fn bytes_take_the_encoding_that_fits() {
    let times: Vec<i64> = scatter(300).map(|n| 1_700_000_000_000 + (n % 1_000_000_000) as i64).collect();
    let id = |millis: i64, n: u64| {
        let mut id = [n.to_le_bytes(), n.to_be_bytes()].concat();
        id[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
        (id[6], id[8]) = (0x70 | id[6] & 0x0f, 0x80 | id[8] & 0x3f);
        id
    };
    let fresh: Vec<Vec<u8>> = times.iter().zip(scatter(300)).map(|(&time, n)| id(time - 3, n)).collect();
    let (len, tag) = blobs_through(&fresh, &times);
    assert_eq!(tag, Some(5));
    assert!(len < 300 * 74 / 8 + 30, "{len}");
    let steady = vec![i64::MAX; 300];
    assert_eq!(blobs_through(&fresh, &steady).1, Some(4));
    let rows: Vec<Vec<u8>> = scatter(300).map(|n| [[9; 8], n.to_le_bytes()].concat()).collect();
    assert_eq!(blobs_through(&rows, &times).1, Some(3));
    let few: Vec<Vec<u8>> = scatter(300).map(|n| vec![7; n as usize % 3]).collect();
    assert_eq!(blobs_through(&few, &times).1, Some(2));
    assert_eq!(blobs_through(&vec![vec![1, 2]; 300], &times).1, Some(1));
    let various: Vec<Vec<u8>> = scatter(300).map(|n| n.to_le_bytes()[..n as usize % 8].to_vec()).collect();
    assert_eq!(blobs_through(&various, &times).1, Some(0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_integers_come_back(
        values in vec(any::<i64>(), 0..300),
        shift in 0..64_u32,
        modulus in proptest::option::of(1..40_i64),
    ) {
        let small = |value: &i64| modulus.map_or(value >> shift, |modulus| (value >> shift) % modulus * 1_000);
        ints_through(&values.iter().map(small).collect::<Vec<_>>());
    }

    #[test]
    fn any_texts_come_back(
        pattern in 0..8_usize,
        raw in vec((any::<String>(), any::<u32>(), any::<u16>(), any::<bool>()), 1..120),
    ) {
        let make = |(text, a, b, c): &(String, u32, u16, bool)| match pattern {
            0 => text.clone(),
            1 => format!("{:03}", a % 1_000),
            2 => format!("{}{}.{}", if *c { "-" } else { "" }, a % 200, b),
            3 => format!("{}.{} {}", a % 200, b % 9, u8::from(*c)),
            4 => format!("é{:05}-{}{:02}", a % 99_999, char::from(b'a' + (b % 26) as u8), b % 60),
            5 => format!("{:04}-{:02}-{:02}", a % 10_000, b % 14, a % 33),
            6 => text.chars().take(1).collect(),
            _ => format!("2026-03-0{}T{:02}:{:02}:00.{:03}+03:00", a % 10, b % 24, b % 60, a % 1_000),
        };
        texts_through(&raw.iter().map(make).collect::<Vec<_>>());
    }

    #[test]
    fn any_decimals_come_back(values in vec(any::<f64>(), 0..80), scale in proptest::option::of(0..12_i32)) {
        let round = |value: &f64| scale.map_or(*value, |scale| (value % 1e6 * 10_f64.powi(scale)).round() / 10_f64.powi(scale));
        let values: Vec<f64> = values.iter().map(round).collect();
        let (read, _, _) = through(|lanes| put_floats(lanes, &values), |lanes| get_floats(lanes, values.len()));
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&read.expect("reads")), bits(&values));
    }

    #[test]
    fn any_entries_come_back(values in vec(vec(any::<u8>(), 0..12), 0..60), tuples in vec(vec(0..24_u8, 0..5), 0..60)) {
        let arrays = tuples.into_iter().map(|tuple| [&[0x80 | tuple.len() as u8], tuple.as_slice()].concat());
        let all: Vec<Vec<u8>> = values.into_iter().chain(arrays).collect();
        let refs: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
        let (read, _, _) = through(|lanes| entries::put(lanes, &refs), |lanes| entries::get(lanes, all.len()));
        prop_assert_eq!(read, Ok(all));
    }
}
