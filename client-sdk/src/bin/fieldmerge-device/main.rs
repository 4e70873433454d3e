//! A device without a screen, for demonstrations, scripts and tests.

fn main() {}
