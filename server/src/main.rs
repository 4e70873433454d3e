//! `fieldmerge`: the server and its administration.

use std::process::ExitCode;

fn main() -> ExitCode {
    fieldmerge_server::cli::main()
}
