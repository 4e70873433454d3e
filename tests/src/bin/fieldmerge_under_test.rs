//! The server as `fieldmerge` is, with the points at which a test may kill it.

use std::process::ExitCode;

fn main() -> ExitCode {
    fieldmerge_server::cli::main()
}
