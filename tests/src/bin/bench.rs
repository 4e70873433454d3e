//! Measures Fieldmerge against the limits that it has to reach. `bench --help` tells what and how.
#[path = "../bench/mod.rs"]
mod bench;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    bench::main().await
}
