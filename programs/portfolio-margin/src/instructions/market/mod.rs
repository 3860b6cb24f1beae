//! Underlyings, expiries, volatility.

pub mod add_expiry;
pub mod initialize_market;
pub mod open_market;
pub mod post_vol_surface;
pub mod regime;
pub mod report_outage;
pub mod update_market;

pub use add_expiry::*;
pub use initialize_market::*;
pub use open_market::*;
pub use post_vol_surface::*;
pub use report_outage::*;
pub use update_market::*;
