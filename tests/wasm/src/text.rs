//! The forms in which a vector spells ids, values and changes.
//!
//! A value is `null` or an object with one member: `bool`, `int`, `uint`, `f64`, `str`, `bytes` (hex) or `timestamp`.
//! An operation id is `counter@actor`.

use fieldmerge_protocol::{Action, Change, ChangeHash, Op, OpId, Path, Value};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::answer::single;

/// An id in its text form.
pub(crate) fn id<T: DeserializeOwned>(json: &Json) -> Result<T, String> {
    serde_json::from_value(json.clone()).map_err(|error| error.to_string())
}

/// Bytes as hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Bytes from hex.
pub(crate) fn bytes(hex: &str) -> Result<Vec<u8>, String> {
    let digits: Option<Vec<u32>> = hex.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0).ok_or_else(|| format!("not hex: {hex}"))?;
    digits
        .chunks(2)
        .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).map_err(|error| error.to_string()))
        .collect()
}

/// A member that must be there.
pub(crate) fn number(json: &Json, name: &str) -> Result<i64, String> {
    json[name].as_i64().ok_or_else(|| format!("{name} is not an integer"))
}

/// The elements of a list; none if the list is left out.
pub(crate) fn list<T>(json: &Json, each: impl Fn(&Json) -> Result<T, String>) -> Result<Vec<T>, String> {
    json.as_array().into_iter().flatten().map(each).collect()
}

/// A path.
pub(crate) fn path(json: &Json) -> Result<Path, String> {
    Path::new(json.as_str().unwrap_or_default()).map_err(|error| format!("{error}: {json}"))
}

/// A value.
pub(crate) fn value(json: &Json) -> Result<Value, String> {
    let wrong = || format!("not a value: {json}");
    if json.is_null() {
        return Ok(Value::Null);
    }
    let (kind, json) = json.as_object().and_then(single).ok_or_else(wrong)?;
    match kind {
        "bool" => json.as_bool().map(Value::Bool),
        "int" => json.as_i64().map(Value::Int),
        "uint" => json.as_u64().map(Value::Uint),
        "f64" => json.as_f64().map(Value::F64),
        "str" => json.as_str().map(Value::str),
        "bytes" => Some(Value::Bytes(bytes(json.as_str().ok_or_else(wrong)?)?)),
        "timestamp" => json.as_i64().map(Value::Timestamp),
        _ => None,
    }
    .ok_or_else(wrong)
}

/// A value as one text; floats by their bits, so that nothing is rounded on the way.
pub(crate) fn spelled(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => format!("bool {value}"),
        Value::Int(value) => format!("int {value}"),
        Value::Uint(value) => format!("uint {value}"),
        Value::F64(value) => format!("f64 {:016x}", value.to_bits()),
        Value::Str(value) => format!("str {value}"),
        Value::Bytes(value) => format!("bytes {}", hex(value)),
        Value::Timestamp(value) => format!("timestamp {value}"),
    }
}

/// A change that is spelled out.
pub(crate) fn change(json: &Json) -> Result<Change, String> {
    let count = |name| u64::try_from(number(json, name)?).map_err(|error| error.to_string());
    Ok(Change {
        actor: id(&json["actor"])?,
        seq: count("seq")?,
        start_op: count("start_op")?,
        time: number(json, "time")?,
        deps: list(&json["deps"], hash)?,
        ops: list(&json["ops"], op)?,
    })
}

fn hash(json: &Json) -> Result<ChangeHash, String> {
    let bytes = bytes(json.as_str().unwrap_or_default())?;
    bytes.try_into().map(ChangeHash).map_err(|_| format!("not a hash: {json}"))
}

fn op(json: &Json) -> Result<Op, String> {
    let action = match json.get("put") {
        Some(put) => Action::Put(value(put)?),
        None => Action::Delete,
    };
    Ok(Op { path: path(&json["path"])?, action, pred: list(&json["pred"], op_id)? })
}

fn op_id(json: &Json) -> Result<OpId, String> {
    let parts = json.as_str().and_then(|text| text.split_once('@'));
    let parts = parts.and_then(|(counter, actor)| {
        Some(OpId { counter: counter.parse().ok()?, actor: actor.parse().ok()? })
    });
    parts.ok_or_else(|| format!("not an operation id: {json}"))
}
