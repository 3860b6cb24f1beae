//! `pm deposit` and `pm withdraw`.

use clap::ArgMatches;
use client_core::{ListedBank, Scope};
use portfolio_margin_client::associated_token_account;
use portfolio_margin_interface::Pubkey;

use super::act::Act;
use super::amount::{native, shown};
use super::desk::Desk;
use super::failure::Failure;
use super::refusal;
use super::word;

/// Where a token account holds its amount.
const AMOUNT: std::ops::Range<usize> = 64..72;

/// Native units in the owner's associated token account; zero where there is none.
async fn in_wallet(
    desk: &Desk,
    owner: &Pubkey,
    bank: &ListedBank,
) -> Result<(Pubkey, u64), Failure> {
    let key = associated_token_account(owner, &bank.mint, &bank.token_program);
    let read = desk
        .rpc()
        .accounts(&[key])
        .await
        .map_err(refusal::of_client)?;
    let account = read.accounts.into_iter().next().flatten();
    let bytes = account.and_then(|account| account.data.get(AMOUNT)?.try_into().ok());
    Ok((key, bytes.map_or(0, u64::from_le_bytes)))
}

/// `AMOUNT of ASSET` as typed, for messages.
fn said(arguments: &ArgMatches) -> String {
    format!(
        "{} of {}",
        word(arguments, "AMOUNT"),
        word(arguments, "ASSET")
    )
}

fn of_bank(bank: &ListedBank) -> Scope {
    let mut scope = Scope::default();
    if !bank.is_quote {
        scope.banks.insert(bank.index);
        scope.markets.extend(bank.offset_market);
    }
    scope
}

/// `pm deposit`.
pub async fn deposit(arguments: &ArgMatches) -> Result<(), Failure> {
    let desk = Desk::open(arguments).await?;
    let bank = desk.bank(word(arguments, "ASSET"))?;
    let amount = native("amount", word(arguments, "AMOUNT"), bank.decimals.into())?;
    let (owner, key) = (desk.owner()?, desk.own_account(arguments)?);
    let account = desk.load(&key).await?;
    let (wallet, held) = in_wallet(&desk, &owner, &bank).await?;
    if held < amount {
        let has = shown(held, bank.decimals.into());
        let text = format!(
            "token account {wallet} holds {has}, less than {}",
            word(arguments, "AMOUNT")
        );
        return Err(Failure::refused(text));
    }
    let built = account.builder().deposit(&owner, &key, bank.index, amount);
    let instructions = built.map_err(refusal::of_client)?;
    let act = Act::new(format!("deposit {}", said(arguments)), instructions);
    act.showing(key)
        .beside(&of_bank(&bank))
        .carry_out(&desk)
        .await
}

/// `pm withdraw`.
pub async fn withdraw(arguments: &ArgMatches) -> Result<(), Failure> {
    let desk = Desk::open(arguments).await?;
    let bank = desk.bank(word(arguments, "ASSET"))?;
    let amount = native("amount", word(arguments, "AMOUNT"), bank.decimals.into())?;
    let key = desk.own_account(arguments)?;
    let account = desk.load(&key).await?;
    let held = account.account.header.collateral_of(bank.index);
    if !bank.is_quote && held < amount {
        let has = shown(held, bank.decimals.into());
        let text = format!(
            "account {key} holds {has} of it, less than {}",
            word(arguments, "AMOUNT")
        );
        return Err(Failure::refused(text));
    }
    let built = account
        .builder()
        .withdraw(&account.side(), bank.index, amount);
    let instructions = built.map_err(refusal::of_client)?;
    let act = Act::new(format!("withdraw {}", said(arguments)), instructions);
    act.showing(key).carry_out(&desk).await
}
