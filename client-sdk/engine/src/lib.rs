//! The device's sync engine without IO: step(now, rng, input) -> effects.
