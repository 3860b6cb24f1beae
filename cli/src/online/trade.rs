//! `pm trade`: legs against an account whose key is at hand.

use std::path::Path;

use clap::ArgMatches;
use client_core::Scope;
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::seeds;
use solana_signer::Signer;

use super::act::Act;
use super::config::address;
use super::desk::Desk;
use super::failure::Failure;
use super::refusal;
use super::series::Names;
use super::{key, word};

/// The legs of a command line.
pub fn legs(arguments: &ArgMatches, names: &Names) -> Result<Vec<TradeLeg>, Failure> {
    let words = arguments.get_many::<String>("LEG").unwrap_or_default();
    words.map(|leg| names.leg(leg)).collect()
}

/// `pm trade`.
pub async fn run(arguments: &ArgMatches) -> Result<(), Failure> {
    let desk = Desk::open(arguments).await?;
    let legs = legs(arguments, &desk.names)?;
    let maker_key = key::read(Path::new(word(arguments, "maker-keypair")))?;
    let maker = match arguments.get_one::<String>("maker") {
        Some(account) => address("maker", account)?,
        None => seeds::margin_account(&desk.settings.house, &maker_key.pubkey(), 0),
    };
    let scope = Scope::default().with_legs(&legs);
    let keys = [desk.account(arguments, "account")?, maker];
    let [taker, maker] = desk.load_pair(keys, &scope).await?;
    let signers = [&desk.owner()?, &maker_key.pubkey()];
    let built = taker
        .builder()
        .trade(&taker.side(), &maker.side(), signers, &legs);
    let instruction = built.map_err(refusal::of_client)?;
    let said: Vec<String> = legs.iter().map(|leg| desk.names.show_leg(leg)).collect();
    let mut act = Act::plain(
        format!("trade {} with {}", said.join(" "), maker.key),
        instruction,
    );
    act.signers.push(&maker_key);
    act.once()
        .showing(taker.key)
        .showing(maker.key)
        .beside(&scope)
        .carry_out(&desk)
        .await
}
