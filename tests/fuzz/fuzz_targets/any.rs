//! One fuzzer for every target, so that everything is linked once: `TARGET=frame cargo +nightly fuzz run …`.
#![no_main]

use std::sync::LazyLock;

use fieldmerge_tests::fuzz::{Check, target};
use libfuzzer_sys::fuzz_target;

static CHECK: LazyLock<Check> =
    LazyLock::new(|| target(&std::env::var("TARGET").expect("TARGET names what is fuzzed")));

fuzz_target!(|bytes: &[u8]| CHECK(bytes));
