//! Margin, Greeks and risk matrix of an account for JavaScript: raw accounts in, the bytes of the program's views out, through one
//! buffer of this module.
//!
//! ```text
//! request(n) -> address                 room for a bundle of n bytes: the host writes it there
//! margin() -> n                         reads it, computes `view_margin`, and keeps an answer of n bytes
//! greeks() -> n                         the same of `view_greeks`: the account's page
//! expiry_greeks(market, first) -> n     its page of a market by expiry, from row `first` on
//! leg_greeks(market, first) -> n        its page of a market by leg
//! risk_matrix(market) -> n              the same of `view_risk_matrix`
//! answer() -> address                   where the answer is
//! ```
//! The answer takes the bundle's place: each question is asked with its own.
//!
//! Addresses hold until the next call; the host looks at its view of the memory anew after each, because it may have grown. A panic
//! traps; whoever sees one starts a new instance. Bundle and answers are described in [`bundle`] and [`answered`].
//!
//! A module of its own, apart from `risk-wasm`: that one reads documents for a page that knows no chain, this one accounts for clients
//! that know no documents, and neither should load the other's half.
#![deny(missing_docs)]

pub mod bundle;
mod evaluate;

use std::cell::RefCell;

use bytemuck::NoUninit;

pub use evaluate::{expiry_greeks_of, greeks_of, leg_greeks_of, margin_of, matrix_of, Refusal};

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

/// Replaces the bundle in the buffer by an answer to it; returns the answer's length.
fn answer_with<V: NoUninit>(ask: impl FnOnce(&[u8]) -> Result<V, Refusal>) -> usize {
    BUFFER.with_borrow_mut(|buffer| {
        *buffer = answered(ask(buffer));
        buffer.len()
    })
}

/// The margin of the bundle in the buffer; the answer takes its place. Returns the answer's length in bytes.
#[no_mangle]
pub extern "C" fn margin() -> usize {
    answer_with(margin_of)
}

/// The same of the Greeks by market.
#[no_mangle]
pub extern "C" fn greeks() -> usize {
    answer_with(greeks_of)
}

/// The same of a market's Greeks by expiry, from row `first` on.
#[no_mangle]
pub extern "C" fn expiry_greeks(market: u32, first: u32) -> usize {
    answer_with(|bundle| expiry_greeks_of(bundle, (index(market), row(first))))
}

/// The same of a market's Greeks by leg, from row `first` on.
#[no_mangle]
pub extern "C" fn leg_greeks(market: u32, first: u32) -> usize {
    answer_with(|bundle| leg_greeks_of(bundle, (index(market), row(first))))
}

/// The same of a market's risk matrix.
#[no_mangle]
pub extern "C" fn risk_matrix(market: u32) -> usize {
    answer_with(|bundle| matrix_of(bundle, index(market)))
}

/// A host's number as a market's; what is beyond the type is no market, as the greatest is none.
fn index(number: u32) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// A host's number as a row's; what is beyond the type is behind the last of any page.
fn row(number: u32) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

/// Where the answer is.
#[no_mangle]
pub extern "C" fn answer() -> *const u8 {
    BUFFER.with_borrow(|buffer| buffer.as_ptr())
}

/// An answer: a zero and the view; or a one, the error code of the program for the same refusal (zero where it has none), u32
/// little-endian, and what is wrong in UTF-8.
pub fn answered<V: NoUninit>(view: Result<V, Refusal>) -> Vec<u8> {
    match view {
        Ok(view) => [&[0], bytemuck::bytes_of(&view)].concat(),
        Err(refusal) => {
            let code = refusal.code().to_le_bytes();
            [&[1], &code[..], refusal.to_string().as_bytes()].concat()
        }
    }
}
