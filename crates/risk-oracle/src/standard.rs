//! The Standard tier: leg by leg, expiry by expiry.
//!
//! Per expiry, options require the smaller of the sum of the shorts' isolated margins with their marks, and the largest loss at
//! any strike with unpaired short calls as naked; long options are paid in full and worth nothing as collateral, so the options'
//! net mark is required on top, at least zero in sum. Perpetuals and futures require a share of their notional at spot, and what is
//! net of them the distance to the stable price, to trade.

use crate::black76::OptionType;
use crate::expiry::Expiry;
use crate::input::{Book, Kind, Leg, Shock};

/// Shares of notional.
#[derive(Clone, Copy, Debug)]
pub struct Shares {
    /// Of a short option, before what it is out of the money.
    pub short: f64,
    /// Least share of a short option.
    pub floor: f64,
    /// Of a perpetual or future.
    pub perp: f64,
}

/// Required over equity by the positions of a market, 1e-6 USD.
pub fn requirement(book: &Book, shares: &Shares) -> f64 {
    let spot = book.spot as f64;
    let perps = book.legs.iter().filter(|leg| leg.kind == Kind::Perpetual);
    let share = |leg: &Leg| leg.quantity.abs() * 1e-8 * spot * shares.perp;
    let mut sum: f64 = perps.map(share).sum();
    for (index, listed) in book.expiries.iter().enumerate() {
        let expiry = Expiry::new(book, index, listed);
        sum += expiry.futures.iter().map(share).sum::<f64>();
        sum += options(spot, &expiry, shares);
    }
    sum
}

/// What the initial requirement carries for the distance of the spot to the stable price, on perpetuals and what follows the spot
/// of futures, netted.
pub fn stable_charge(book: &Book) -> f64 {
    let Some(stable) = book.stable_price else {
        return 0.0;
    };
    let perps = book.legs.iter().filter(|leg| leg.kind == Kind::Perpetual);
    let mut net: f64 = perps
        .map(|leg| leg.quantity * 1e-8 * book.perp_price as f64)
        .sum();
    for (index, listed) in book.expiries.iter().enumerate() {
        let expiry = Expiry::new(book, index, listed);
        let futures = expiry.futures.iter();
        net += futures
            .map(|leg| leg.quantity * 1e-8 * expiry.variable)
            .sum::<f64>();
    }
    net.abs() * ((book.spot - stable).abs() as f64 / book.spot as f64)
}

fn options(spot: f64, expiry: &Expiry<'_>, shares: &Shares) -> f64 {
    let mark = |leg: &Leg| {
        let option = expiry.option(leg, 1_000_000, Shock::None);
        leg.quantity * 1e-8 * option.price()
    };
    // margin and mark of a short
    let margin = |leg: &Leg| {
        let sign = option_type(leg).sign();
        let away = (sign * (leg.strike - spot)).max(0.0);
        let unit = (shares.short * spot - away).max(shares.floor * spot);
        leg.quantity.abs() * 1e-8 * unit - mark(leg)
    };
    let shorts = || expiry.options.iter().filter(|leg| leg.quantity < 0.0);
    let isolated: f64 = shorts().map(margin).sum();
    let calls = expiry
        .options
        .iter()
        .filter(|leg| option_type(leg) == OptionType::Call);
    let net_calls: f64 = calls.map(|leg| leg.quantity).sum();
    let unpaired = (-net_calls).max(0.0);
    let lowest = shorts()
        .filter(|leg| option_type(leg) == OptionType::Call)
        .min_by(|a, b| a.strike.total_cmp(&b.strike));
    let naked = lowest.map_or(0.0, |leg| margin(leg) / leg.quantity.abs() * unpaired);
    let paired = largest_loss(&expiry.options) + naked;
    let net: f64 = expiry.options.iter().map(mark).sum();
    (isolated.min(paired) + net).max(0.0)
}

fn option_type(leg: &Leg) -> OptionType {
    match leg.kind {
        Kind::Option(_, option_type) => option_type,
        _ => unreachable!("only options are asked for"),
    }
}

/// The largest loss of the payoff at zero and at every strike, at least zero.
fn largest_loss(options: &[Leg]) -> f64 {
    let payoff = |at: f64| -> f64 {
        let leg = |leg: &Leg| {
            let inside = (option_type(leg).sign() * (at - leg.strike)).max(0.0);
            leg.quantity * 1e-8 * inside
        };
        options.iter().map(leg).sum()
    };
    let strikes = options.iter().map(|leg| leg.strike);
    let worst = strikes.map(payoff).fold(payoff(0.0), f64::min);
    (-worst).max(0.0)
}
