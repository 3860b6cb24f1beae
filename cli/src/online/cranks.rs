//! `pm crank`: what anybody may do to keep a house current.

use clap::ArgMatches;
use portfolio_margin_client::build::Builder;
use risk_core::position::Instrument;

use super::act::Act;
use super::desk::{is_set, Desk};
use super::failure::Failure;
use super::refusal;
use super::word;

/// Runs one of them.
pub async fn run(name: &str, arguments: &ArgMatches) -> Result<(), Failure> {
    let desk = Desk::open(arguments).await?;
    let moment = desk.moment().await?;
    let build = moment.builder();
    match name {
        "settlement" => return settlement(&desk, &build, arguments).await,
        "perp-pnl" => return perp_pnl(&desk, arguments).await,
        _ => {}
    }
    let market = match name {
        "market" | "funding" | "fees" | "outage" => desk.market(arguments, "MARKET")?,
        _ => 0,
    };
    let (what, built) = match name {
        "market" => (
            format!("store the price of {}", desk.names.of(market)),
            build.update_market(market),
        ),
        "funding" => (
            format!("book the funding of {}", desk.names.of(market)),
            build.update_funding(market),
        ),
        "fees" => (
            format!("move the fees of {} to the house", desk.names.of(market)),
            build.collect_fees(market),
        ),
        "outage" => (
            format!("report that the feed of {} is dead", desk.names.of(market)),
            build.report_outage(market),
        ),
        "bank" => {
            let bank = bank_of_its_own(&desk, arguments, "market")?;
            (
                format!("store the price of bank @{bank}"),
                build.update_bank(bank),
            )
        }
        "bank-outage" => {
            let bank = bank_of_its_own(&desk, arguments, "outage")?;
            (
                format!("report that the feed of bank @{bank} is dead"),
                build.report_bank_outage(bank),
            )
        }
        _ => (
            "store the quote asset's price".to_owned(),
            build.update_quote_price(),
        ),
    };
    Act::plain(what, built.map_err(refusal::of_client)?)
        .carry_out(&desk)
        .await
}

/// The bank that is named, which has a feed of its own; `instead` is the crank of the market that it may follow.
fn bank_of_its_own(desk: &Desk, arguments: &ArgMatches, instead: &str) -> Result<u16, Failure> {
    let bank = desk.bank(word(arguments, "ASSET"))?;
    if bank.is_quote {
        return Err(Failure::usage(
            "the quote asset's price is stored by: pm crank quote-price",
        ));
    }
    if let Some(market) = bank.offset_market {
        let market = desk.names.of(market);
        let text = format!(
            "bank @{} follows {market}, whose price counts: pm crank {instead} {market}",
            bank.index
        );
        return Err(Failure::refused(text));
    }
    Ok(bank.index)
}

/// Realises what an account's perpetual has lost, or won as far as losers have paid.
async fn perp_pnl(desk: &Desk, arguments: &ArgMatches) -> Result<(), Failure> {
    let market = desk.market(arguments, "MARKET")?;
    let account = desk.account(arguments, "account")?;
    let loaded = desk.load(&account).await?;
    let (side, owner) = (loaded.side(), desk.owner()?);
    // a profit that shares a market's losses is its owner's to take
    let signer = (side.owner() == owner).then_some(owner);
    let built = loaded.builder().settle_perp_pnl(&side, market, signer);
    let name = desk.names.of(market);
    let what = format!("realise the {name} perpetual's profit or loss of {account}");
    Act::plain(what, built.map_err(refusal::of_client)?)
        .showing(account)
        .carry_out(desk)
        .await
}

async fn settlement(
    desk: &Desk,
    build: &Builder<'_>,
    arguments: &ArgMatches,
) -> Result<(), Failure> {
    let name = word(arguments, "FUTURE");
    let series = desk.names.series(name)?;
    if series.instrument != Instrument::Future as u8 {
        return Err(Failure::usage(format!(
            "{name}: name the expiry as a future, such as BTC-27NOV26"
        )));
    }
    let (market, expiry) = (series.market, series.expiry);
    let (what, built) = if is_set(arguments, "record") {
        (
            format!("record a settlement price of {name}"),
            build.record_settlement(market, expiry),
        )
    } else if is_set(arguments, "finalize") {
        (
            format!("make the settlement price of {name} final"),
            build.finalize_settlement(market, expiry),
        )
    } else {
        let account = desk.account(arguments, "account")?;
        (
            format!("settle {name} of {account}"),
            build.settle_expiry(&account, market, expiry),
        )
    };
    Act::plain(what, built.map_err(refusal::of_client)?)
        .carry_out(desk)
        .await
}
