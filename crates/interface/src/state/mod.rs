//! Account layouts, one file each.

pub mod bank;
pub mod clearinghouse;
pub mod margin_account;
pub mod market;
pub mod price;
pub mod terms;

pub use bank::CollateralBank;
pub use clearinghouse::{Clearinghouse, GroupRecord};
pub use margin_account::{CollateralBalance, MarginAccount, PositionRecord};
pub use market::{ExpirySlot, Market, MarketParamsRecord, ScenarioRecord};
pub use terms::{MarketTermsRecord, StandardParamsRecord};

/// Version that this code writes and reads.
pub const LAYOUT_VERSION: u8 = 1;
