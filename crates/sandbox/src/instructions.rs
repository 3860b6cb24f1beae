//! Every instruction of the program, built from addresses; tests take what comes out and bend it.

use anchor_lang::prelude::Pubkey;
use anchor_lang::{InstructionData, ToAccountMetas};
use anchor_spl::token::spl_token;
use portfolio_margin::{accounts, instruction};
use portfolio_margin_interface::args::{
    BankArgs, BidArgs, ClearinghouseArgs, MarginAccountArgs, MarketArgs, MarketRulesArgs,
    StartLiquidationArgs, SurfaceArgs, TradeLeg,
};
use portfolio_margin_interface::{seeds, ID};
use risk_core::tier::Tier;
use solana_instruction::{AccountMeta, Instruction};

use crate::accounts::Trader;
use crate::listing::{Bank, Market};

pub(crate) const SYSTEM: Pubkey = anchor_lang::system_program::ID;

/// An instruction of the program with accounts that it names and accounts that it does not.
pub(crate) fn instruction(
    accounts: impl ToAccountMetas,
    data: impl InstructionData,
    remaining: Vec<AccountMeta>,
) -> Instruction {
    let mut metas = accounts.to_account_metas(None);
    metas.extend(remaining);
    Instruction {
        program_id: ID,
        accounts: metas,
        data: data.data(),
    }
}

/// `initialize_clearinghouse`.
pub fn initialize_clearinghouse(
    governor: &Pubkey,
    quote_mint: &Pubkey,
    args: ClearinghouseArgs,
) -> Instruction {
    let accounts = accounts::InitializeClearinghouse {
        governor: *governor,
        clearinghouse: seeds::clearinghouse(args.id),
        quote_mint: *quote_mint,
        system_program: SYSTEM,
    };
    instruction(
        accounts,
        instruction::InitializeClearinghouse { args },
        vec![],
    )
}

/// `initialize_bank`.
pub fn initialize_bank(
    governor: &Pubkey,
    house: &Pubkey,
    mint: &Pubkey,
    args: BankArgs,
) -> Instruction {
    initialize_offset_bank(governor, house, mint, args, None)
}

/// `initialize_bank` for an asset that offsets the risk of a market.
pub fn initialize_offset_bank(
    governor: &Pubkey,
    house: &Pubkey,
    mint: &Pubkey,
    args: BankArgs,
    offset_market: Option<Pubkey>,
) -> Instruction {
    let bank = seeds::bank(house, mint);
    let accounts = accounts::InitializeBank {
        governor: *governor,
        clearinghouse: *house,
        mint: *mint,
        bank,
        vault: seeds::vault(&bank),
        token_program: spl_token::ID,
        system_program: SYSTEM,
        offset_market,
    };
    instruction(accounts, instruction::InitializeBank { args }, vec![])
}

/// An instruction of SPL Token for another token program.
pub fn with_token_program(mut ix: Instruction, program: &Pubkey) -> Instruction {
    let metas = ix.accounts.iter_mut();
    for meta in metas.filter(|meta| meta.pubkey == spl_token::ID) {
        meta.pubkey = *program;
    }
    ix
}

/// `initialize_market`; `index` is the house's next.
pub fn initialize_market(
    governor: &Pubkey,
    house: &Pubkey,
    index: u16,
    args: MarketArgs,
) -> Instruction {
    let accounts = accounts::InitializeMarket {
        governor: *governor,
        clearinghouse: *house,
        market: seeds::market(house, index),
        system_program: SYSTEM,
    };
    instruction(accounts, instruction::InitializeMarket { args }, vec![])
}

/// `open_market`.
pub fn open_market(governor: &Pubkey, market: &Market, args: MarketRulesArgs) -> Instruction {
    let accounts = accounts::OpenMarket {
        governor: *governor,
        clearinghouse: market.house,
        market: market.key,
        board: seeds::board(&market.key),
        system_program: SYSTEM,
    };
    instruction(accounts, instruction::OpenMarket { args }, vec![])
}

/// `add_expiry`.
pub fn add_expiry(governor: &Pubkey, market: &Market, time: i64) -> Instruction {
    let accounts = accounts::AddExpiry {
        governor: *governor,
        clearinghouse: market.house,
        market: market.key,
    };
    instruction(accounts, instruction::AddExpiry { time }, vec![])
}

/// `post_vol_surface`.
pub fn post_vol_surface(poster: &Pubkey, market: &Market, args: SurfaceArgs) -> Instruction {
    let accounts = accounts::PostVolSurface {
        poster: *poster,
        market: market.key,
        board: seeds::board(&market.key),
    };
    instruction(accounts, instruction::PostVolSurface { args }, vec![])
}

/// `open_margin_account`.
pub fn open_margin_account(owner: &Pubkey, house: &Pubkey, args: MarginAccountArgs) -> Instruction {
    let accounts = accounts::OpenMarginAccount {
        owner: *owner,
        clearinghouse: *house,
        margin_account: seeds::margin_account(house, owner, args.sub_account),
        system_program: SYSTEM,
    };
    instruction(accounts, instruction::OpenMarginAccount { args }, vec![])
}

/// `update_quote_price`.
pub fn update_quote_price(house: &Pubkey, price: &Pubkey) -> Instruction {
    let accounts = accounts::UpdateQuotePrice {
        clearinghouse: *house,
        price: *price,
    };
    instruction(accounts, instruction::UpdateQuotePrice {}, vec![])
}

/// `update_market`.
pub fn update_market(market: &Market) -> Instruction {
    let accounts = accounts::UpdateMarket {
        market: market.key,
        price: market.price,
        reference: None,
        reference_price: None,
    };
    instruction(accounts, instruction::UpdateMarket {}, vec![])
}

/// `update_market` with the reference market of its regime.
pub fn update_market_with(market: &Market, reference: &Market) -> Instruction {
    let accounts = accounts::UpdateMarket {
        market: market.key,
        price: market.price,
        reference: Some(reference.key),
        reference_price: Some(reference.price),
    };
    instruction(accounts, instruction::UpdateMarket {}, vec![])
}

/// `report_outage`.
pub fn report_outage(market: &Market) -> Instruction {
    let accounts = accounts::ReportOutage { market: market.key };
    instruction(accounts, instruction::ReportOutage {}, vec![])
}

/// `update_bank`.
pub fn update_bank(bank: &Bank) -> Instruction {
    let accounts = accounts::UpdateBank {
        bank: bank.key,
        price: bank.price,
    };
    instruction(accounts, instruction::UpdateBank {}, vec![])
}

/// `report_bank_outage`.
pub fn report_bank_outage(bank: &Bank) -> Instruction {
    let accounts = accounts::ReportBankOutage { bank: bank.key };
    instruction(accounts, instruction::ReportBankOutage {}, vec![])
}

/// `set_tier`.
pub fn set_tier(trader: &Trader, tier: Tier, remaining: Vec<AccountMeta>) -> Instruction {
    let accounts = accounts::SetTier {
        owner: trader.user.key,
        clearinghouse: trader.house,
        margin_account: trader.account,
    };
    let tier = tier as u8;
    instruction(accounts, instruction::SetTier { tier }, remaining)
}

/// Tokens of the quote bank move the house's sums of interest.
fn with_writable_house(ix: Instruction, house: Pubkey, bank: &Bank) -> Instruction {
    match bank.is_quote {
        true => writable(ix, &house),
        false => ix,
    }
}

/// The instruction with an account writable.
pub fn writable(mut ix: Instruction, key: &Pubkey) -> Instruction {
    let metas = ix.accounts.iter_mut().filter(|meta| meta.pubkey == *key);
    metas.for_each(|meta| meta.is_writable = true);
    ix
}

/// `update_interest`.
pub fn update_interest(house: &Pubkey) -> Instruction {
    let accounts = accounts::UpdateInterest {
        clearinghouse: *house,
    };
    instruction(accounts, instruction::UpdateInterest {}, vec![])
}

/// `collect_fees`.
pub fn collect_fees(market: &Market) -> Instruction {
    let accounts = accounts::CollectFees {
        clearinghouse: market.house,
        market: market.key,
    };
    instruction(accounts, instruction::CollectFees {}, vec![])
}

/// `deposit_insurance` from a token account.
pub fn deposit_insurance(payer: &Pubkey, bank: &Bank, source: &Pubkey, amount: u64) -> Instruction {
    let accounts = accounts::DepositInsurance {
        payer: *payer,
        clearinghouse: bank.house,
        bank: bank.key,
        vault: bank.vault,
        source: *source,
        mint: bank.mint,
        token_program: bank.token_program,
    };
    instruction(accounts, instruction::DepositInsurance { amount }, vec![])
}

/// `withdraw_fees` to a token account.
pub fn withdraw_fees(
    governor: &Pubkey,
    bank: &Bank,
    destination: &Pubkey,
    amount: u64,
) -> Instruction {
    let accounts = accounts::WithdrawFees {
        governor: *governor,
        clearinghouse: bank.house,
        bank: bank.key,
        vault: bank.vault,
        destination: *destination,
        mint: bank.mint,
        token_program: bank.token_program,
    };
    instruction(accounts, instruction::WithdrawFees { amount }, vec![])
}

/// `deposit_collateral` from a token account.
pub fn deposit_collateral(
    trader: &Trader,
    bank: &Bank,
    source: &Pubkey,
    amount: u64,
) -> Instruction {
    let accounts = accounts::DepositCollateral {
        owner: trader.user.key,
        clearinghouse: trader.house,
        margin_account: trader.account,
        bank: bank.key,
        vault: bank.vault,
        source: *source,
        mint: bank.mint,
        token_program: bank.token_program,
    };
    let ix = instruction(accounts, instruction::DepositCollateral { amount }, vec![]);
    with_writable_house(ix, trader.house, bank)
}

/// `withdraw_collateral` to a token account.
pub fn withdraw_collateral(
    trader: &Trader,
    bank: &Bank,
    destination: &Pubkey,
    amount: u64,
    remaining: Vec<AccountMeta>,
) -> Instruction {
    let accounts = accounts::WithdrawCollateral {
        owner: trader.user.key,
        clearinghouse: trader.house,
        margin_account: trader.account,
        bank: bank.key,
        vault: bank.vault,
        destination: *destination,
        mint: bank.mint,
        token_program: bank.token_program,
    };
    let ix = instruction(
        accounts,
        instruction::WithdrawCollateral { amount },
        remaining,
    );
    with_writable_house(ix, trader.house, bank)
}

/// `trade`.
pub fn trade(
    taker: &Trader,
    maker: &Trader,
    legs: Vec<TradeLeg>,
    remaining: Vec<AccountMeta>,
) -> Instruction {
    let accounts = accounts::Trade {
        taker_owner: taker.user.key,
        maker_owner: maker.user.key,
        clearinghouse: taker.house,
        taker: taker.account,
        maker: maker.account,
    };
    instruction(accounts, instruction::Trade { legs }, remaining)
}

/// `view_margin` without legs.
pub fn view_margin(house: &Pubkey, account: &Pubkey, remaining: Vec<AccountMeta>) -> Instruction {
    let accounts = accounts::View {
        clearinghouse: *house,
        margin_account: *account,
    };
    instruction(
        accounts,
        instruction::ViewMargin { legs: vec![] },
        remaining,
    )
}

/// `start_liquidation`.
pub fn start_liquidation(
    house: &Pubkey,
    caller: &Pubkey,
    account: &Pubkey,
    witness: Vec<u8>,
    remaining: Vec<AccountMeta>,
) -> Instruction {
    let accounts = accounts::StartLiquidation {
        caller: *caller,
        clearinghouse: *house,
        margin_account: *account,
    };
    let args = StartLiquidationArgs { witness };
    instruction(accounts, instruction::StartLiquidation { args }, remaining)
}

/// `bid_liquidation`.
pub fn bid_liquidation(
    liquidator: &Trader,
    liquidatee: &Pubkey,
    args: BidArgs,
    remaining: Vec<AccountMeta>,
) -> Instruction {
    let accounts = accounts::BidLiquidation {
        liquidator_owner: liquidator.user.key,
        clearinghouse: liquidator.house,
        liquidator: liquidator.account,
        liquidatee: *liquidatee,
    };
    instruction(accounts, instruction::BidLiquidation { args }, remaining)
}

/// `restart_auction`.
pub fn restart_auction(
    house: &Pubkey,
    caller: &Pubkey,
    account: &Pubkey,
    remaining: Vec<AccountMeta>,
) -> Instruction {
    let accounts = accounts::Recovery {
        caller: *caller,
        clearinghouse: *house,
        margin_account: *account,
    };
    instruction(accounts, instruction::RestartAuction {}, remaining)
}

/// `stop_liquidation`.
pub fn stop_liquidation(
    house: &Pubkey,
    caller: &Pubkey,
    account: &Pubkey,
    remaining: Vec<AccountMeta>,
) -> Instruction {
    let accounts = accounts::Recovery {
        caller: *caller,
        clearinghouse: *house,
        margin_account: *account,
    };
    instruction(accounts, instruction::StopLiquidation {}, remaining)
}
