//! One answer for each kind of vector.

use fieldmerge_protocol::{Actor, Change, Path};
use serde_json::{Map, Value, json};

use crate::device;
use crate::story;
use crate::text;

/// Answers what one vector gives: an object with one key, which names the kind.
pub(crate) fn answer(given: &Value) -> Result<Value, String> {
    let (kind, given) = given.as_object().and_then(single).ok_or("a vector gives one thing")?;
    match kind {
        "actor" => actor(given),
        "path" => Ok(path(given)),
        "change" => change(given),
        "story" => story::answer(given),
        "device" => device::answer(given),
        other => Err(format!("unknown kind {other}")),
    }
}

/// The only member of an object.
pub(crate) fn single(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    if object.len() == 1 { object.iter().next().map(|(kind, given)| (kind.as_str(), given)) } else { None }
}

fn actor(given: &Value) -> Result<Value, String> {
    let actor: Actor = text::id(given)?;
    Ok(json!({
        "device": actor.device(),
        "person": actor.person().to_string(),
        "incarnation": actor.incarnation(),
    }))
}

fn path(given: &Value) -> Value {
    match Path::new(given.as_str().unwrap_or_default()) {
        Ok(path) => json!({ "head": path.head(), "reserved": path.is_reserved().to_string() }),
        Err(error) => json!({ "refused": error.to_string() }),
    }
}

/// The bytes of a change that is spelled out, or of one that is given as bytes and must come back unchanged.
fn change(given: &Value) -> Result<Value, String> {
    if let Some(bytes) = given.as_str() {
        return match Change::decode(&text::bytes(bytes)?) {
            Ok((change, hash)) if text::hex(&change.encode().0) == bytes => {
                Ok(json!({ "hash": hash.to_string() }))
            }
            Ok(_) => Err("the change encodes to other bytes".to_owned()),
            Err(error) => Ok(json!({ "refused": error.to_string() })),
        };
    }
    let change = text::change(given)?;
    let (bytes, hash) = change.encode();
    if Change::decode(&bytes) != Ok((change, hash)) {
        return Err("the bytes decode to another change".to_owned());
    }
    Ok(json!({ "bytes": text::hex(&bytes), "hash": hash.to_string() }))
}
