//! Digests, Base64 and signed texts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ed25519_dalek::{Signature, VerifyingKey};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::{Answer, Ast, EvalError, Evaluator, Point, built};

/// Reads Base64 with or without the padding at its end.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// `digest(text, method, encoding)`; Base64 unless told otherwise.
pub(crate) fn digest<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let text = ev.text(&arguments[0], at)?;
    let method = ev.text(&arguments[1], at)?;
    ev.step(text.len() as u64 / 4)?;
    let hash = match &*method {
        "MD5" => Md5::digest(text.as_bytes()).to_vec(),
        "SHA-1" => Sha1::digest(text.as_bytes()).to_vec(),
        "SHA-256" => Sha256::digest(text.as_bytes()).to_vec(),
        "SHA-384" => Sha384::digest(text.as_bytes()).to_vec(),
        "SHA-512" => Sha512::digest(text.as_bytes()).to_vec(),
        _ => {
            let reason = "digest() knows the methods MD5, SHA-1, SHA-256, SHA-384 and SHA-512";
            return Err(EvalError::Argument(reason.to_owned()));
        }
    };
    let encoding = match arguments.get(2) {
        Some(encoding) => ev.text(encoding, at)?,
        None => "base64".into(),
    };
    match &*encoding {
        "base64" => Ok(built(STANDARD.encode(hash))),
        "hex" => Ok(built(hex(&hash))),
        _ => Err(EvalError::Argument("digest() knows the encodings base64 and hex".to_owned())),
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    LENIENT.decode(text.trim()).ok()
}

/// The UTF-8 text; empty if it is no Base64. Bytes that are no UTF-8 become the replacement character.
pub(crate) fn base64_decode<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let text = ev.text(&arguments[0], at)?;
    let bytes = decoded(&text).unwrap_or_default();
    Ok(built(String::from_utf8_lossy(&bytes).into_owned()))
}

/// `extract-signed(text, key)`: both Base64, the text behind 64 bytes of an Ed25519 signature; empty if the signature
/// is not that of the key.
pub(crate) fn extract_signed<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let signed = decoded(&ev.text(&arguments[0], at)?);
    let key = decoded(&ev.text(&arguments[1], at)?);
    // A verification costs about as much as a thousand steps.
    ev.step(1000)?;
    Ok(built(signed.zip(key).and_then(|(signed, key)| verified(&signed, &key)).unwrap_or_default()))
}

fn verified(signed: &[u8], key: &[u8]) -> Option<String> {
    let key = VerifyingKey::from_bytes(key.try_into().ok()?).ok()?;
    let (signature, message) = signed.split_first_chunk::<64>()?;
    key.verify_strict(message, &Signature::from_bytes(signature)).ok()?;
    Some(String::from_utf8_lossy(message).into_owned())
}
