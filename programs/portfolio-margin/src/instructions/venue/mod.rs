//! Venues: programs that trade for accounts which approved them.

pub mod approve_venue;
pub mod delist_venue;
pub mod list_venue;
pub mod relist_venue;
pub mod revoke_venue;
pub mod venue_fill;

pub use approve_venue::*;
pub use delist_venue::*;
pub use list_venue::*;
pub use revoke_venue::*;
pub use venue_fill::*;
