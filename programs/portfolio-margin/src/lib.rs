//! Portfolio margin as a Solana program: collateral vaults, margin accounts, trades and liquidation.
//!
//! Every instruction has the same shape: validate, load, plan in `risk-core`, apply, transfer, check margin, emit.
//! Instructions that check margin take *remaining accounts* in the canonical order of the account that is checked:
//! each bank it holds collateral of, followed by that bank's price; then each market it holds positions in or collateral that
//! offsets its risk, followed by that market's price. A missing, extra, repeated, reordered or foreign account is an error.

#![deny(clippy::or_fun_call)] // an error built and dropped leaks the heap, which is never freed

use anchor_lang::prelude::*;

#[cfg(target_arch = "bpf")]
use solana_compiler_builtins as _;

pub mod bridge;
pub mod error;
pub mod event;
pub mod instructions;
pub mod oracle;
pub mod remaining;
pub mod state;
pub mod token;

use instructions::*;
pub use portfolio_margin_interface::{
    args::*,
    quote::{FillQuoteArgs, QuoteCancel},
    ID,
};

/// Checks that the program was deployed at the id its clients derive addresses from.
pub fn check_id(id: &Pubkey) -> bool {
    id == &ID
}

/// The id as a function, which Anchor's entrypoint asks for.
pub fn id() -> Pubkey {
    ID
}

#[program]
pub mod portfolio_margin {
    use super::*;

    /// Creates a clearing house for a quote mint of six decimals. The signer becomes its governor.
    /// Errors: `QuoteDecimals`, `ParameterOutOfRange`.
    pub fn initialize_clearinghouse(
        ctx: Context<InitializeClearinghouse>,
        args: ClearinghouseArgs,
    ) -> Result<()> {
        initialize_clearinghouse::handler(ctx, args)
    }

    /// Stores the quote asset's price, which margin checks then use; never an older one than before. Authority: anybody.
    /// Errors: `QuoteFeedMissing`, `OracleOutdated`, `ParameterOutOfRange`, the oracle's.
    pub fn update_quote_price(ctx: Context<UpdateQuotePrice>) -> Result<()> {
        update_quote_price::handler(ctx)
    }

    /// Lists a collateral mint of either token program and creates its vault. With a market as its last account, the asset
    /// offsets that market's risk; it must have the market's price feed and its limits. Authority: governor.
    /// Errors: `NotGovernor`, `ParameterOutOfRange`, `DecimalsTooMany`, `OffsetFeedMismatch`, `TokenProgramMismatch`,
    /// `MintExtension` with the number of an extension that is not on the list.
    pub fn initialize_bank(ctx: Context<InitializeBank>, args: BankArgs) -> Result<()> {
        initialize_bank::handler(ctx, args)
    }

    /// Lists an underlying with its oracle, margin ratios, scenarios and correlation group. Authority: governor.
    /// Errors: `NotGovernor`, `ParameterOutOfRange`, `ScenarioSetInvalid`, `GroupUnknown`, `GroupMismatch`.
    pub fn initialize_market(ctx: Context<InitializeMarket>, args: MarketArgs) -> Result<()> {
        initialize_market::handler(ctx, args)
    }

    /// Opens a listed market for trading: sets who posts its surfaces and its rules of trading, once. Authority: governor.
    /// Errors: `NotGovernor`, `MarketOpen`, `PosterCount`, `ParameterOutOfRange`.
    pub fn open_market(ctx: Context<OpenMarket>, args: MarketRulesArgs) -> Result<()> {
        open_market::handler(ctx, args)
    }

    /// Stores a market's spot, moves its stable price towards it by a bounded share of the time since it last moved, samples its
    /// regime where a sample is due, and widens its scenarios by what follows. A usable price that is too uncertain to store ends an
    /// outage and nothing else. Optional: the reference market of the regime and its price. Authority: anybody.
    /// Errors: `OracleOutdated`, `MarketMismatch`, `ClearinghouseMismatch`, the oracle's.
    pub fn update_market(ctx: Context<UpdateMarket>) -> Result<()> {
        update_market::handler(ctx)
    }

    /// Claims that a market's feed is dead: unless somebody shows `update_market` a price within an hour, repairs and reductions
    /// may use the price that it stored last. Authority: anybody.
    /// Errors: `OutageRefused`.
    pub fn report_outage(ctx: Context<ReportOutage>) -> Result<()> {
        report_outage::handler(ctx)
    }

    /// Stores a price of a bank that no market follows; one too uncertain to store still ends an outage. Authority: anybody.
    /// Errors: `BankMismatch` for the quote bank or one that offsets a market's risk, `OracleOutdated`, the oracle's.
    pub fn update_bank(ctx: Context<UpdateBank>) -> Result<()> {
        update_bank::handler(ctx)
    }

    /// Claims that the feed of such a bank is dead, as [`report_outage()`]; without a stored price its collateral then counts for
    /// nothing in repairs. Authority: anybody. Errors: `BankMismatch`, `OutageRefused`.
    pub fn report_bank_outage(ctx: Context<ReportBankOutage>) -> Result<()> {
        report_bank_outage::handler(ctx)
    }

    /// Lists an expiry in an open market, and drops those that are over and held by nobody; their dust becomes a fee.
    /// Authority: governor.
    /// Errors: `NotGovernor`, `MarketClosed`, `ExpiryOutOfRange`, `ExpiryListed`, `ExpiriesFull`, `ParameterOutOfRange` for a skew
    /// node without a cap at that tenor.
    pub fn add_expiry(ctx: Context<AddExpiry>, time: i64) -> Result<()> {
        add_expiry::handler(ctx, time)
    }

    /// Posts forward, rate and smile of an expiry; the median of the board's fresh posts comes into force where a majority of
    /// the board is fresh and the median passes its checks. Authority: a poster of the market's board.
    /// Errors: `NotPoster`, `ExpiryNotListed`, `Expired`, `ParameterOutOfRange`, `ButterflyArbitrage`; on a board of one also
    /// `CalendarArbitrage`, `SurfaceStep`, which on larger boards only keep the old surface in force.
    pub fn post_vol_surface(ctx: Context<PostVolSurface>, args: SurfaceArgs) -> Result<()> {
        post_vol_surface::handler(ctx, args)
    }

    /// Opens a margin account for the signer, in either tier.
    /// Errors: `CapacityOutOfRange`, `TierUnknown`.
    pub fn open_margin_account(
        ctx: Context<OpenMarginAccount>,
        args: MarginAccountArgs,
    ) -> Result<()> {
        open_margin_account::handler(ctx, args)
    }

    /// Changes an account's tier. To Portfolio it needs the minimum equity and initial health; to Standard initial health, or
    /// no positions and no debt. Authority: the account's owner.
    ///
    /// Remaining accounts: the account's margin accounts; none where one that becomes Standard has
    /// neither positions nor a debt.
    /// Errors: `NotOwner`, `TierUnknown`, `AccountLiquidating`, `InitialMarginBreached`, `GrossNotionalExceeded`,
    /// `PortfolioMinimum`.
    pub fn set_tier<'info>(ctx: Context<'info, SetTier<'info>>, tier: u8) -> Result<()> {
        set_tier::handler(ctx, tier)
    }

    /// Names who else may sign trades and quotes of an account (scope 1), and from what time no more; the zero key with scope and
    /// time zero takes it back. In any status. Authority: the account's owner.
    ///
    /// Errors: `NotOwner`, `ParameterOutOfRange` for an unknown or empty scope or a time that is not to come.
    pub fn set_delegate(
        ctx: Context<SetDelegate>,
        delegate: Pubkey,
        scope: u64,
        expires: i64,
    ) -> Result<()> {
        set_delegate::handler(ctx, delegate, scope, expires)
    }

    /// Makes room for `capacity` positions in all; the owner pays the rent. In any status. Authority: the account's owner.
    ///
    /// Errors: `NotOwner`, `CapacityOutOfRange` with what was asked for and what there is or may be.
    pub fn grow_margin_account(ctx: Context<GrowMarginAccount>, capacity: u16) -> Result<()> {
        grow_margin_account::handler(ctx, capacity)
    }

    /// Ends an account that holds nothing; its rent goes to the owner. Authority: the account's owner.
    ///
    /// Errors: `NotOwner`, `AccountLiquidating`, `AccountNotEmpty`, `AccountTooYoung` in the slot in which it was opened.
    pub fn close_margin_account(ctx: Context<CloseMarginAccount>) -> Result<()> {
        close_margin_account::handler(ctx)
    }

    /// Deposits collateral; needs no oracle. In liquidation only assets already held, and quote without caps. Authority: the
    /// account's owner. The quote asset takes the clearing house writable, and adds the interest that is due.
    ///
    /// Errors: `ZeroAmount`, `DepositCapExceeded`, `AccountCapExceeded`, `CollateralsFull`, `VaultMismatch`,
    /// `VaultDeltaMismatch`, `AccountLiquidating`, `ScopeTooWide`, `TokenProgramMismatch`, `ClearinghouseReadOnly`.
    pub fn deposit_collateral(ctx: Context<DepositCollateral>, amount: u64) -> Result<()> {
        deposit_collateral::handler(ctx, amount)
    }

    /// Withdraws collateral, as far as initial health and the bank's limit allow; of the quote asset also on credit, up to the
    /// limits of debts. Authority: the account's owner. The quote asset takes the clearing house writable.
    ///
    /// Remaining accounts: the account's margin accounts after the withdrawal; none where it then holds no positions and owes
    /// nothing. Errors: `ZeroAmount`, `BalanceInsufficient`, `AccountLiquidating`, `InitialMarginBreached`,
    /// `PortfolioMinimum`, `DebtLimit`, `WithdrawalLimit`, `VaultMismatch`, `TokenProgramMismatch`, `ClearinghouseReadOnly`.
    pub fn withdraw_collateral<'info>(
        ctx: Context<'info, WithdrawCollateral<'info>>,
        amount: u64,
    ) -> Result<()> {
        withdraw_collateral::handler(ctx, amount)
    }

    /// Writes the indices of interest up to now, and moves the house's share of interest charged to the insurance fund and to
    /// fees. Authority: anybody; only whoever waits for that share needs it.
    pub fn update_interest(ctx: Context<UpdateInterest>) -> Result<()> {
        update_interest::handler(ctx)
    }

    /// Moves a market's fees to the insurance fund, its share rounded up, and to the house. Authority: anybody.
    ///
    /// Errors: `ClearinghouseMismatch`, `ZeroAmount`.
    pub fn collect_fees(ctx: Context<CollectFees>) -> Result<()> {
        collect_fees::handler(ctx)
    }

    /// Gives quote tokens to the insurance fund, for nothing in return. Authority: anybody.
    ///
    /// Errors: `ZeroAmount`, `ClearinghouseMismatch`, `BankMismatch`, `VaultMismatch`, `TokenProgramMismatch`.
    pub fn deposit_insurance(ctx: Context<DepositInsurance>, amount: u64) -> Result<()> {
        deposit_insurance::handler(ctx, amount)
    }

    /// Pays collected fees out, never the insurance fund. Authority: governor.
    ///
    /// Errors: `NotGovernor`, `ZeroAmount`, `BalanceInsufficient`, `WithdrawalLimit`, `ClearinghouseMismatch`, `BankMismatch`,
    /// `VaultMismatch`, `TokenProgramMismatch`.
    pub fn withdraw_fees(ctx: Context<WithdrawFees>, amount: u64) -> Result<()> {
        withdraw_fees::handler(ctx, amount)
    }

    /// Exchanges up to 16 legs between two accounts at agreed prices. Authorities: both owners.
    ///
    /// Remaining accounts: the taker's margin accounts, then the maker's; an account's markets are those that it held
    /// before and those of the legs. Each side must have initial health, or the trade must reduce its risk.
    /// Errors: `SelfTrade`, `LegCount`, `ZeroAmount`, `InstrumentUnknown`, `Expired`, `PositionsFull`,
    /// `ScopeTooWide`, `CashNegative`, `InitialMarginBreached`, `GrossNotionalExceeded`, `PortfolioMinimum`, `RiskNotReduced`,
    /// `OracleInconsistent`.
    pub fn trade<'info>(ctx: Context<'info, Trade<'info>>, legs: Vec<TradeLeg>) -> Result<()> {
        trade::handler(ctx, legs)
    }

    /// Opens an account's quote nonces, once; the owner pays. They are never closed, so that no signed quote is good twice.
    /// Authority: the account's owner.
    ///
    /// Errors: `NotOwner`.
    pub fn open_quotes(ctx: Context<OpenQuotes>) -> Result<()> {
        open_quotes::handler(ctx)
    }

    /// Makes signed quotes void: one nonce, all below a nonce, or all that were signed so far. What is void already is no
    /// error. Authority: the account's owner or its delegate; for all, the owner.
    ///
    /// Errors: `Unauthorized`, `NotOwner`, `QuotesMismatch`.
    pub fn cancel_quotes(ctx: Context<CancelQuotes>, what: QuoteCancel) -> Result<()> {
        cancel_quotes::handler(ctx, what)
    }

    /// Trades lots of a quote that its maker signed off chain ([`portfolio_margin_interface::quote`]) and that an Ed25519
    /// instruction anywhere in the transaction verifies, all of its offsets pointing into itself. Takes `lots`, or what is left
    /// of them, and not less than `least_lots`. Authorities: the taker's owner or delegate signs the transaction, the maker's
    /// owner or delegate the quote.
    ///
    /// Remaining accounts, margin and errors as in [`trade()`], with the quote's maker and, times lots, its legs; further
    /// errors: `NotTopLevel`, `InvalidSysvar`, `QuotesMismatch`, `QuoteUnsigned`, `QuoteExpired`, `QuoteTaker`, `QuoteSession`,
    /// `QuoteUsed`, `QuoteLots`, `Unauthorized`.
    pub fn fill_quote<'info>(
        ctx: Context<'info, FillQuote<'info>>,
        args: FillQuoteArgs,
    ) -> Result<()> {
        fill_quote::handler(ctx, args)
    }

    /// Lists a program as a venue, which may then fill trades of accounts that approve it. Authority: governor.
    ///
    /// Errors: `NotGovernor`, `VenueProgram`.
    pub fn list_venue(ctx: Context<ListVenue>) -> Result<()> {
        list_venue::handler(ctx)
    }

    /// Stops a venue at once, for all accounts. Authority: governor.
    ///
    /// Errors: `NotGovernor`, `ClearinghouseMismatch`, `VenueNotListed`.
    pub fn delist_venue(ctx: Context<ChangeVenue>) -> Result<()> {
        delist_venue::handler(ctx)
    }

    /// Lists a delisted venue again; approvals count again. Authority: governor.
    ///
    /// Errors: `NotGovernor`, `ClearinghouseMismatch`, `VenueListed`.
    pub fn relist_venue(ctx: Context<ChangeVenue>) -> Result<()> {
        relist_venue::handler(ctx)
    }

    /// Lets a listed venue fill trades of the account: at most four venues. Authority: the account's owner.
    ///
    /// Errors: `NotOwner`, `ClearinghouseMismatch`, `VenueNotListed`, `VenuesFull`.
    pub fn approve_venue(ctx: Context<ApproveVenue>) -> Result<()> {
        approve_venue::handler(ctx)
    }

    /// Takes back the approval of a venue's program, listed or not. Authority: the account's owner.
    ///
    /// Errors: `NotOwner`, `VenueNotApproved`.
    pub fn revoke_venue(ctx: Context<RevokeVenue>, program: Pubkey) -> Result<()> {
        revoke_venue::handler(ctx, program)
    }

    /// Exchanges up to 16 legs between two accounts that both approved the calling venue. Authority: the venue, by the address
    /// `[venue, clearing house]` derived from its program, which only that program can sign for.
    ///
    /// Remaining accounts, margin and errors as in [`trade()`]; further errors: `ClearinghouseMismatch`, `VenueNotListed`,
    /// `VenueNotApproved`, `Unauthorized`.
    pub fn venue_fill<'info>(
        ctx: Context<'info, VenueFill<'info>>,
        legs: Vec<TradeLeg>,
    ) -> Result<()> {
        venue_fill::handler(ctx, legs)
    }

    /// Returns an account's margin as [`portfolio_margin_interface::view::MarginView`], as it is or as it would be after
    /// trading `legs` as taker, and whether that trade would pass the taker's margin test. Changes nothing.
    ///
    /// Authority: anybody. Accounts, limits and errors are those of the taker in [`trade()`] up to the margin test, whose
    /// outcome is a field. Without legs the account is shown whatever it is. Prices and surfaces that a repair accepts
    /// and an opening does not are no error either: a field has the code of the first reason.
    /// Remaining accounts: the account's margin accounts with the markets of the legs.
    /// Errors: `LegCount`, `ZeroAmount`, `InstrumentUnknown`, `Expired`, `PositionsFull`, `CashNegative`,
    /// `AccountLiquidating`, `ScopeTooWide`, `OracleInconsistent`.
    /// Compute units: as one check in [`trade()`], two where legs do not leave the account openable; 13 k for 1 position, 280 k
    /// for 128, 590 k for 128 with 16 legs that are refused.
    pub fn view_margin<'info>(ctx: Context<'info, View<'info>>, legs: Vec<TradeLeg>) -> Result<()> {
        view_margin::handler(ctx, legs)
    }

    /// Returns an account's Greeks by market or by expiry as [`portfolio_margin_interface::view::GreeksView`], or by leg as
    /// [`portfolio_margin_interface::view::LegGreeksView`], as they are or as they would be after trading `legs` as taker.
    /// Changes nothing.
    ///
    /// Authority: anybody. With legs, what refuses them in [`trade()`] before the margin test refuses them here.
    /// Remaining accounts: the account's margin accounts with the markets of the legs.
    /// Errors: those of [`view_margin()`]; `ViewOutOfRange` for a market that is not among those, or a page behind the last row.
    /// Compute units: 7 k for 1 position, 240 k for 128; with legs as much as [`view_margin()`] without a second check on top.
    pub fn view_greeks<'info>(
        ctx: Context<'info, View<'info>>,
        page: GreeksPage,
        legs: Vec<TradeLeg>,
    ) -> Result<()> {
        view_greeks::handler(ctx, page, legs)
    }

    /// Returns one market's PnL under each scenario, its mark, scan, floors and charges as
    /// [`portfolio_margin_interface::view::RiskMatrixView`], as they are or as they would be after trading `legs` as taker.
    /// Changes nothing.
    ///
    /// Authority: anybody. With legs, what refuses them in [`trade()`] before the margin test refuses them here.
    /// Remaining accounts: the account's margin accounts with the markets of the legs.
    /// Errors: those of [`view_margin()`]; `ViewOutOfRange` for a market that is not among those.
    /// Compute units: 13 k for 1 position, 280 k for 128; other markets cost their loading, with legs their margin.
    pub fn view_risk_matrix<'info>(
        ctx: Context<'info, View<'info>>,
        market: u16,
        legs: Vec<TradeLeg>,
    ) -> Result<()> {
        view_risk_matrix::handler(ctx, market, legs)
    }

    /// Puts an account into liquidation by naming, per market, a scenario that it cannot cover; of a Standard account, none.
    /// Authority: anybody.
    /// Remaining accounts: the account's margin accounts. Errors: `AccountHealthy`, `AccountLiquidating`,
    /// `WitnessLength`.
    pub fn start_liquidation<'info>(
        ctx: Context<'info, StartLiquidation<'info>>,
        args: StartLiquidationArgs,
    ) -> Result<()> {
        start_liquidation::handler(ctx, args)
    }

    /// Buys a pro-rata slice of an account in liquidation at a discount. Authority: the liquidator's owner.
    /// Remaining accounts: the liquidatee's margin accounts, then the liquidator's, which include every bank and market
    /// of the liquidatee. Errors: `NotLiquidating`, `SelfLiquidation`, `AccountHealthy`, `AccountInsolvent`, `WitnessLength`,
    /// `SliceTooSmall`, `SliceBelowMinimum`, `HealthNotImproved`, `PriceAboveLimit`, `ScopeTooWide`, `CashNegative`,
    /// `InitialMarginBreached`, `GrossNotionalExceeded`, `PortfolioMinimum`, `ClearinghouseReadOnly`.
    pub fn bid_liquidation<'info>(
        ctx: Context<'info, BidLiquidation<'info>>,
        args: BidArgs,
    ) -> Result<()> {
        bid_liquidation::handler(ctx, args)
    }

    /// Begins the auction of an account anew that is above maintenance again. Authority: anybody.
    /// Remaining accounts: the account's margin accounts. Errors: `NotLiquidating`, `HealthBelow`.
    pub fn restart_auction<'info>(ctx: Context<'info, Recovery<'info>>) -> Result<()> {
        restart_auction::handler(ctx)
    }

    /// Proves that an account in liquidation has no equity, or that its auction is over and it still lacks maintenance health under the
    /// witness; or takes the proof back. Authority: anybody.
    /// Remaining accounts: the account's margin accounts. Errors: `NotLiquidating`, `AccountSolvent`, `WitnessLength`.
    pub fn prove_insolvency<'info>(
        ctx: Context<'info, ProveInsolvency<'info>>,
        args: ProveInsolvencyArgs,
    ) -> Result<()> {
        prove_insolvency::handler(ctx, args)
    }

    /// Covers what an account without open positions and collateral lacks: insurance, profits of the loss's market, balances.
    /// Authority: anybody.
    /// Remaining accounts: every market of the clearing house by index, or none: then balances are not asked. Errors: `NotBankrupt`,
    /// `LossMarketMismatch`, `MarketsIncomplete`, `LossUncovered`.
    pub fn resolve_bankruptcy<'info>(ctx: Context<'info, ResolveBankruptcy<'info>>) -> Result<()> {
        resolve_bankruptcy::handler(ctx)
    }

    /// Takes chosen legs of an account in liquidation at their marks, for a fee. Authority: the liquidator's owner.
    /// Remaining accounts: the legs' markets, writable, the liquidatee's margin accounts, the liquidator's with the legs' markets.
    /// Errors: those of [`bid_liquidation()`], `LegNotHeld`, `LegsFeeTooHigh`, `LegsTooDear`, `PastBuffer`, `PositionLimit`; of a
    /// doubtful price or surface of a leg the reason.
    pub fn liquidate_legs<'info>(
        ctx: Context<'info, LiquidateLegs<'info>>,
        args: LiquidateLegsArgs,
    ) -> Result<()> {
        liquidate_legs::handler(ctx, args)
    }

    /// Takes a part of the book of an account that was proved insolvent and is paid for it, by the insurance fund and then by the
    /// account's debt. Authority: the liquidator's owner. Remaining accounts as in [`bid_liquidation()`].
    /// Errors: those of [`bid_liquidation()`] but `AccountInsolvent`; `InsolvencyUnproven`, `AccountSolvent`, `LossMarketMismatch`.
    pub fn bid_insolvent<'info>(
        ctx: Context<'info, BidInsolvent<'info>>,
        args: BidArgs,
    ) -> Result<()> {
        bid_insolvent::handler(ctx, args)
    }

    /// Ends a liquidation once the account has its buffer above maintenance again. Authority: anybody.
    /// Remaining accounts: the account's margin accounts. Errors: `NotLiquidating`, `BufferMissing`.
    pub fn stop_liquidation<'info>(ctx: Context<'info, Recovery<'info>>) -> Result<()> {
        stop_liquidation::handler(ctx)
    }

    /// Gives a part of an insolvent account's positions, of one market or of all, to an account of opposite risk, at their marks, where
    /// nobody bid in the whole insolvent phase. Authority: anybody. Remaining accounts: the liquidatee's margin accounts, markets
    /// writable, then the counterparty's with the markets that move.
    /// Errors: `InsolvencyUnproven`, `PayoutRunning`, `AccountSolvent`, `RiskNotOpposite`, `RiskNotReduced`, `SliceTooSmall`.
    pub fn auto_deleverage<'info>(
        ctx: Context<'info, AutoDeleverage<'info>>,
        args: DeleverageArgs,
    ) -> Result<()> {
        auto_deleverage::handler(ctx, args)
    }

    /// Fails unless an account's initial health, maintenance health or equity is at least `least`, 1e-6 USD. For appending to
    /// other instructions. Authority: anybody.
    /// Remaining accounts: the account's margin accounts.
    /// Errors: `HealthBelow` with what was found and `least`; of a doubtful price or surface the reason.
    /// Compute units: as one check in [`trade()`].
    pub fn assert_health<'info>(
        ctx: Context<'info, AssertHealth<'info>>,
        kind: HealthKind,
        least: i64,
    ) -> Result<()> {
        assert_health::handler(ctx, kind, least)
    }

    /// Fails unless an account's sequence number is at least `least` and at most `most`. For appending to other instructions.
    /// Authority: anybody.
    /// Errors: `SequenceMismatch` with the two numbers that do not fit.
    pub fn assert_sequence(ctx: Context<AssertSequence>, least: u64, most: u64) -> Result<()> {
        assert_sequence::handler(ctx, least, most)
    }

    /// Moves the anchor of a market's funding index into the running hour; the index is the same without. Authority: anybody.
    pub fn update_funding(ctx: Context<UpdateFunding>) -> Result<()> {
        update_funding::handler(ctx)
    }

    /// Records a price that was published in an expiry's last half hour, or, while there is none, after it. Of each minute
    /// the earliest counts. Authority: anybody.
    /// Errors: `ClearinghouseMismatch`, `ExpiryNotListed`, `SettlementFinal`, `SampleRefused`, the oracle's.
    pub fn record_settlement(ctx: Context<RecordSettlement>, expiry: i64) -> Result<()> {
        record_settlement::handler(ctx, expiry)
    }

    /// Writes an expiry's final price; does nothing where it is written. Authority: anybody.
    /// Errors: `ClearinghouseMismatch`, `ExpiryNotListed`, `NotExpired`, `SettlementPending`.
    pub fn finalize_settlement(ctx: Context<FinalizeSettlement>, expiry: i64) -> Result<()> {
        finalize_settlement::handler(ctx, expiry)
    }

    /// Settles everything that an account holds of an expiry whose price is final. Authority: anybody.
    /// The clearing house is writable where the account owes cash before or after. Errors: `ClearinghouseMismatch`,
    /// `ExpiryNotListed`, `NotExpired`, `SettlementPending`, `NothingToSettle`, `ClearinghouseReadOnly`.
    pub fn settle_expiry(ctx: Context<SettleExpiry>, expiry: i64) -> Result<()> {
        settle_expiry::handler(ctx, expiry)
    }

    /// Realises the PnL of an account's perpetual in a market, as far as losers have paid. Authority: anybody; of a profit while the
    /// market has losses to share, its owner, with the account's margin accounts as remaining ones.
    /// The clearing house is writable where the account owes cash before or after, or a loss is due. Errors:
    /// `ClearinghouseMismatch`, `NothingToSettle`, `ProfitShared`, `InitialMarginBreached`, `ClearinghouseReadOnly`, the oracle's.
    pub fn settle_perp_pnl<'info>(ctx: Context<'info, SettlePerpPnl<'info>>) -> Result<()> {
        settle_perp_pnl::handler(ctx)
    }
}
