//! `fieldmerge openapi`.

use std::process::ExitCode;

use super::output::print;
use super::{Failure, Output};
use crate::http::openapi::document;

/// Print the `OpenAPI` document of the API, the same that the server answers at `/openapi.json`.
#[derive(Debug, clap::Args)]
pub struct Openapi {}

impl Openapi {
    /// Prints it; it is JSON either way, on one line if asked for JSON.
    pub fn run(self, output: &Output) -> Result<ExitCode, Failure> {
        let document = document();
        let text = if output.is_json() {
            serde_json::to_string(&document)?
        } else {
            serde_json::to_string_pretty(&document)?
        };
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}
