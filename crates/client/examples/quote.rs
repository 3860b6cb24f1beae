//! A maker signs a quote off chain; a taker verifies it and fills a part of it on chain; the maker cancels the rest.
//!
//! The maker sends no transaction for a quote, and the taker needs no signature of the maker for the fill: the quote is it.
//! `LOCALNET_JSON=localnet.json cargo run -p portfolio-margin-client --example quote`

mod common;

use client_core::Scope;
use common::{announce, finish, transactor, Outcome, Setup};
use portfolio_margin_client::quotes::{self, nonces_of};
use portfolio_margin_client::{Client, Loaded, Offer, Pubkey, SignedQuote, Transactor};
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::quote::QuoteCancel;
use portfolio_margin_interface::seeds;
use portfolio_margin_interface::state::QuoteNonces;
use risk_core::position::Instrument;
use solana_signer::Signer;
use std::process::ExitCode;

/// 0.001 of the underlying.
const LOT: i64 = 1_000;

#[tokio::main]
async fn main() -> ExitCode {
    finish(run().await)
}

async fn run() -> Outcome {
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
    let beside = Scope::of_markets([market]);
    let sides = client.load_all(&[taking, making], &beside).await?;
    let [taker_side, maker_side] = &sides[..] else {
        return Err("a quote has two sides".into());
    };
    let of_maker = transactor(&client, &maker);
    open_once(&of_maker, maker_side, &client).await?;

    // The maker's server signs. No transaction. What it signed travels as JSON.
    let nonces = nonces(&client, &making).await?;
    let offer = offer(maker_side, &nonces, market)?;
    let signed = quotes::sign(maker.as_ref(), &making, &client.house(), &nonces, &offer)?;
    let text = serde_json::to_string(&signed)?;
    println!("quote     {text}");

    // The taker verifies what arrives before it pays for anything.
    let received: SignedQuote = serde_json::from_str(&text)?;
    verify(&received, maker_side, taker_side)?;

    // It fills three lots of ten, or none.
    let builder = taker_side.builder();
    let mut ixs = vec![
        builder.update_quote_price()?,
        builder.update_market(market)?,
    ];
    let (taken, made) = (taker_side.side(), maker_side.side());
    ixs.extend(builder.fill_quote(&taken, &taker.pubkey(), &made, &received, [3, 3])?);
    let landed = transactor(&client, &taker).send(&ixs, &[]).await?;
    println!("filled    3 of 10 lots in {}", landed.signature);
    let filled = self::nonces(&client, &making).await?.filled(offer.nonce);
    assert_eq!(filled, Some(3));

    // The maker takes the rest back.
    let rest = QuoteCancel::Nonce(offer.nonce);
    let cancel = builder.cancel_quotes(&maker.pubkey(), &making, rest);
    of_maker.send(&[cancel], &[]).await?;
    let filled = self::nonces(&client, &making).await?.filled(offer.nonce);
    assert_eq!(filled, None);
    println!("cancelled the rest");
    Ok(())
}

/// Once in the life of a maker's account: opens the numbers of its quotes.
async fn open_once(transactor: &Transactor, maker: &Loaded, client: &Client) -> Outcome {
    let there: Option<QuoteNonces> = client.fetch(&nonces_of(&maker.key)).await?;
    if there.is_none() {
        let open = maker.builder().open_quotes(&transactor.payer(), &maker.key);
        transactor.send(&[open], &[]).await?;
    }
    Ok(())
}

async fn nonces(client: &Client, account: &Pubkey) -> Outcome<QuoteNonces> {
    let nonces = client.fetch(&nonces_of(account)).await?;
    nonces.ok_or_else(|| "the maker has no quotes open".into())
}

/// Ten lots of a perpetual at the price of the moment, to anybody, for a minute.
fn offer(maker: &Loaded, nonces: &QuoteNonces, market: u16) -> Outcome<Offer> {
    let moment = &maker.moment;
    let mut markets = moment.inputs.markets.iter();
    let listed = markets.find(|(record, _)| record.index == market);
    let (_, shown) = listed.ok_or("the market was not loaded")?;
    let free = (0..).find(|nonce| nonces.filled(*nonce) == Some(0));
    Ok(Offer {
        taker: None,
        nonce: free.ok_or("no number is free")?,
        expires: moment.inputs.now + 60,
        most_lots: 10,
        least_lots: 1,
        legs: vec![TradeLeg {
            market,
            instrument: Instrument::Perpetual as u8,
            expiry: 0,
            strike: 0,
            quantity: LOT,
            price: shown.price.raw(),
        }],
    })
}

/// The quote is good, and a changed one is not.
fn verify(quote: &SignedQuote, maker: &Loaded, taker: &Loaded) -> Outcome {
    let (house, now) = (maker.moment.directory.house, maker.moment.inputs.now);
    let check = |quote: &SignedQuote| quote.verify(&house, &maker.side(), &taker.side(), now);
    check(quote)?;
    let mut forged = quote.clone();
    if let Some(byte) = forged.message.get_mut(150) {
        *byte ^= 1;
    }
    match check(&forged) {
        Ok(_) => Err("a changed quote was taken for a good one".into()),
        Err(error) => {
            println!("refused   {error}");
            Ok(())
        }
    }
}
