//! The same account for both sides: integers for the engine, the numbers they stand for to the oracle.

use crate::draw::{Drawn, DrawnBook, NOW};
use risk_core::market::{Expiry, MarketParams};
use risk_core::params::ConcentrationParams;
use risk_core::position::{Instrument, QuotedPosition};
use risk_core::scenario::{Scenario, VolShock};
use risk_core::svi::Svi;
use risk_core::Ratio;
use risk_oracle::black76::OptionType;
use risk_oracle::input;

pub fn share(ratio: Ratio) -> f64 {
    ratio.raw() as f64 / 1e6
}

pub fn account(drawn: &Drawn) -> input::Account {
    let terms = &drawn.terms;
    let held = drawn.collateral.iter().map(|held| {
        let collateral = &held.collateral;
        input::Collateral {
            value: collateral.value.raw() as f64,
            mm_haircut: share(collateral.haircut_maintenance),
            im_haircut: share(collateral.haircut_initial),
            confidence: share(collateral.confidence),
        }
    });
    input::Account {
        cash: drawn.cash.raw() as f64,
        quote_price: terms.quote_price.raw() as f64 / 1e8,
        peg_threshold: share(terms.peg_threshold),
        peg_factor: share(terms.peg_factor),
        confidence: [terms.confidence.threshold, terms.confidence.factor].map(share),
        collateral: held.collect(),
        books: drawn.books.iter().map(book).collect(),
        groups: drawn
            .groups
            .iter()
            .map(|group| [group.kappa, group.offset_cap].map(share))
            .collect(),
    }
}

pub fn book(drawn: &DrawnBook) -> input::Book {
    input::Book {
        spot: drawn.spot,
        perp_price: drawn.perp_price,
        stable_price: drawn.stable_price,
        spot_confidence: share(drawn.spot_confidence),
        perp_confidence: share(drawn.perp_confidence),
        offset: drawn.offset as f64,
        params: params(&drawn.params),
        scenarios: drawn.scenarios.iter().map(scenario).collect(),
        expiries: drawn.expiries.iter().map(expiry).collect(),
        legs: drawn
            .positions
            .iter()
            .map(|held| leg(drawn, held))
            .collect(),
        group: drawn.group,
    }
}

fn leg(drawn: &DrawnBook, held: &QuotedPosition) -> input::Leg {
    let position = &held.position;
    let mut listed = drawn.expiries.iter();
    let expiry = listed.position(|expiry| expiry.time == position.expiry);
    let kind = match position.instrument {
        Instrument::Perpetual => input::Kind::Perpetual,
        Instrument::Future => input::Kind::Future(expiry.unwrap()),
        Instrument::Call => input::Kind::Option(expiry.unwrap(), OptionType::Call),
        Instrument::Put => input::Kind::Option(expiry.unwrap(), OptionType::Put),
    };
    input::Leg {
        kind,
        strike: position.strike.raw() as f64,
        volatility: held.volatility.map(|volatility| volatility as f64 / 1e9),
        quantity: position.quantity.raw() as f64,
        cost: position.cost.raw() as f64,
    }
}

fn expiry(listed: &Expiry) -> input::ListedExpiry {
    input::ListedExpiry {
        seconds: listed.time - NOW,
        forward_basis: listed.forward_basis.into(),
        forward_price: listed.forward_price.map(|price| price.raw() as i64),
        fixed_forward: listed.fixed_forward.raw() as i64,
        rate: f64::from(listed.rate) / 1e6,
        smile: listed.svi.as_ref().map(smile),
        confidence: share(listed.confidence),
    }
}

fn smile(svi: &Svi) -> input::Smile {
    input::Smile {
        a: svi.a,
        b: svi.b as i64,
        rho: svi.rho.into(),
        m: svi.m.into(),
        s: svi.s.into(),
        reference_seconds: svi.reference_tenor.into(),
    }
}

fn scenario(scenario: &Scenario) -> input::Scenario {
    input::Scenario {
        vol: match scenario.vol {
            VolShock::Up => input::Shock::Up,
            VolShock::None => input::Shock::None,
            VolShock::Down => input::Shock::Down,
            VolShock::SkewLinear => input::Shock::SkewLinear,
            VolShock::SkewAbs => input::Shock::SkewAbs,
        },
        spot: scenario.spot.into(),
        damping: f64::from(scenario.damping) / 1e6,
    }
}

fn concentration(params: &ConcentrationParams) -> input::Concentration {
    input::Concentration {
        threshold: params.threshold.raw() as f64,
        full: params.full.raw() as f64,
        cap: share(params.cap),
    }
}

fn params(params: &MarketParams) -> input::Params {
    let (vol, skew, discount) = (&params.vol, &params.skew, &params.discount);
    input::Params {
        vol_range_up: share(vol.range_up),
        vol_range_down: share(vol.range_down),
        vol_short_power: share(vol.short_power),
        vol_long_power: share(vol.long_power),
        vol_floor_seconds: vol.floor_seconds as f64,
        min_vol_up: share(vol.min_vol_up),
        skew_linear: [skew.linear_base, skew.linear_slope].map(share),
        skew_abs: [skew.abs_base, skew.abs_slope].map(share),
        skew_min_k: share(skew.min_k),
        skew_width: share(skew.width),
        skew_static: share(skew.fixed),
        skew_scale: share(skew.scale),
        long_base: share(discount.long_base),
        long_mult: share(discount.long_multiplier),
        long_add: share(discount.long_add),
        short_base: share(discount.short_base),
        short_mult: share(discount.short_multiplier),
        short_add: share(discount.short_add),
        basis_spot: [params.basis.up.raw(), params.basis.down.raw()],
        basis_add: share(params.basis.add),
        basis_mult: share(params.basis.multiplier),
        min_delta_net: share(params.min_delta.net),
        min_delta_hedged: share(params.min_delta.hedged),
        mm_perp: share(params.perp_maintenance),
        im_perp: share(params.perp_initial),
        mm_option: share(params.option_maintenance),
        im_option: share(params.option_initial),
        confidence_threshold: share(params.confidence.threshold),
        confidence_factor: share(params.confidence.factor),
        concentration_delta: concentration(&params.concentration_delta),
        concentration_vega: concentration(&params.concentration_vega),
        f_mm: share(params.scan_maintenance),
        f_im: share(params.scan_initial),
    }
}
