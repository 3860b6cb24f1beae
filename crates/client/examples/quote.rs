//! A maker signs a quote off chain; a taker verifies it and fills a part of it on chain; the maker cancels the rest.
//!
//! The maker sends no transaction for a quote, and the taker needs no signature of the maker for the fill: the quote is it.
//! `LOCALNET_JSON=localnet.json cargo run -p portfolio-margin-client --example quote`

mod common;

use client_core::Scope;
use common::{announce, transactor, Outcome, Setup};
use portfolio_margin_client::quotes::{self, nonces_of};
use portfolio_margin_client::{Offer, SignedQuote};
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::quote::QuoteCancel;
use portfolio_margin_interface::seeds;
use portfolio_margin_interface::state::QuoteNonces;
use risk_core::position::Instrument;
use solana_signer::Signer;

/// 0.001 of the underlying.
const LOT: i64 = 1_000;

#[tokio::main]
async fn main() -> Outcome {
    let setup = Setup::new()?;
    let client = setup.client().await?;
    let (taker, maker) = (setup.keypair()?, setup.other_keypair()?);
    announce(&taker);
    let account = |owner| seeds::margin_account(&client.house(), owner, 0);
    let (taking, making) = (account(&taker.pubkey()), account(&maker.pubkey()));
    let market = *client
        .directory()
        .markets
        .keys()
        .next()
        .ok_or("no market")?;
    let sides = client
        .load_all(&[taking, making], &Scope::of_markets([market]))
        .await?;
    let [taker_side, maker_side] = &sides[..] else {
        return Err("a quote has two sides".into());
    };

    // The maker, once in the life of its account: opens the numbers of its quotes.
    let of_maker = transactor(&client, &maker);
    if client
        .fetch::<QuoteNonces>(&nonces_of(&making))
        .await?
        .is_none()
    {
        let open = maker_side.builder().open_quotes(&maker.pubkey(), &making);
        of_maker.send(&[open], &[]).await?;
    }
    let nonces = client.fetch::<QuoteNonces>(&nonces_of(&making)).await?;
    let nonces = nonces.ok_or("the nonces are not there yet")?;

    // The maker's server: signs an offer to sell perpetuals at the price of the moment. No transaction.
    let moment = &maker_side.moment;
    let price = moment
        .inputs
        .markets
        .iter()
        .find(|(record, _)| record.index == market);
    let price = price.ok_or("the market was not loaded")?.1.price.raw();
    let nonce = (0..)
        .find(|nonce| nonces.filled(*nonce) == Some(0))
        .ok_or("no number is free")?;
    let offer = Offer {
        taker: None,
        nonce,
        expires: moment.inputs.now + 60,
        most_lots: 10,
        least_lots: 1,
        legs: vec![TradeLeg {
            market,
            instrument: Instrument::Perpetual as u8,
            expiry: 0,
            strike: 0,
            quantity: LOT,
            price,
        }],
    };
    let signed = quotes::sign(maker.as_ref(), &making, &client.house(), &nonces, &offer)?;

    // It travels as JSON, and what arrives is verified before anybody pays for it.
    let text = serde_json::to_string(&signed)?;
    println!("quote     {text}");
    let received: SignedQuote = serde_json::from_str(&text)?;
    received.verify(
        &client.house(),
        &maker_side.side(),
        &taker_side.side(),
        moment.inputs.now,
    )?;
    let mut forged = received.clone();
    forged.message[150] ^= 1;
    if forged
        .verify(
            &client.house(),
            &maker_side.side(),
            &taker_side.side(),
            moment.inputs.now,
        )
        .is_ok()
    {
        return Err("a changed quote was taken for a good one".into());
    }

    // The taker fills three lots of ten, or none.
    let builder = taker_side.builder();
    let mut ixs = vec![
        builder.update_quote_price()?,
        builder.update_market(market)?,
    ];
    ixs.extend(builder.fill_quote(
        &taker_side.side(),
        &taker.pubkey(),
        &maker_side.side(),
        &received,
        [3, 3],
    )?);
    let landed = transactor(&client, &taker).send(&ixs, &[]).await?;
    println!("filled    3 of 10 lots in {}", landed.signature);
    let nonces = client.fetch::<QuoteNonces>(&nonces_of(&making)).await?;
    assert_eq!(nonces.and_then(|nonces| nonces.filled(nonce)), Some(3));

    // The maker takes the rest back.
    let cancel = builder.cancel_quotes(&maker.pubkey(), &making, QuoteCancel::Nonce(nonce));
    of_maker.send(&[cancel], &[]).await?;
    let nonces = client.fetch::<QuoteNonces>(&nonces_of(&making)).await?;
    assert_eq!(nonces.and_then(|nonces| nonces.filled(nonce)), None);
    println!("cancelled the rest");
    Ok(())
}
