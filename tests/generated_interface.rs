//! The interface that scripts/idl generates says what Anchor's own macros say: instructions to the byte, accounts with their
//! flags, errors with their texts. Events are in generated_events.rs.

use std::collections::BTreeSet;

use anchor_lang::prelude::Pubkey;
use anchor_lang::{AnchorDeserialize, Discriminator, InstructionData, ToAccountMetas};

use portfolio_margin::error::MarginError;
use portfolio_margin::{accounts, instruction};
use portfolio_margin_interface::args::{
    BankArgs, BidArgs, ClearinghouseArgs, DeleverageArgs, GreeksPage, HealthKind,
    LiquidateLegsArgs, MarginAccountArgs, MarketArgs, MarketRulesArgs, ProveInsolvencyArgs,
    StartLiquidationArgs, SurfaceArgs, TradeLeg,
};
use portfolio_margin_interface::errors::ErrorCode;
use portfolio_margin_interface::quote::{FillQuoteArgs, QuoteCancel};
use portfolio_margin_interface::{instructions, ID};
use serde_json::Value;
use solana_instruction::{AccountMeta, Instruction};
use support::{event_log, instruction_names, Random};

/// How often each instruction is built, with other keys and arguments every time.
const ROUNDS: u64 = 200;

/// A random value of what an account is named by.
trait Key {
    fn random(random: &mut Random) -> Self;
}

impl Key for Pubkey {
    fn random(random: &mut Random) -> Self {
        let mut bytes = [0; 32];
        for part in bytes.chunks_exact_mut(8) {
            part.copy_from_slice(&random.bits().to_le_bytes());
        }
        Self::new_from_array(bytes)
    }
}

impl Key for Option<Pubkey> {
    fn random(random: &mut Random) -> Self {
        (!random.one_in(2)).then(|| Pubkey::random(random))
    }
}

/// Bytes of a random value of a type of the interface description. Lists are short: a witness is kept up to a length only.
pub(crate) fn sample(idl: &Value, kind: &Value, random: &mut Random) -> Vec<u8> {
    let mut bytes = random.bits().to_le_bytes().to_vec();
    match kind.as_str() {
        Some("bool") => vec![bytes[0] & 1],
        Some("u8" | "i8") => bytes[..1].to_vec(),
        Some("u16" | "i16") => bytes[..2].to_vec(),
        Some("u32" | "i32") => bytes[..4].to_vec(),
        Some("u64" | "i64") => bytes,
        Some("pubkey") => Pubkey::random(random).to_bytes().to_vec(),
        Some("bytes") => sample(idl, &serde_json::json!({ "vec": "u8" }), random),
        Some(other) => panic!("no {other} in the interface so far"),
        None if !kind["vec"].is_null() => {
            let count = random.range(0, 7) as u32;
            bytes = count.to_le_bytes().to_vec();
            bytes.extend((0..count).flat_map(|_| sample(idl, &kind["vec"], random)));
            bytes
        }
        None if !kind["option"].is_null() => {
            let is_some = bytes[0] & 1;
            bytes = vec![is_some];
            bytes.extend((0..is_some).flat_map(|_| sample(idl, &kind["option"], random)));
            bytes
        }
        None if !kind["array"].is_null() => {
            let count = kind["array"][1].as_u64().expect("a length");
            let items = (0..count).flat_map(|_| sample(idl, &kind["array"][0], random));
            items.collect()
        }
        None => {
            let name = kind["defined"]["name"].as_str().expect("a type");
            sample_defined(idl, event_log::type_of(idl, name), random)
        }
    }
}

/// The same of a struct or an enum.
pub(crate) fn sample_defined(idl: &Value, kind: &Value, random: &mut Random) -> Vec<u8> {
    let mut bytes = vec![];
    let mut fields = &kind["fields"];
    if kind["kind"] == "enum" {
        let variants = kind["variants"].as_array().expect("variants");
        let variant = random.range(0, variants.len() as i64) as usize;
        bytes.push(variant as u8);
        fields = &variants[variant]["fields"];
    }
    for field in fields.as_array().into_iter().flatten() {
        let inner = field.get("type").unwrap_or(field);
        bytes.extend(sample(idl, inner, random));
    }
    bytes
}

/// Random accounts behind those that an instruction names.
fn remaining(random: &mut Random) -> Vec<AccountMeta> {
    let count = random.range(0, 4);
    let meta = |random: &mut Random| AccountMeta {
        pubkey: Pubkey::random(random),
        is_signer: random.one_in(2),
        is_writable: random.one_in(2),
    };
    (0..count).map(|_| meta(random)).collect()
}

/// Bytes of random arguments of an instruction, one after another.
fn sample_arguments(idl: &Value, name: &str, random: &mut Random) -> Vec<Vec<u8>> {
    let all = idl["instructions"].as_array().expect("instructions");
    let item = all.iter().find(|item| item["name"] == name);
    let item = item.unwrap_or_else(|| panic!("idl/ has no {name}"));
    let arguments = item["args"].as_array().expect("args").iter();
    arguments
        .map(|argument| sample(idl, &argument["type"], random))
        .collect()
}

/// An argument as the generated function takes it.
macro_rules! passed {
    ($value:ident) => {
        $value
    };
    ($value:ident by reference) => {
        &$value
    };
}

macro_rules! compare {
    ($idl:ident, $random:ident, $compared:ident: $(
        $name:ident: $ours:ident as $theirs:ident [$($field:ident)* $(+ $fixed:ident)?]
            ($($argument:ident: $kind:tt $(<$inner:ident>)? $(by $by:ident)?),*);
    )*) => {$(
        #[allow(unused_mut, unused_variables, unused_assignments)]
        for _ in 0..ROUNDS {
            let named = instructions::$ours { $($field: Key::random(&mut $random)),* };
            let after = remaining(&mut $random);
            let bytes = sample_arguments(&$idl, stringify!($name), &mut $random);
            let mut next = bytes.iter();
            $(
                let text = next.next().expect("another argument");
                let $argument = <$kind $(<$inner>)?>::try_from_slice(text).expect("what idl/ describes");
            )*
            assert!(next.next().is_none(), "{}: more arguments", stringify!($name));
            let built = named.instruction($(passed!($argument $(by $by)?),)* &after);

            let accounts = accounts::$theirs {
                $($field: named.$field,)*
                $($fixed: anchor_lang::system_program::ID,)?
            };
            let mut metas = accounts.to_account_metas(None);
            assert_eq!(named.metas(), metas, "{}", stringify!($name));
            metas.extend(after);
            let expected = Instruction {
                program_id: portfolio_margin::id(),
                accounts: metas,
                data: instruction::$ours { $($argument),* }.data(),
            };
            assert_eq!(built, expected, "{}", stringify!($name));
            let written = [&instructions::$ours::DISCRIMINATOR[..], &bytes.concat()].concat();
            assert_eq!(built.data, written, "{}: not the bytes of idl/", stringify!($name));
            assert_eq!(instruction::$ours::DISCRIMINATOR, instructions::$ours::DISCRIMINATOR);
        }
        $compared.push((stringify!($name), instructions::$ours::DISCRIMINATOR));
    )*};
}

/// Every instruction as idl/ has it: its accounts struct in the program, the accounts that it names, `+` those that have a fixed
/// address, its arguments.
#[test]
fn every_instruction_is_built_as_anchor_builds_it() {
    let idl = event_log::idl();
    let mut random = Random::new(6);
    let mut compared = vec![];
    compare! { idl, random, compared:
        add_expiry: AddExpiry as AddExpiry [governor clearinghouse market] (time: i64);
        approve_venue: ApproveVenue as ApproveVenue [owner margin_account venue] ();
        assert_health: AssertHealth as AssertHealth
            [clearinghouse margin_account]
            (kind: HealthKind, least: i64);
        assert_sequence: AssertSequence as AssertSequence [margin_account] (least: u64, most: u64);
        auto_deleverage: AutoDeleverage as AutoDeleverage
            [caller clearinghouse liquidatee counterparty]
            (args: DeleverageArgs by reference);
        bid_insolvent: BidInsolvent as BidInsolvent
            [liquidator_owner clearinghouse liquidator liquidatee loss_market]
            (args: BidArgs by reference);
        bid_liquidation: BidLiquidation as BidLiquidation
            [liquidator_owner clearinghouse liquidator liquidatee]
            (args: BidArgs by reference);
        cancel_quotes: CancelQuotes as CancelQuotes
            [signer margin_account quotes]
            (what: QuoteCancel);
        close_margin_account: CloseMarginAccount as CloseMarginAccount [owner margin_account] ();
        collect_fees: CollectFees as CollectFees [clearinghouse market] ();
        delist_venue: DelistVenue as ChangeVenue [governor clearinghouse venue] ();
        deposit_collateral: DepositCollateral as DepositCollateral
            [owner clearinghouse margin_account bank vault source mint token_program]
            (amount: u64);
        deposit_insurance: DepositInsurance as DepositInsurance
            [payer clearinghouse bank vault source mint token_program]
            (amount: u64);
        fill_quote: FillQuote as FillQuote
            [taker_signer clearinghouse taker maker quotes instructions]
            (args: FillQuoteArgs by reference);
        finalize_settlement: FinalizeSettlement as FinalizeSettlement
            [clearinghouse market]
            (expiry: i64);
        grow_margin_account: GrowMarginAccount as GrowMarginAccount
            [owner margin_account + system_program]
            (capacity: u16);
        initialize_bank: InitializeBank as InitializeBank
            [governor clearinghouse mint bank vault token_program offset_market + system_program]
            (args: BankArgs by reference);
        initialize_clearinghouse: InitializeClearinghouse as InitializeClearinghouse
            [governor clearinghouse quote_mint + system_program]
            (args: ClearinghouseArgs by reference);
        initialize_market: InitializeMarket as InitializeMarket
            [governor clearinghouse market + system_program]
            (args: MarketArgs by reference);
        liquidate_legs: LiquidateLegs as LiquidateLegs
            [liquidator_owner clearinghouse liquidator liquidatee]
            (args: LiquidateLegsArgs by reference);
        list_venue: ListVenue as ListVenue
            [governor clearinghouse program venue + system_program]
            ();
        open_margin_account: OpenMarginAccount as OpenMarginAccount
            [owner clearinghouse margin_account + system_program]
            (args: MarginAccountArgs by reference);
        open_market: OpenMarket as OpenMarket
            [governor clearinghouse market board + system_program]
            (args: MarketRulesArgs by reference);
        open_quotes: OpenQuotes as OpenQuotes [owner margin_account quotes + system_program] ();
        post_vol_surface: PostVolSurface as PostVolSurface
            [poster market board]
            (args: SurfaceArgs by reference);
        prove_insolvency: ProveInsolvency as ProveInsolvency
            [clearinghouse margin_account]
            (args: ProveInsolvencyArgs by reference);
        record_settlement: RecordSettlement as RecordSettlement
            [clearinghouse market price]
            (expiry: i64);
        relist_venue: RelistVenue as ChangeVenue [governor clearinghouse venue] ();
        report_bank_outage: ReportBankOutage as ReportBankOutage [bank] ();
        report_outage: ReportOutage as ReportOutage [market] ();
        resolve_bankruptcy: ResolveBankruptcy as ResolveBankruptcy
            [clearinghouse margin_account loss_market]
            ();
        restart_auction: RestartAuction as Recovery [caller clearinghouse margin_account] ();
        revoke_venue: RevokeVenue as RevokeVenue [owner margin_account] (program: Pubkey);
        set_delegate: SetDelegate as SetDelegate
            [owner margin_account]
            (delegate: Pubkey, scope: u64, expires: i64);
        set_tier: SetTier as SetTier [owner clearinghouse margin_account] (tier: u8);
        settle_expiry: SettleExpiry as SettleExpiry
            [clearinghouse market margin_account]
            (expiry: i64);
        settle_perp_pnl: SettlePerpPnl as SettlePerpPnl
            [clearinghouse market margin_account price signer]
            ();
        start_liquidation: StartLiquidation as StartLiquidation
            [caller clearinghouse margin_account]
            (args: StartLiquidationArgs by reference);
        stop_liquidation: StopLiquidation as Recovery [caller clearinghouse margin_account] ();
        trade: Trade as Trade
            [taker_owner maker_owner clearinghouse taker maker]
            (legs: Vec<TradeLeg> by reference);
        update_bank: UpdateBank as UpdateBank [bank price] ();
        update_funding: UpdateFunding as UpdateFunding [market] ();
        update_interest: UpdateInterest as UpdateInterest [clearinghouse] ();
        update_market: UpdateMarket as UpdateMarket [market price reference reference_price] ();
        update_quote_price: UpdateQuotePrice as UpdateQuotePrice [clearinghouse price] ();
        venue_fill: VenueFill as VenueFill
            [venue_authority venue clearinghouse taker maker]
            (legs: Vec<TradeLeg> by reference);
        view_greeks: ViewGreeks as View
            [clearinghouse margin_account]
            (page: GreeksPage, legs: Vec<TradeLeg> by reference);
        view_margin: ViewMargin as View
            [clearinghouse margin_account]
            (legs: Vec<TradeLeg> by reference);
        view_risk_matrix: ViewRiskMatrix as View
            [clearinghouse margin_account]
            (market: u16, legs: Vec<TradeLeg> by reference);
        withdraw_collateral: WithdrawCollateral as WithdrawCollateral
            [owner clearinghouse margin_account bank vault destination mint token_program]
            (amount: u64);
        withdraw_fees: WithdrawFees as WithdrawFees
            [governor clearinghouse bank vault destination mint token_program]
            (amount: u64);
    }
    let names: BTreeSet<_> = compared.iter().map(|(name, _)| *name).collect();
    let all: BTreeSet<_> = instruction_names().into_iter().collect();
    assert_eq!(names, all, "an instruction that is not compared");
    compared.sort_unstable();
    assert_eq!(compared, instructions::ALL);
    assert_eq!(ID, portfolio_margin::id());
}

/// The accounts that an instruction may leave out are compared with and without them.
#[test]
fn an_account_that_is_left_out_is_the_program_itself_neither_written_nor_signing() {
    let key = |n| Pubkey::new_from_array([n; 32]);
    let named = instructions::BidInsolvent {
        liquidator_owner: key(1),
        clearinghouse: key(2),
        liquidator: key(3),
        liquidatee: key(4),
        loss_market: None,
    };
    let last = named.metas().pop();
    assert_eq!(last, Some(AccountMeta::new_readonly(ID, false)));
    let named = instructions::BidInsolvent {
        loss_market: Some(key(5)),
        ..named
    };
    let last = named.metas().pop();
    assert_eq!(last, Some(AccountMeta::new(key(5), false)));
}

macro_rules! errors {
    ($($name:ident)*) => {
        /// The generated error of the program's own. The match knows every variant: one more does not compile.
        fn generated(error: MarginError) -> ErrorCode {
            match error {
                $(MarginError::$name => ErrorCode::$name,)*
            }
        }

        const ERRORS: &[MarginError] = &[$(MarginError::$name,)*];
    };
}

errors! {
        NotGovernor NotPoster NotOwner ClearinghouseMismatch QuoteDecimals
        DecimalsTooMany ParameterOutOfRange ScenarioSetInvalid ExpiryOutOfRange
        ExpiryListed ExpiryNotListed ExpiriesFull CapacityOutOfRange ZeroAmount
        AmountOverflow DepositCapExceeded CollateralsFull BalanceInsufficient
        VaultDeltaMismatch VaultMismatch OracleOwner OracleMalformed OracleFeedMismatch
        OracleUnverified OracleNonPositive OracleExponent OracleStale OracleFuture
        OracleConfidenceTooWide OracleInconsistent SurfaceStale SurfaceMissing
        RemainingAccountMissing UnexpectedAccount MarketMismatch BankMismatch
        ScopeTooWide SelfTrade LegCount InstrumentUnknown Expired PositionsFull
        CashNegative InitialMarginBreached GrossNotionalExceeded RiskNotReduced
        AccountLiquidating AccountHealthy NotLiquidating BufferMissing WitnessLength
        SelfLiquidation AccountInsolvent SliceTooSmall HealthNotImproved PriceAboveLimit
        RiskEngine ViewOutOfRange QuoteFeedMissing QuotePriceStale OracleOutdated
        GroupUnknown GroupMismatch OffsetFeedMismatch TierUnknown PortfolioMinimum
        MarketOpen MarketClosed PosterCount MintExtension OracleKind OracleNotTrading
        OracleVolatile OutageRefused OutageMissing ButterflyArbitrage CalendarArbitrage
        SurfaceStep SurfaceQuorum AccountCapExceeded WithdrawalLimit DebtLimit
        ClearinghouseReadOnly TokenProgramMismatch PositionLimit OpenInterestLimit
        MarketReadOnly NotExpired SettlementPending SettlementFinal SampleRefused
        NothingToSettle PriceBand Unauthorized QuoteUnsigned QuoteExpired QuoteUsed
        QuoteTaker NotTopLevel InvalidSysvar VenueNotListed VenueNotApproved VenuesFull
        QuotesMismatch QuoteSession QuoteLots VenueProgram VenueListed AccountNotEmpty
        HealthBelow SequenceMismatch AccountTooYoung SliceBelowMinimum AccountSolvent
        InsolvencyUnproven LossMarketMismatch NotBankrupt WithdrawalsPaused
        MarketsIncomplete LossUncovered ProfitShared LegNotHeld LegsFeeTooHigh
        LegsTooDear PastBuffer PayoutRunning RiskNotOpposite MarketsFull
}

#[test]
fn every_error_has_the_code_the_name_and_the_text_of_the_program_s_own() {
    for error in ERRORS {
        let ours = generated(*error);
        assert_eq!(ours.code(), u32::from(*error), "{}", error.name());
        assert_eq!(ours.name(), error.name());
        assert_eq!(ours.text(), error.to_string(), "{}", error.name());
        assert_eq!(ErrorCode::from_code(ours.code()), Some(ours));
        let shown = format!("{} ({}): {error}", error.name(), u32::from(*error));
        assert_eq!(ours.to_string(), shown);
    }
    let all: Vec<_> = ERRORS.iter().map(|error| generated(*error)).collect();
    assert_eq!(all, ErrorCode::ALL);
    let [first, last] = [all[0], all[all.len() - 1]].map(ErrorCode::code);
    for other in [0, 1, first - 1, last + 1, u32::MAX] {
        assert_eq!(ErrorCode::from_code(other), None, "{other}");
    }
}
