//! The parity cases in wasm: the host writes a vector file into a buffer, and learns how many cases are equal to the bit.

use std::cell::RefCell;

use parity::Failure;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Room for a vector file of `length` bytes, and its address.
#[no_mangle]
pub extern "C" fn request(length: usize) -> *mut u8 {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.clear();
        buffer.resize(length, 0);
        buffer.as_mut_ptr()
    })
}

/// How many cases of the file are equal, or the negative number of the first line that is not.
#[no_mangle]
pub extern "C" fn check() -> i32 {
    BUFFER.with_borrow(|buffer| {
        let text = core::str::from_utf8(buffer).unwrap_or_default();
        let outcome = match parity::check(text) {
            Ok(count) => i32::try_from(count),
            Err(Failure::Malformed { line } | Failure::Differs { line, .. }) => {
                i32::try_from(line).map(|line| line.saturating_neg())
            }
        };
        outcome.unwrap_or(i32::MIN)
    })
}
