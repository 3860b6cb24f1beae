//! The margin of an account for JavaScript: raw accounts in, the bytes of `view_margin` out, through one buffer of this module.
//!
//! ```text
//! request(n) -> address     room for a bundle of n bytes: the host writes it there
//! margin()   -> n           reads it, computes, and keeps an answer of n bytes
//! answer()   -> address     where the answer is
//! ```
//! Addresses hold until the next call; the host looks at its view of the memory anew after each, because it may have grown. A panic
//! traps; whoever sees one starts a new instance. Bundle and answer are described in [`bundle`] and [`margin_of`].
//!
//! A module of its own, apart from `risk-wasm`: that one reads documents for a page that knows no chain, this one accounts for clients
//! that know no documents, and neither should load the other's half.
#![deny(missing_docs)]

pub mod bundle;
mod evaluate;

use std::cell::RefCell;

pub use evaluate::{margin_of, Refusal};

thread_local! {
    /// What is asked, and then what is answered. A module has one thread.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Room for a bundle of `length` bytes, and its address.
#[no_mangle]
pub extern "C" fn request(length: usize) -> *mut u8 {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.clear();
        buffer.resize(length, 0);
        buffer.as_mut_ptr()
    })
}

/// Evaluates the bundle in the buffer; the answer takes its place. Returns the answer's length in bytes.
#[no_mangle]
pub extern "C" fn margin() -> usize {
    BUFFER.with_borrow_mut(|buffer| {
        *buffer = answered(buffer);
        buffer.len()
    })
}

/// Where the answer is.
#[no_mangle]
pub extern "C" fn answer() -> *const u8 {
    BUFFER.with_borrow(|buffer| buffer.as_ptr())
}

/// The answer to a bundle: a zero and the view; or a one, the error code of the program for the same refusal (zero where it has none),
/// u32 little-endian, and what is wrong in UTF-8.
pub fn answered(bundle: &[u8]) -> Vec<u8> {
    match margin_of(bundle) {
        Ok(view) => [&[0], bytemuck::bytes_of(&view)].concat(),
        Err(refusal) => {
            let code = refusal.code().to_le_bytes();
            [&[1], &code[..], refusal.to_string().as_bytes()].concat()
        }
    }
}
