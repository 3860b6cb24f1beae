//! What the program tells the world after a change succeeded. Amounts in the units of the layouts.

use anchor_lang::prelude::*;
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::quote::QuoteCancel;

#[event]
pub struct ClearinghouseInitialized {
    pub clearinghouse: Pubkey,
    pub governor: Pubkey,
    pub quote_mint: Pubkey,
    pub id: u16,
    pub sequence: u64,
}

#[event]
pub struct BankInitialized {
    pub clearinghouse: Pubkey,
    pub bank: Pubkey,
    pub mint: Pubkey,
    pub index: u16,
    pub sequence: u64,
}

#[event]
pub struct MarketInitialized {
    pub clearinghouse: Pubkey,
    pub market: Pubkey,
    pub index: u16,
    pub scenarios: u8,
    pub sequence: u64,
}

#[event]
pub struct MarketOpened {
    pub market: Pubkey,
    pub posters: Vec<Pubkey>,
    pub sequence: u64,
}

#[event]
pub struct ExpiryAdded {
    pub market: Pubkey,
    pub time: i64,
    pub sequence: u64,
}

/// An expiry that is over and that nobody holds made room for another.
#[event]
pub struct ExpiryDropped {
    pub market: Pubkey,
    pub time: i64,
    /// What rounding had left in its pool and became a fee, 1e-6 USD.
    pub dust: u64,
    pub sequence: u64,
}

/// A post was stored, and what came of it.
#[event]
pub struct SurfacePosted {
    pub market: Pubkey,
    pub expiry: i64,
    pub poster: Pubkey,
    pub posted_at: i64,
    /// Fresh posts of the board for the expiry, this one among them.
    pub fresh: u8,
    /// Why the surface in force stayed what it was: the code of an error; zero where the board's median came into force.
    pub refusal: u32,
    /// Since when a majority has vouched for the surface in force; zero before the first.
    pub in_force_since: i64,
    pub sequence: u64,
}

/// Prices in 1e-8 USD; a stable price of zero is none. Factors and share 1e-6; factors of zero where there is no regime.
#[event]
pub struct MarketUpdated {
    pub market: Pubkey,
    pub spot: u64,
    pub stable_price: u64,
    pub publish_time: i64,
    pub is_sampled: bool,
    pub factor_initial: u32,
    pub factor_maintenance: u32,
    pub factor_applied: u32,
    pub offset_share: u32,
    pub sequence: u64,
}

/// The stored price, 1e-8 USD, will stand in for the feed an hour after `outage_at` unless somebody answers.
#[event]
pub struct OutageReported {
    pub market: Pubkey,
    pub spot: u64,
    pub publish_time: i64,
    pub outage_at: i64,
    pub sequence: u64,
}

/// Somebody has shown a price of the feed.
#[event]
pub struct OutageEnded {
    pub market: Pubkey,
    pub publish_time: i64,
    pub sequence: u64,
}

/// Somebody has shown a price of a bank's feed; what is stored now, 1e-8 USD. No outage is reported any more.
#[event]
pub struct BankUpdated {
    pub bank: Pubkey,
    pub spot: u64,
    pub publish_time: i64,
    pub sequence: u64,
}

/// The stored price, 1e-8 USD, zero where there is none, will stand in an hour after `outage_at` unless somebody answers.
#[event]
pub struct BankOutageReported {
    pub bank: Pubkey,
    pub spot: u64,
    pub publish_time: i64,
    pub outage_at: i64,
    pub sequence: u64,
}

#[event]
pub struct QuotePriceUpdated {
    pub clearinghouse: Pubkey,
    pub price: u64,
    pub publish_time: i64,
    pub sequence: u64,
}

#[event]
pub struct MarginAccountOpened {
    pub margin_account: Pubkey,
    pub owner: Pubkey,
    pub sub_account: u16,
    pub capacity: u16,
    pub tier: u8,
    pub sequence: u64,
}

#[event]
pub struct MarginAccountGrown {
    pub margin_account: Pubkey,
    /// Positions that it has room for now.
    pub capacity: u16,
    pub sequence: u64,
}

/// The last event of an account; another one that opens at its address starts with a higher sequence.
#[event]
pub struct MarginAccountClosed {
    pub margin_account: Pubkey,
    pub owner: Pubkey,
    pub sub_account: u16,
    pub sequence: u64,
}

/// The zero key: nobody signs but the owner.
#[event]
pub struct DelegateSet {
    pub margin_account: Pubkey,
    pub delegate: Pubkey,
    /// Sum of scopes: 1 trades and signed quotes.
    pub scope: u64,
    /// Unix time from which it signs no more.
    pub expires: i64,
    pub sequence: u64,
}

#[event]
pub struct TierSet {
    pub margin_account: Pubkey,
    pub tier: u8,
    pub sequence: u64,
}

#[event]
pub struct CollateralDeposited {
    pub margin_account: Pubkey,
    pub bank: Pubkey,
    pub amount: u64,
    pub sequence: u64,
}

#[event]
pub struct CollateralWithdrawn {
    pub margin_account: Pubkey,
    pub bank: Pubkey,
    pub amount: u64,
    pub sequence: u64,
}

/// Amounts in 1e-6 USD: what a market's fees brought the insurance fund, and what is left for the governor.
#[event]
pub struct FeesCollected {
    pub clearinghouse: Pubkey,
    pub market: Pubkey,
    pub insurance: u64,
    pub fees: u64,
    pub sequence: u64,
}

#[event]
pub struct InsuranceDeposited {
    pub clearinghouse: Pubkey,
    pub payer: Pubkey,
    pub amount: u64,
    pub sequence: u64,
}

#[event]
pub struct FeesWithdrawn {
    pub clearinghouse: Pubkey,
    pub amount: u64,
    pub sequence: u64,
}

/// Indices in 1e-12; what the house took of the interest, 1e-6 USD, by where it went.
#[event]
pub struct InterestUpdated {
    pub clearinghouse: Pubkey,
    pub debt_index: u64,
    pub balance_index: u64,
    pub debts: u64,
    pub insurance: u64,
    pub fees: u64,
    pub sequence: u64,
}

/// Fees are sums over the legs, 1e-6 USD.
#[event]
pub struct Traded {
    pub taker: Pubkey,
    pub maker: Pubkey,
    pub taker_sequence: u64,
    pub maker_sequence: u64,
    pub taker_fee: i64,
    pub maker_fee: i64,
    pub legs: Vec<TradeLeg>,
}

/// Sequence of the account's nonces.
#[event]
pub struct QuotesOpened {
    pub margin_account: Pubkey,
    pub quotes: Pubkey,
    pub session: u64,
    pub sequence: u64,
}

/// Sequence of the account's nonces.
#[event]
pub struct QuotesCancelled {
    pub margin_account: Pubkey,
    pub what: QuoteCancel,
    /// The session that is on now.
    pub session: u64,
    pub sequence: u64,
}

/// Comes after the [`Traded`] of the same fill; sequence of the maker's nonces.
#[event]
pub struct QuoteFilled {
    pub maker: Pubkey,
    pub taker: Pubkey,
    pub nonce: u64,
    pub lots: u64,
    /// Lots of the nonce that are filled now.
    pub filled: u64,
    pub most_lots: u64,
    pub sequence: u64,
}

/// Sequence of the venue.
#[event]
pub struct VenueListed {
    pub clearinghouse: Pubkey,
    pub program: Pubkey,
    pub authority: Pubkey,
    pub sequence: u64,
}

/// Sequence of the venue.
#[event]
pub struct VenueDelisted {
    pub clearinghouse: Pubkey,
    pub program: Pubkey,
    pub sequence: u64,
}

#[event]
pub struct VenueApproved {
    pub margin_account: Pubkey,
    pub program: Pubkey,
    pub sequence: u64,
}

#[event]
pub struct VenueRevoked {
    pub margin_account: Pubkey,
    pub program: Pubkey,
    pub sequence: u64,
}

#[event]
pub struct LiquidationStarted {
    pub margin_account: Pubkey,
    pub caller: Pubkey,
    pub witness: Vec<u8>,
    pub maintenance_health: i64,
    pub equity: i64,
    pub sequence: u64,
}

#[event]
pub struct LiquidationBid {
    pub liquidatee: Pubkey,
    pub liquidator: Pubkey,
    /// Part of the book that changed hands, 1e-9.
    pub fraction: u64,
    /// What the liquidator paid to the account, 1e-6 USD.
    pub price: i64,
    /// What it paid to the insurance fund.
    pub fund_fee: i64,
    /// Discount of the auction at this time, 1e-6.
    pub discount: u32,
    /// Maintenance health of the liquidatee before, in the witness's scenarios.
    pub maintenance_health: i64,
    pub liquidatee_sequence: u64,
    pub liquidator_sequence: u64,
}

/// The clock of the auction begins anew.
#[event]
pub struct AuctionRestarted {
    pub margin_account: Pubkey,
    pub maintenance_health: i64,
    pub sequence: u64,
}

/// Sequence of the account. A deficit of zero takes the proof back.
#[event]
pub struct InsolvencyProven {
    pub margin_account: Pubkey,
    pub equity: i64,
    /// What the account lacks, 1e-6 USD.
    pub deficit: u64,
    /// The same of all accounts.
    pub proven_insolvency: u64,
    /// Market that the loss counts in: its index plus 1; zero: none.
    pub loss_market: u16,
    pub sequence: u64,
}

#[event]
pub struct InsolventBid {
    pub liquidatee: Pubkey,
    pub liquidator: Pubkey,
    /// Part of the book that changed hands, 1e-9.
    pub fraction: u64,
    /// What the insurance fund paid to the liquidator, 1e-6 USD.
    pub insurance: u64,
    /// What the account paid, into debt.
    pub debt: u64,
    /// Maintenance health of the liquidatee before, in the witness's scenarios.
    pub maintenance_health: i64,
    pub liquidatee_sequence: u64,
    pub liquidator_sequence: u64,
}

/// Sequence of the account. `loss` is what was covered: the sum of the three that follow.
#[event]
pub struct BankruptcyResolved {
    pub margin_account: Pubkey,
    pub loss: u64,
    /// From the insurance fund.
    pub insurance: u64,
    /// From what losers of the market's perpetual have paid: its winners forgive it.
    pub profits: u64,
    /// From quote balances, by the loss index.
    pub balances: u64,
    /// What is left, 1e-6 USD.
    pub uncovered: u64,
    pub sequence: u64,
}

#[event]
pub struct LegsLiquidated {
    pub liquidatee: Pubkey,
    pub liquidator: Pubkey,
    /// What the liquidator bought, at their marks.
    pub legs: Vec<TradeLeg>,
    /// What it received beyond the marks, 1e-6 USD.
    pub fee: i64,
    /// What of it went to the insurance fund.
    pub fund_fee: i64,
    pub health_before: i64,
    pub health_after: i64,
    pub liquidatee_sequence: u64,
    pub liquidator_sequence: u64,
}

#[event]
pub struct AccountDeleveraged {
    pub liquidatee: Pubkey,
    pub counterparty: Pubkey,
    /// The market whose positions changed hands: its index plus 1; zero: every market of the liquidatee.
    pub market: u16,
    /// Part of them that did, 1e-9.
    pub fraction: u64,
    /// What the counterparty received for it, so that its equity stays; negative: paid, 1e-6 USD.
    pub paid: i64,
    /// Losses of perpetuals that the liquidatee paid into the pools of their markets.
    pub realized: u64,
    /// How opposite the two risks are, 1e-6: 1.0 is exactly.
    pub opposition: i64,
    pub liquidatee_sequence: u64,
    pub counterparty_sequence: u64,
}

#[event]
pub struct LiquidationStopped {
    pub margin_account: Pubkey,
    pub maintenance_health: i64,
    pub sequence: u64,
}

#[event]
pub struct FundingUpdated {
    pub market: Pubkey,
    /// The index at `period_start`, 1e-8 USD per base unit.
    pub index: i64,
    /// Rate of the running period per day, 1e-9.
    pub rate: i32,
    pub period_start: i64,
    pub sequence: u64,
}

#[event]
pub struct SettlementRecorded {
    pub market: Pubkey,
    pub expiry: i64,
    pub price: u64,
    pub publish_time: i64,
    /// Samples of the window there are now; zero: the price is one from after the expiry.
    pub samples: u32,
    pub sequence: u64,
}

#[event]
pub struct SettlementFinalized {
    pub market: Pubkey,
    pub expiry: i64,
    pub price: u64,
    pub sequence: u64,
}

#[event]
pub struct ExpirySettled {
    pub margin_account: Pubkey,
    pub market: Pubkey,
    pub expiry: i64,
    /// What its records were worth, 1e-6 USD.
    pub value: i64,
    /// What it received, negative: paid. What is left of the value is its claim.
    pub paid: i64,
    pub sequence: u64,
    pub market_sequence: u64,
}

#[event]
pub struct PerpPnlSettled {
    pub margin_account: Pubkey,
    pub market: Pubkey,
    pub price: u64,
    /// Profit or loss that was not realised, 1e-6 USD.
    pub pnl: i64,
    /// What of it the account received, negative: paid.
    pub paid: i64,
    /// What of it the account forgave: its share of the market's losses.
    pub forgiven: u64,
    pub sequence: u64,
    pub market_sequence: u64,
}
