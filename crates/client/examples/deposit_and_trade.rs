//! Opens a new margin account, deposits USDC, buys a call from another account at the mark, and withdraws what is left over.
//!
//! A trade on this clearing house is an agreement of two accounts, so two wallets sign.
//! `LOCALNET_JSON=localnet.json cargo run -p portfolio-margin-client --example deposit_and_trade`

mod common;

use std::process::ExitCode;
use std::sync::Arc;

use client_core::Scope;
use common::{announce, dollars, finish, transactor, Outcome, Setup};
use portfolio_margin_client::{Client, ClientError, Loaded, Pubkey, Transactor};
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::errors::ErrorCode;
use portfolio_margin_interface::seeds;
use risk_core::position::Instrument;
use risk_core::tier::Tier;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

/// 2,500 USDC: the Portfolio tier may ask for a least equity, of the local network's house 1,000 USD.
const DEPOSIT: u64 = 2_500_000_000;
/// 0.01 of the underlying.
const SIZE: i64 = 10_000;

#[tokio::main]
async fn main() -> ExitCode {
    finish(run().await)
}

async fn run() -> Outcome {
    let setup = Setup::new()?;
    let client = setup.client().await?;
    let (taker, maker) = (setup.keypair()?, setup.other_keypair()?);
    announce(&taker);
    let transactor = transactor(&client, &taker);

    // The quote bank is the one whose deposits are cash.
    let directory = client.directory();
    let quote = directory.banks.values().find(|bank| bank.is_quote);
    let quote = quote.ok_or("the house lists no quote bank")?.index;

    // Opening and depositing in one transaction.
    let sub_account = free_sub_account(&client, &taker.pubkey()).await?;
    let account = seeds::margin_account(&client.house(), &taker.pubkey(), sub_account);
    let moment = client.moment().await?;
    let builder = moment.builder();
    let mut ixs = vec![builder.open_account(&taker.pubkey(), sub_account, 16, Tier::Portfolio)];
    ixs.extend(builder.deposit(&taker.pubkey(), &account, quote, DEPOSIT)?);
    let landed = transactor.send(&ixs, &[]).await?;
    println!(
        "opened    {account} with {} in {}",
        dollars(DEPOSIT as i64),
        landed.signature
    );

    // Both sides and the market of the trade, of one moment.
    let other = seeds::margin_account(&client.house(), &maker.pubkey(), 0);
    let market = *directory
        .markets
        .keys()
        .next()
        .ok_or("the house lists no market")?;
    let sides = client
        .load_all(&[account, other], &Scope::of_markets([market]))
        .await?;
    trade(&transactor, &sides, &maker, market).await?;

    let loaded = client.load(&account).await?;
    let margin = loaded.report()?.report.margin;
    println!(
        "margin    initial health {}",
        dollars(margin.initial_health.raw())
    );

    // More than there is: the program says no, and the simulation that says so costs nothing.
    let too_much = loaded
        .builder()
        .withdraw(&loaded.side(), quote, 10 * DEPOSIT)?;
    match transactor.send(&too_much, &[]).await {
        Err(ClientError::Refused(failure)) => {
            println!("refused   {failure}");
            assert!(failure.landed.is_none(), "a simulation does not land");
            assert_eq!(failure.code(), Some(ErrorCode::BalanceInsufficient));
        }
        other => return Err(format!("withdrew what is not there: {other:?}").into()),
    }
    // A quarter of the free collateral. What holds positions is checked, and a check wants young prices, so they come in front.
    let free = u64::try_from(margin.initial_health.raw() / 4)?;
    let builder = loaded.builder();
    let mut ixs = vec![
        builder.update_quote_price()?,
        builder.update_market(market)?,
    ];
    ixs.extend(builder.withdraw(&loaded.side(), quote, free)?);
    let landed = transactor.send(&ixs, &[]).await?;
    println!("withdrew  {} in {}", dollars(free as i64), landed.signature);
    Ok(())
}

async fn trade(
    transactor: &Transactor,
    sides: &[Loaded],
    maker: &Arc<Keypair>,
    market: u16,
) -> Outcome {
    let [taker, other] = sides else {
        return Err("a trade has two sides".into());
    };
    let leg = call_at_the_money(taker, market)?;
    let signers = [&transactor.payer(), &maker.pubkey()];
    let legs = std::slice::from_ref(&leg);
    let builder = taker.builder();
    let ix = builder.trade(&taker.side(), &other.side(), signers, legs)?;
    // a check wants the quote asset's price and the market's young: whoever trades brings them along
    let ixs: Vec<Instruction> = vec![
        builder.update_quote_price()?,
        builder.update_market(leg.market)?,
        ix,
    ];
    let landed = transactor.send(&ixs, &[maker.as_ref()]).await?;
    let quoted = &landed.quoted;
    println!(
        "traded    in {}: {} units of {} allowed, {} lamports, {} bytes",
        landed.signature, quoted.simulation.units, quoted.limit, quoted.lamports, quoted.bytes
    );
    Ok(())
}

/// A call of the second expiry at the strike nearest to spot, at 4 % of spot.
fn call_at_the_money(side: &Loaded, market: u16) -> Outcome<TradeLeg> {
    let markets = side.moment.inputs.markets.iter();
    let found = markets.clone().find(|(record, _)| record.index == market);
    let (record, shown) = found.ok_or("the market was not loaded")?;
    let expiry = record.expiries.iter().map(|slot| slot.time).max();
    let spot = shown.price.raw();
    // whole dollars, 1e-8 USD
    let strike = spot - spot % 100_000_000;
    Ok(TradeLeg {
        market,
        instrument: Instrument::Call as u8,
        expiry: expiry
            .filter(|time| *time > 0)
            .ok_or("the market lists no expiry")?,
        strike,
        quantity: SIZE,
        price: spot / 25,
    })
}

/// The first number under which the owner has no account yet.
async fn free_sub_account(client: &Client, owner: &Pubkey) -> Outcome<u16> {
    let (_, accounts) = client.margin_accounts(Some(owner)).await?;
    let used: Vec<u16> = accounts
        .iter()
        .map(|(_, account)| account.header.sub_account)
        .collect();
    let free = (0..u16::MAX).find(|number| !used.contains(number));
    free.ok_or_else(|| "all sub-accounts are in use".into())
}
