//! Numbers of worker cards, which no other phone can give.
//!
//! A worker number is `<device>-<counter>-<incarnation><check>`, as in `12-00042-A3K`:
//!
//! * the device's number in the project, in decimal, without leading zeros;
//! * a counter of this device, five digits, from 00001; it goes on through repairs;
//! * the first byte of the incarnation under which the number was given, as two hexadecimal digits, so that a device
//!   that was restored from a backup, or copied, does not give the same numbers again;
//! * a check character over all of these, ISO 7064 MOD 37-2.
//!
//! MOD 37-2 catches every single wrong character and every two characters in the wrong order, neighbours or not. It has a
//! 37th check character, `*`; numbers that would end in it, or in `O` or `I`, which people read as digits, are skipped.

use std::fmt;
use std::str::FromStr;

use fieldmerge_protocol::Incarnation;

/// The alphabet of MOD 37-2, the check character `*` last.
const ALPHABET: &[u8; 37] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*";
/// The greatest counter that five digits hold.
pub const MAX_COUNTER: u32 = 99_999;

/// A worker number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerNumber {
    device: u32,
    counter: u32,
    incarnation: u8,
    check: u8,
}

/// A text that is not a worker number: mistyped, or something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid worker number; compare it with the card")]
pub struct WorkerNumberError;

impl WorkerNumber {
    /// The first number at or after `counter` that may be given; `None` when they are used up.
    pub fn next(device: u32, incarnation: Incarnation, counter: u32) -> Option<Self> {
        (counter.max(1)..=MAX_COUNTER).find_map(|counter| Self::new(device, counter, incarnation.0[0]))
    }

    fn new(device: u32, counter: u32, incarnation: u8) -> Option<Self> {
        let check = check(format!("{device}{counter:05}{incarnation:02X}").as_bytes())?;
        let legible = counter <= MAX_COUNTER && !matches!(check, b'*' | b'O' | b'I');
        legible.then_some(Self { device, counter, incarnation, check })
    }

    /// The counter inside.
    pub fn counter(self) -> u32 {
        self.counter
    }

    /// The number of the device that gave it.
    pub fn device(self) -> u32 {
        self.device
    }
}

/// The check character: what makes the sum of all characters, weighted by powers of two, 1 modulo 37.
fn check(body: &[u8]) -> Option<u8> {
    let sum = body.iter().try_fold(0_usize, |sum, letter| {
        let value = ALPHABET[..36].iter().position(|known| known == letter)?;
        Some((sum + value) * 2 % 37)
    })?;
    Some(ALPHABET[(38 - sum) % 37])
}

impl fmt::Display for WorkerNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { device, counter, incarnation, check } = self;
        write!(f, "{device}-{counter:05}-{incarnation:02X}{}", char::from(*check))
    }
}

impl FromStr for WorkerNumber {
    type Err = WorkerNumberError;

    /// Reads a number as a person types it: small letters, spaces and missing hyphens are forgiven, as are `O` and `I`,
    /// which no number holds.
    fn from_str(text: &str) -> Result<Self, WorkerNumberError> {
        let letters: Vec<u8> = text
            .bytes()
            .filter(|byte| !matches!(byte, b'-' | b' '))
            .map(|byte| match byte.to_ascii_uppercase() {
                b'O' => b'0',
                b'I' => b'1',
                other => other,
            })
            .collect();
        if !(9..=18).contains(&letters.len()) || !letters.iter().all(u8::is_ascii_alphanumeric) {
            return Err(WorkerNumberError);
        }
        let text = str::from_utf8(&letters).map_err(|_| WorkerNumberError)?;
        let (device, rest) = text.split_at(text.len() - 8);
        let decimal = |digits: &str| {
            let all = digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse::<u32>().ok().filter(|_| all).ok_or(WorkerNumberError)
        };
        let incarnation = u8::from_str_radix(&rest[5..7], 16).map_err(|_| WorkerNumberError)?;
        let read = Self::new(decimal(device)?, decimal(&rest[..5])?, incarnation).ok_or(WorkerNumberError)?;
        let same = read.check == letters[letters.len() - 1] && !(device.len() > 1 && device.starts_with('0'));
        if same { Ok(read) } else { Err(WorkerNumberError) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(device: u32, counter: u32, byte: u8) -> WorkerNumber {
        WorkerNumber::next(device, Incarnation([byte, 0, 0, 0]), counter).expect("there are numbers left")
    }

    #[test]
    fn the_format_is_the_documented_one() {
        // The example that the standard's blood bag numbers are explained with.
        assert_eq!(check(b"G123489654321"), Some(b'Y'));
        let text = number(12, 42, 0xa3).to_string();
        assert_eq!(&text[..11], "12-00042-A3");
        assert_eq!(text.parse::<WorkerNumber>().map(|read| read.to_string()), Ok(text));
    }

    #[test]
    fn a_person_may_type_it_loosely() {
        let number = number(7, 10_101, 0x0b);
        let text = number.to_string();
        for typed in
            [text.to_lowercase(), text.replace('-', ""), text.replace('-', " "), text.replace('0', "O")]
        {
            assert_eq!(typed.parse(), Ok(number), "{typed}");
        }
    }

    #[test]
    fn the_counter_ends() {
        assert_eq!(WorkerNumber::next(1, Incarnation([0; 4]), MAX_COUNTER + 1), None);
    }

    proptest! {
        #[test]
        fn one_wrong_character_is_caught(device in 0_u32..2_000, counter in 1_u32..90_000, byte: u8, at in 0_usize..20, other in 0_usize..36) {
            let letters: Vec<char> = number(device, counter, byte).to_string().replace('-', "").chars().collect();
            let at = at % letters.len();
            let mut wrong = letters.clone();
            wrong[at] = char::from(ALPHABET[other]);
            // Letters that are read as digits are no other character.
            prop_assume!(wrong[at] != letters[at] && !matches!(wrong[at], 'O' | 'I'));
            prop_assert!(wrong.iter().collect::<String>().parse::<WorkerNumber>().is_err());
        }

        #[test]
        fn two_characters_in_the_wrong_order_are_caught(device in 0_u32..2_000, counter in 1_u32..90_000, byte: u8, a in 0_usize..20, b in 0_usize..20) {
            let letters: Vec<char> = number(device, counter, byte).to_string().replace('-', "").chars().collect();
            let (a, b) = (a % letters.len(), b % letters.len());
            prop_assume!(letters[a] != letters[b]);
            let mut wrong = letters;
            wrong.swap(a, b);
            prop_assert!(wrong.iter().collect::<String>().parse::<WorkerNumber>().is_err());
        }
    }
}
