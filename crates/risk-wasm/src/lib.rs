//! The risk engine in a web worker: text in, text out, through one buffer that this module owns.
//!
//! ```text
//! request(n) -> address     room for n bytes of UTF-8: the host writes the document there
//! evaluate() -> n           reads it, computes, and keeps an answer of n bytes of UTF-8
//! answer()   -> address     where the answer is
//! ```
//! The answer is [`risk_document::answer`]'s: what `pm margin` prints and pictures beside it, or what is wrong with the document.
//! Addresses hold until the next call; the host looks at its view of the memory anew after each, because it may have grown.
//!
//! A C ABI of three functions, and not wasm-bindgen: one string each way needs no generated glue, no tool to install whose version must
//! match a crate's, and no `unsafe` here, since only the host touches memory by address. A panic traps; whoever sees one starts a new
//! instance.
#![deny(missing_docs)]

use std::cell::RefCell;

thread_local! {
    /// What is asked, and then what is answered. A module in a worker has one thread.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Room for a document of `length` bytes, and its address.
#[no_mangle]
pub extern "C" fn request(length: usize) -> *mut u8 {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.clear();
        buffer.resize(length, 0);
        buffer.as_mut_ptr()
    })
}

/// Evaluates the document in the buffer; the answer takes its place. Returns the answer's length in bytes.
///
/// Bytes that are no UTF-8 become replacement characters, which the reader refuses by line and column.
#[no_mangle]
pub extern "C" fn evaluate() -> usize {
    BUFFER.with_borrow_mut(|buffer| {
        let answer = risk_document::answer(&String::from_utf8_lossy(buffer));
        *buffer = answer.into_bytes();
        buffer.len()
    })
}

/// Where the answer is.
#[no_mangle]
pub extern "C" fn answer() -> *const u8 {
    BUFFER.with_borrow(|buffer| buffer.as_ptr())
}
