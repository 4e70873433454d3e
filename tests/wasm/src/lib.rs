//! The shared vectors, answered by the same code natively and as WebAssembly.
//!
//! A vector is `{"name", "given", "expected"}`. What is expected holds only texts (bytes as hex), so that a host whose
//! numbers are doubles compares it without loss; what is given goes to this crate as the text of the file.

mod answer;
mod device;
#[cfg(target_arch = "wasm32")]
mod exports;
mod story;
mod text;

use serde_json::{Value, json};

/// Answers every vector of a file, in its order. A vector that cannot be answered gives `{"error": …}`.
pub fn answers(file: &str) -> Value {
    let vectors: Vec<Value> = match serde_json::from_str(file) {
        Ok(vectors) => vectors,
        Err(error) => return json!({ "error": error.to_string() }),
    };
    vectors
        .iter()
        .map(|vector| answer::answer(&vector["given"]).unwrap_or_else(|error| json!({ "error": error })))
        .collect()
}
