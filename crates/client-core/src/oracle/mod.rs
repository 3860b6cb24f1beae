//! Prices as the program takes them, without the program: what a price account says, whether that may be used, and for what.
//!
//! The program grades prices ([`Grade`]): what only some actions accept is a *doubt*, what none accepts a *refusal*. Both are carried
//! here next to the number, so that a keeper can watch accounts on a price that the program would refuse at this moment (it is a few
//! seconds too old, say, and the next one is on its way), while [`crate::view()`] and plans refuse where the program does.

pub mod outage;
pub mod policy;
pub mod pyth;
mod shown;

pub use outage::{stand_in, Priced, StandIn};
pub use policy::{Doubt, Grade, OraclePolicy, PriceRefusal};
pub use pyth::RawPrice;
pub use shown::{RawAccount, ShownPrice};
