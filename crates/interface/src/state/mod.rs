//! Account layouts, one file each.

pub mod bank;
pub mod board;
pub mod clearinghouse;
pub mod funding;
pub mod interest;
pub mod liquidation;
pub mod margin_account;
pub mod market;
pub mod oracle;
pub mod price;
pub mod quotes;
pub mod regime;
pub mod rules;
pub mod settlement;
pub mod size;
pub mod terms;
pub mod venue;

pub use bank::CollateralBank;
pub use board::{SurfacePost, VolBoard};
pub use clearinghouse::{Clearinghouse, GroupRecord, MAX_MARKETS};
pub use funding::FundingRecord;
pub use interest::InterestRecord;
pub use liquidation::LiquidationRecord;
pub use margin_account::{CollateralBalance, MarginAccount, PositionRecord};
pub use market::{ExpirySlot, Market, MarketParamsRecord, ScenarioRecord};
pub use quotes::{QuoteNonces, QuoteSlot};
pub use regime::RegimeRecord;
pub use rules::RulesRecord;
pub use settlement::SettlementRecord;
pub use terms::{MarketTermsRecord, StandardParamsRecord};
pub use venue::Venue;

/// Version that this code writes and reads.
pub const LAYOUT_VERSION: u8 = 1;
