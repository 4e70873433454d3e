//! One fuzzer for every target, so that everything is linked once: `TARGET=frame cargo +nightly fuzz run … any CORPUS`.
//! Honest inputs are written into the corpus first.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use fieldmerge_tests::fuzz::{Check, seeds, target};
use libfuzzer_sys::fuzz_target;

fn name() -> String {
    std::env::var("TARGET").expect("TARGET names what is fuzzed")
}

static CHECK: LazyLock<Check> = LazyLock::new(|| {
    // The hook of libfuzzer-sys ends the process at a panic that somebody catches too; one that nobody catches ends it anyway.
    std::panic::set_hook(Box::new(|panic| {
        let of_the_reader = panic.location().is_some_and(|place| place.file().contains("calamine"));
        if !of_the_reader {
            eprintln!("{panic}");
        }
    }));
    target(&name())
});

fn plant() {
    for corpus in std::env::args().skip(1).filter(|argument| Path::new(argument).is_dir()) {
        for (index, honest) in seeds::of(&name()).iter().enumerate() {
            std::fs::write(Path::new(&corpus).join(format!("honest-{index}")), honest)
                .expect("the corpus can be written");
        }
    }
}

fuzz_target!(init: plant(), |bytes: &[u8]| CHECK(bytes));
