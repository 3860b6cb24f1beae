//! Every refusal by name. The numbers go to the log, next to the name.

use anchor_lang::prelude::*;
use clearing_core::surface::SurfaceFault;
use risk_core::liquidation::SliceError;
use risk_core::takeover::LegsError;
use risk_core::RiskError;

#[error_code]
pub enum MarginError {
    #[msg("Signer is not the governor")]
    NotGovernor,
    #[msg("Signer is not on the market's board of posters")]
    NotPoster,
    #[msg("Signer does not own the margin account")]
    NotOwner,
    #[msg("Account belongs to another clearing house")]
    ClearinghouseMismatch,
    #[msg("Quote mint must have six decimals")]
    QuoteDecimals,
    #[msg("Mint has more decimals than supported")]
    DecimalsTooMany,
    #[msg("Parameter is outside its bounds")]
    ParameterOutOfRange,
    #[msg("Scenario set is not valid")]
    ScenarioSetInvalid,
    #[msg("Expiry is in the past or too far away")]
    ExpiryOutOfRange,
    #[msg("Expiry is listed already")]
    ExpiryListed,
    #[msg("Expiry is not listed")]
    ExpiryNotListed,
    #[msg("Market lists as many expiries as it can hold")]
    ExpiriesFull,
    #[msg("Capacity must be 16 to 128 positions, and more than the account has")]
    CapacityOutOfRange,

    #[msg("Amount is zero")]
    ZeroAmount,
    #[msg("Amount leaves the range of its type")]
    AmountOverflow,
    #[msg("Bank would hold more than its cap")]
    DepositCapExceeded,
    #[msg("Account holds as many collateral assets as it can")]
    CollateralsFull,
    #[msg("Account holds less than that")]
    BalanceInsufficient,
    #[msg("Vault balance did not change by the amount transferred")]
    VaultDeltaMismatch,
    #[msg("Token account is not the bank's vault")]
    VaultMismatch,

    #[msg("Price account is not owned by the oracle that was listed")]
    OracleOwner,
    #[msg("Price account does not hold a price")]
    OracleMalformed,
    #[msg("Price is of another feed")]
    OracleFeedMismatch,
    #[msg("Price update is not fully verified")]
    OracleUnverified,
    #[msg("Price is not positive")]
    OracleNonPositive,
    #[msg("Price exponent is not supported or the price leaves its range")]
    OracleExponent,
    #[msg("Price is older than the market accepts")]
    OracleStale,
    #[msg("Price is from the future")]
    OracleFuture,
    #[msg("Price confidence interval is too wide")]
    OracleConfidenceTooWide,
    #[msg("Two price accounts of one feed in one instruction")]
    OracleInconsistent,
    #[msg("Volatility surface is older than the market accepts")]
    SurfaceStale,
    #[msg("No volatility surface was posted for the expiry")]
    SurfaceMissing,

    #[msg("A bank, market or price of the account is missing")]
    RemainingAccountMissing,
    #[msg("More accounts were passed than the margin check takes")]
    UnexpectedAccount,
    #[msg("Another market was expected at this place")]
    MarketMismatch,
    #[msg("Another bank was expected at this place")]
    BankMismatch,
    #[msg("Account holds more than one bid on it could evaluate, or spans more markets or banks than one check supports")]
    ScopeTooWide,

    #[msg("Both sides of the trade are the same account")]
    SelfTrade,
    #[msg("A trade has 1 to 16 legs")]
    LegCount,
    #[msg("Instrument, strike and expiry do not fit together")]
    InstrumentUnknown,
    #[msg("Series has expired")]
    Expired,
    #[msg("Account has no room for another position")]
    PositionsFull,
    #[msg("Quote balance would be negative")]
    CashNegative,
    #[msg("Initial health would be negative")]
    InitialMarginBreached,
    #[msg("Sizes without netting would exceed what an account may open")]
    GrossNotionalExceeded,
    #[msg("Account is in liquidation and the change does not reduce its risk")]
    RiskNotReduced,
    #[msg("Account is in liquidation")]
    AccountLiquidating,

    #[msg("Account is healthy in the scenarios named")]
    AccountHealthy,
    #[msg("Account is not in liquidation")]
    NotLiquidating,
    #[msg("Account still lacks its buffer above maintenance")]
    BufferMissing,
    #[msg("One scenario per market is needed")]
    WitnessLength,
    #[msg("An owner cannot liquidate an account of its own")]
    SelfLiquidation,
    #[msg("Account has no equity left to sell")]
    AccountInsolvent,
    #[msg("Slice is smaller than the least one")]
    SliceTooSmall,
    #[msg("Bid would not raise the account's maintenance health")]
    HealthNotImproved,
    #[msg("Slice costs more than the bidder's limit")]
    PriceAboveLimit,
    #[msg("The risk engine refused its input")]
    RiskEngine,
    #[msg("The account has nothing in that market, or no row of that number")]
    ViewOutOfRange,

    #[msg("Quote asset counts as a dollar and has no price feed")]
    QuoteFeedMissing,
    #[msg("Price of the quote asset is missing or older than the clearing house accepts")]
    QuotePriceStale,
    #[msg("A newer price was stored before")]
    OracleOutdated,
    #[msg("Clearing house has no such correlation group")]
    GroupUnknown,
    #[msg("Scenario sets of a correlation group must be of one shape")]
    GroupMismatch,
    #[msg("Collateral has another price feed than the market that it offsets")]
    OffsetFeedMismatch,
    #[msg("Tier is neither Standard nor Portfolio")]
    TierUnknown,
    #[msg("Equity is below the minimum of the Portfolio tier")]
    PortfolioMinimum,

    // listing
    #[msg("Market is open already")]
    MarketOpen,
    #[msg("Market is not open for trading")]
    MarketClosed,
    #[msg("A market has 1 to 5 posters, each once")]
    PosterCount,
    #[msg("Mint has an extension that vaults do not support")]
    MintExtension,

    // oracles
    #[msg("There is no such kind of price account, or bank and market differ in it")]
    OracleKind,
    #[msg("Legacy price account is not trading")]
    OracleNotTrading,
    #[msg("Spot is too far from the stable price")]
    OracleVolatile,
    #[msg("An outage is reported already, or a price was stored too recently")]
    OutageRefused,
    #[msg("No outage is in force: the stored price stands in for nothing")]
    OutageMissing,

    // volatility
    #[msg("Surface has butterfly arbitrage")]
    ButterflyArbitrage,
    #[msg("Surface has calendar arbitrage with a neighbouring expiry")]
    CalendarArbitrage,
    #[msg("Surface moves too far from the one in force")]
    SurfaceStep,
    #[msg("Fewer fresh posts than a majority of the board")]
    SurfaceQuorum,

    // collateral, debts
    #[msg("Account would hold more of the asset than its cap")]
    AccountCapExceeded,
    #[msg("More would leave the bank in this window than its limit")]
    WithdrawalLimit,
    #[msg("Debt would exceed a limit")]
    DebtLimit,
    #[msg("The clearing house must be writable: a debt changes")]
    ClearinghouseReadOnly,
    #[msg("Token program is not the mint's")]
    TokenProgramMismatch,

    // instruments
    #[msg("Position would exceed its limit")]
    PositionLimit,
    #[msg("Open interest would exceed its limit")]
    OpenInterestLimit,
    #[msg("Market must be writable and come first: a leg trades in it")]
    MarketReadOnly,
    #[msg("Expiry is not over yet")]
    NotExpired,
    #[msg("Settlement price is not final yet")]
    SettlementPending,
    #[msg("Settlement price is final")]
    SettlementFinal,
    #[msg("Price was not published in the settlement window, or a better sample is there")]
    SampleRefused,
    #[msg("There is nothing to settle")]
    NothingToSettle,

    // trading
    #[msg("Price is too far from the mark")]
    PriceBand,
    #[msg("Signer may not do this for the account")]
    Unauthorized,
    #[msg("Quote was not signed by the maker in this transaction")]
    QuoteUnsigned,
    #[msg("Quote has expired")]
    QuoteExpired,
    #[msg("Quote was filled, cancelled or replaced")]
    QuoteUsed,
    #[msg("Quote is for another taker")]
    QuoteTaker,
    #[msg("The instruction must be called by the transaction itself")]
    NotTopLevel,
    #[msg("Account is not the instructions sysvar")]
    InvalidSysvar,
    #[msg("Venue is not listed")]
    VenueNotListed,
    #[msg("Account has not approved the venue")]
    VenueNotApproved,
    #[msg("Account has approved as many venues as it can")]
    VenuesFull,
    #[msg("Nonces are of another margin account")]
    QuotesMismatch,
    #[msg("Quote is of another session of the maker's nonces")]
    QuoteSession,
    #[msg("Fewer lots than maker or taker accept")]
    QuoteLots,
    #[msg("Venue is not a program")]
    VenueProgram,
    #[msg("Venue is listed already")]
    VenueListed,

    // accounts and guards
    #[msg("Account still holds something")]
    AccountNotEmpty,
    #[msg("Health is below the limit asserted")]
    HealthBelow,
    #[msg("Sequence number is not the one asserted")]
    SequenceMismatch,
    #[msg("Account was opened in this slot")]
    AccountTooYoung,

    // liquidation and default
    #[msg("What restores the buffer is less than the bidder wants")]
    SliceBelowMinimum,
    #[msg("Account is not insolvent: it has equity, and its auction goes on")]
    AccountSolvent,
    #[msg("Insolvency has to be proved first")]
    InsolvencyUnproven,
    #[msg("Market is not the one that the loss counts in")]
    LossMarketMismatch,
    #[msg("Account still has positions, collateral or value: it is no bankruptcy yet")]
    NotBankrupt,
    #[msg("Quote tokens stay while proven insolvency exceeds the insurance fund")]
    WithdrawalsPaused,
    #[msg("Every market of the clearing house is needed, by index")]
    MarketsIncomplete,
    #[msg("Nothing is left that could cover the loss")]
    LossUncovered,
    #[msg("Only the owner settles a profit while the market has losses to share")]
    ProfitShared,
    #[msg("Account holds no such position to take")]
    LegNotHeld,
    #[msg("Fee for the legs is above its limit")]
    LegsFeeTooHigh,
    #[msg("Legs repair less per unit of fee than the slice would")]
    LegsTooDear,
    #[msg("Legs carry the account past its buffer")]
    PastBuffer,
    #[msg("Insolvent phase is not over: the fund may still find a bidder")]
    PayoutRunning,
    #[msg("Counterparty's risk is not opposite")]
    RiskNotOpposite,
    #[msg("Markets of the clearing house are all listed")]
    MarketsFull,
}

/// The number by which clients know an error.
pub fn error_code(error: &Error) -> u32 {
    match error {
        Error::AnchorError(error) => error.error_code_number,
        // of another program, or of the runtime
        Error::ProgramError(error) => match error.program_error {
            ProgramError::Custom(code) => code,
            _ => MarginError::RiskEngine.into(),
        },
    }
}

/// `AmountOverflow`, for `ok_or_else`: an error is built only where it is returned, since the heap is never freed.
pub fn overflow() -> Error {
    error!(MarginError::AmountOverflow)
}

/// Maps a refusal of the engine to this program's error and logs its numbers.
pub fn risk_error(error: RiskError) -> Error {
    msg!("{:?}", error);
    match error {
        RiskError::OutOfRange { .. } | RiskError::Svi(_) => MarginError::ParameterOutOfRange,
        RiskError::Overflow(_) => MarginError::AmountOverflow,
        RiskError::UnknownExpiry { .. } => MarginError::ExpiryNotListed,
        RiskError::SurfaceMissing { .. } => MarginError::SurfaceMissing,
        RiskError::GroupMismatch => MarginError::GroupMismatch,
        RiskError::NoBaseScenario
        | RiskError::ScenarioOrder { .. }
        | RiskError::UnknownScenario { .. } => MarginError::ScenarioSetInvalid,
        RiskError::Unsorted { .. } => MarginError::RiskEngine,
    }
    .into()
}

/// Why a surface cannot come into force; logs the numbers.
pub fn surface_error(fault: &SurfaceFault) -> MarginError {
    msg!("{:?}", fault);
    match fault {
        SurfaceFault::Wing { .. } | SurfaceFault::Butterfly { .. } => {
            MarginError::ButterflyArbitrage
        }
        SurfaceFault::Calendar { .. } => MarginError::CalendarArbitrage,
        SurfaceFault::Step { .. } => MarginError::SurfaceStep,
    }
}

/// Maps the reasons why there is no slice.
pub fn slice_error(error: SliceError) -> Error {
    match error {
        SliceError::Healthy { buffer_health } => {
            error!(MarginError::AccountHealthy).with_values((buffer_health.raw(), 0))
        }
        SliceError::Insolvent { equity } => {
            error!(MarginError::AccountInsolvent).with_values((equity.raw(), 0))
        }
        SliceError::TooSmall { wanted, least } => {
            error!(MarginError::SliceTooSmall).with_values((wanted, least))
        }
        SliceError::BelowMinimum { fraction, minimum } => {
            error!(MarginError::SliceBelowMinimum).with_values((fraction, minimum))
        }
        SliceError::Risk(error) => risk_error(error),
    }
}

/// Maps the reasons why legs may not be taken.
pub fn legs_error(error: LegsError) -> Error {
    match error {
        LegsError::Healthy { buffer_health } => {
            error!(MarginError::AccountHealthy).with_values((buffer_health.raw(), 0))
        }
        LegsError::FeeTooHigh { fee, most } => {
            error!(MarginError::LegsFeeTooHigh).with_values((fee.raw(), most.raw()))
        }
        LegsError::NotImproved { before, after } => {
            error!(MarginError::HealthNotImproved).with_values((after.raw(), before.raw()))
        }
        LegsError::TooDear {
            reward,
            improvement,
        } => error!(MarginError::LegsTooDear).with_values((reward.raw(), improvement.raw())),
        LegsError::PastBuffer { buffer_health } => {
            error!(MarginError::PastBuffer).with_values((buffer_health.raw(), 0))
        }
        LegsError::Risk(error) => risk_error(error),
    }
}
