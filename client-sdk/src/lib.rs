//! The native SDK: store, transport and a small public API.
