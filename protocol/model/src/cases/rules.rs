//! What the caller knows: which fields a person judges, who may, and what counts as the same value.

use fieldmerge_protocol::{Actor, Path, Value};
use unicode_normalization::UnicodeNormalization;

/// A person across devices. Two acts of one person never count as two, nor do two acts from one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Person(pub [u8; 16]);

impl Person {
    /// Where nobody knows more: the person number on that device.
    pub fn on_device(actor: Actor) -> Self {
        let mut bytes = actor.0;
        bytes[12..].fill(0);
        Self(bytes)
    }
}

/// The rules that cases follow. They must be the same wherever cases are compared.
pub trait Rules {
    /// How many persons must agree to close a case of this path, one or two; `None` where no person judges.
    fn approvals(&self, path: &Path) -> Option<u8>;

    /// Who an actor is, if that person may judge cases of this path.
    fn judge(&self, path: &Path, actor: Actor) -> Option<Person>;

    /// Whether two values of a path say the same. Must be an equivalence.
    fn same(&self, path: &Path, one: &Value, other: &Value) -> bool {
        let _ = path;
        same_value(one, other)
    }
}

/// Whether two values say the same where the form says no more: numbers by value whatever their type, text in Unicode
/// normal form C.
pub fn same_value(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Str(one), Value::Str(other)) => one == other || one.nfc().eq(other.nfc()),
        _ => match (number(one), number(other)) {
            (Some(one), Some(other)) => one == other,
            _ => one == other,
        },
    }
}

/// A number that can be compared exactly across the scalar types.
#[derive(PartialEq)]
enum Number {
    Whole(i128),
    /// The bits of a float that is no whole number of that range, so that NaN equals itself.
    Other(u64),
}

fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Int(number) | Value::Timestamp(number) => Some(Number::Whole(i128::from(*number))),
        Value::Uint(number) => Some(Number::Whole(i128::from(*number))),
        Value::F64(number) if number.fract() == 0.0 && number.abs() < 2f64.powi(64) =>
        {
            #[expect(clippy::cast_possible_truncation, reason = "whole and smaller than the type holds")]
            Some(Number::Whole(*number as i128))
        }
        Value::F64(number) => Some(Number::Other(number.to_bits())),
        Value::Null | Value::Bool(_) | Value::Str(_) | Value::Bytes(_) => None,
    }
}
