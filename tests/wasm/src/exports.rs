//! The functions that the WebAssembly module exports. The host copies the vectors in, runs, and copies the answers out.

use std::cell::RefCell;

thread_local! {
    static INPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static OUTPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Makes room for `len` bytes of input and says where they go.
#[expect(unsafe_code, reason = "exports the name; no other function of the module has it")]
#[unsafe(no_mangle)]
pub extern "C" fn vectors_input(len: usize) -> *mut u8 {
    INPUT.with_borrow_mut(|input| {
        input.clear();
        input.resize(len, 0);
        input.as_mut_ptr()
    })
}

/// Answers the vectors that stand in the input and returns how many bytes the answers take.
#[expect(unsafe_code, reason = "exports the name; no other function of the module has it")]
#[unsafe(no_mangle)]
pub extern "C" fn vectors_run() -> usize {
    let input = INPUT.take();
    let answers = crate::answers(&String::from_utf8_lossy(&input));
    OUTPUT.with_borrow_mut(|output| {
        *output = answers.to_string().into_bytes();
        output.len()
    })
}

/// Says where the answers of the last run stand.
#[expect(unsafe_code, reason = "exports the name; no other function of the module has it")]
#[unsafe(no_mangle)]
pub extern "C" fn vectors_output() -> *const u8 {
    OUTPUT.with_borrow(Vec::as_ptr)
}
