//! When a stored price, funding or fees are due, from the chain's record and the newest published price.

use client_core::oracle::outage::OUTAGE_LEAST_AGE;
use client_core::oracle::policy::MAX_LAG;
use client_core::oracle::ShownPrice;
use portfolio_margin_interface::errors::ErrorCode;
use portfolio_margin_interface::state::{Clearinghouse, CollateralBank, Market};

use crate::config::Cranks;

/// What is stored of a price: the price, 1e-8 USD, and when it was published; zero where nothing is.
#[derive(Clone, Copy, Debug)]
struct Stored {
    price: u64,
    publish_time: i64,
}

/// Whether a newer price should be stored: it is good enough, and the stored one is old, far off or missing. `age` is in seconds.
fn is_stale(stored: Stored, shown: &ShownPrice, age: i64, settings: &Cranks) -> bool {
    let Some(published) = shown.publish_time else {
        return false;
    };
    if shown.refusal.is_some() || shown.doubt.is_some() || published <= stored.publish_time {
        return false;
    }
    let lag = published.saturating_sub(stored.publish_time);
    let distance = u128::from(shown.price.raw().abs_diff(stored.price));
    let far = u128::from(stored.price).saturating_mul(settings.price_move.into());
    stored.price == 0 || lag >= age || distance.saturating_mul(1_000_000) >= far
}

/// Whether a market wants its price stored: it is stale, its regime is due for a sample, or a report of an outage is to be answered.
pub fn market(market: &Market, shown: &ShownPrice, settings: &Cranks) -> bool {
    let Some(published) = shown.publish_time else {
        return false;
    };
    if shown.refusal.is_some() || published < market.spot_publish_time {
        return false;
    }
    if market.outage_at != 0 {
        return true; // the feed lives, however wide its price
    }
    let regime = &market.regime;
    let since = published.saturating_sub(regime.sampled_at);
    let is_sample_due = regime.is_on() && since >= i64::from(regime.interval);
    let stored = Stored {
        price: market.spot,
        publish_time: market.spot_publish_time,
    };
    (is_sample_due && shown.doubt.is_none())
        || is_stale(stored, shown, settings.price_age, settings)
}

/// Whether a bank without a market of its feed wants its price stored. Nothing but an outage reads it: an hour's age does no harm.
pub fn bank(bank: &CollateralBank, shown: &ShownPrice, settings: &Cranks) -> bool {
    if bank.is_quote == 1 || bank.offset_market != 0 {
        return false;
    }
    let is_answer = bank.outage_at != 0 && shown.refusal.is_none() && shown.publish_time.is_some();
    let stored = Stored {
        price: bank.spot,
        publish_time: bank.spot_publish_time,
    };
    is_answer || is_stale(stored, shown, settings.price_age, settings)
}

/// Whether a market's feed is to be reported dead: nobody did, and neither was a price stored of late nor is there one to store.
pub fn market_outage(market: &Market, shown: &ShownPrice, now: i64) -> bool {
    let age = now.saturating_sub(market.spot_publish_time);
    let may = market.spot != 0 && market.outage_at == 0 && age >= OUTAGE_LEAST_AGE;
    may && is_dead(shown, now)
}

/// The same of a bank with a feed of its own, which needs no price stored.
pub fn bank_outage(bank: &CollateralBank, shown: &ShownPrice, now: i64) -> bool {
    if bank.is_quote == 1 || bank.offset_market != 0 {
        return false;
    }
    let age = now.saturating_sub(bank.spot_publish_time);
    bank.outage_at == 0 && age >= OUTAGE_LEAST_AGE && is_dead(shown, now)
}

/// Whether nothing usable is published: the newest price is as old as a report asks, or no price at all. One that is merely wide, or far
/// from the stable price, would take the report back at once.
fn is_dead(shown: &ShownPrice, now: i64) -> bool {
    match (&shown.refusal, shown.publish_time) {
        (None, _) => false,
        (Some(refusal), Some(published)) if refusal.reason == ErrorCode::OracleStale => {
            now.saturating_sub(published) >= OUTAGE_LEAST_AGE
        }
        (Some(_), _) => true,
    }
}

/// Whether the quote asset's price is due: before half of the age that an opening accepts.
pub fn quote(house: &Clearinghouse, shown: &ShownPrice, settings: &Cranks) -> bool {
    let stored = Stored {
        price: house.quote_price,
        publish_time: house.quote_publish_time,
    };
    let half = i64::from(house.quote_max_age) / 2;
    house.has_quote_feed() && is_stale(stored, shown, settings.price_age.min(half), settings)
}

/// Whether the anchor of the funding index is of an earlier hour.
pub fn funding(market: &Market, now: i64) -> bool {
    let mut rolled = market.funding;
    rolled.roll(now);
    rolled != market.funding
}

/// Whether enough fees wait.
pub fn fees(market: &Market, settings: &Cranks) -> bool {
    market.fees > 0 && market.fees >= settings.least_fees.unsigned_abs()
}

/// Whether a reference market's price may go with a market's own: good enough, not behind what is stored, of the same moment.
pub fn is_paired(own: &ShownPrice, reference: &ShownPrice, market: &Market) -> bool {
    let (Some(own), Some(other)) = (own.publish_time, reference.publish_time) else {
        return false;
    };
    let is_good = reference.refusal.is_none() && reference.doubt.is_none();
    is_good && other >= market.spot_publish_time && own.abs_diff(other) <= MAX_LAG.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;
    use client_core::oracle::{Doubt, Grade, PriceRefusal};
    use portfolio_margin_interface::errors::ErrorCode;
    use risk_core::Price;

    const NOW: i64 = 1_800_000_000;

    fn settings() -> Cranks {
        let text = "[house]\nkeypair = \"k\"\n";
        crate::config::Settings::from_text(text, &Default::default())
            .unwrap()
            .cranks
    }

    fn shown(price: u64, published: i64) -> ShownPrice {
        ShownPrice {
            publish_time: Some(published),
            ..ShownPrice::supposed(Price::from_raw(price))
        }
    }

    fn stored(price: u64, published: i64) -> Market {
        Market {
            spot: price,
            spot_publish_time: published,
            ..Market::zeroed()
        }
    }

    #[test]
    fn a_price_is_stored_by_age_or_by_distance_and_only_a_newer_one() {
        let (settings, price) = (settings(), 100_000_000);
        let market_at = stored(price, NOW);
        let due = |price, published| market(&market_at, &shown(price, published), &settings);
        // a minute, half a per cent
        assert!(!due(price, NOW + 59) && due(price, NOW + 60));
        assert!(!due(100_499_999, NOW + 1) && due(100_500_000, NOW + 1));
        assert!(!due(99_500_001, NOW + 1) && due(99_500_000, NOW + 1));
        assert!(!due(200_000_000, NOW) && !due(200_000_000, NOW - 1));
        assert!(market(&stored(0, 0), &shown(price, 1), &settings));
    }

    #[test]
    fn a_doubtful_price_is_not_stored_but_answers_a_report() {
        let settings = settings();
        let doubt = Doubt {
            grade: Grade::Uncertain,
            reason: ErrorCode::OracleConfidenceTooWide,
            values: None,
        };
        let refusal = PriceRefusal {
            account: Default::default(),
            reason: ErrorCode::OracleStale,
            found: 61,
            limit: 60,
        };
        let wide = ShownPrice {
            doubt: Some(doubt),
            ..shown(5, NOW + 100)
        };
        let old = ShownPrice {
            refusal: Some(refusal),
            ..shown(5, NOW + 100)
        };
        let reported = Market {
            outage_at: NOW,
            ..stored(9, NOW)
        };
        assert!(!market(&stored(9, NOW), &wide, &settings));
        assert!(market(&reported, &wide, &settings));
        assert!(!market(&reported, &old, &settings));
        let unknown = ShownPrice {
            publish_time: None,
            ..wide
        };
        assert!(!market(&reported, &unknown, &settings));
    }

    #[test]
    fn an_outage_is_reported_where_nothing_usable_was_published_nor_stored_for_ten_minutes() {
        let refused = |reason, published: Option<i64>| ShownPrice {
            publish_time: published,
            refusal: Some(PriceRefusal {
                account: Default::default(),
                reason,
                found: 0,
                limit: 0,
            }),
            ..shown(5, NOW)
        };
        let stale = |published| refused(ErrorCode::OracleStale, Some(published));
        let at = |shown: &ShownPrice, now| market_outage(&stored(5, NOW), shown, now);
        // both sides, of what is stored and of what is published
        assert!(!at(&stale(NOW), NOW + 599) && at(&stale(NOW), NOW + 600));
        assert!(!at(&stale(NOW + 1), NOW + 600) && at(&stale(NOW + 1), NOW + 601));
        // a feed that lives, however wide, and one that nobody can read
        assert!(!at(&shown(5, NOW), NOW + 600));
        let gone = refused(ErrorCode::OracleOwner, None);
        assert!(!at(&gone, NOW + 599) && at(&gone, NOW + 600));
        let wide = refused(ErrorCode::OracleConfidenceTooWide, Some(NOW + 600));
        assert!(at(&wide, NOW + 600));
        // once, and never before a price was stored
        let reported = Market {
            outage_at: NOW + 600,
            ..stored(5, NOW)
        };
        assert!(!market_outage(&reported, &stale(NOW), NOW + 700));
        assert!(!market_outage(&stored(0, 0), &stale(NOW), NOW + 700));

        let mut own = CollateralBank::zeroed();
        assert!(bank_outage(&own, &stale(NOW), NOW + 600), "none stored");
        own.spot_publish_time = NOW + 1;
        assert!(!bank_outage(&own, &stale(NOW), NOW + 600));
        assert!(bank_outage(&own, &stale(NOW), NOW + 601));
        own.outage_at = 1;
        assert!(!bank_outage(&own, &stale(NOW), NOW + 601));
        own.outage_at = 0;
        own.offset_market = 1;
        assert!(!bank_outage(&own, &stale(NOW), NOW + 601));
        (own.offset_market, own.is_quote) = (0, 1);
        assert!(!bank_outage(&own, &stale(NOW), NOW + 601));
    }

    #[test]
    fn a_regime_is_sampled_when_its_interval_is_over() {
        let settings = settings();
        let mut sampled = stored(100, NOW);
        sampled.regime.interval = 30;
        sampled.regime.sampled_at = NOW;
        let due = |seconds| market(&sampled, &shown(100, NOW + seconds), &settings);
        assert!(!due(29) && due(30));
    }

    #[test]
    fn banks_of_a_market_and_of_the_quote_asset_store_nothing() {
        let settings = settings();
        let mut own = CollateralBank::zeroed();
        (own.spot, own.spot_publish_time) = (100, NOW);
        assert!(bank(&own, &shown(100, NOW + 60), &settings));
        assert!(!bank(&own, &shown(100, NOW + 59), &settings));
        own.outage_at = NOW;
        assert!(bank(&own, &shown(100, NOW + 1), &settings));
        own.offset_market = 1;
        assert!(!bank(&own, &shown(100, NOW + 60), &settings));
        (own.offset_market, own.is_quote) = (0, 1);
        assert!(!bank(&own, &shown(100, NOW + 60), &settings));
    }

    #[test]
    fn the_quote_price_is_stored_before_it_is_too_old() {
        let settings = settings();
        let mut house = Clearinghouse::zeroed();
        (house.quote_price, house.quote_publish_time) = (100_000_000, NOW);
        let at = |house: &Clearinghouse, seconds| {
            quote(house, &shown(100_000_000, NOW + seconds), &settings)
        };
        assert!(!at(&house, 1_000)); // a dollar without a feed
        house.quote_max_age = 60;
        assert!(!at(&house, 29) && at(&house, 30));
        house.quote_max_age = 3_600;
        assert!(!at(&house, 59) && at(&house, 60));
    }

    #[test]
    fn fees_are_collected_from_the_least_on_and_a_reference_is_of_the_moment() {
        let settings = settings();
        let mut market = stored(100, NOW);
        assert!(!fees(&market, &settings));
        market.fees = 99_999_999;
        assert!(!fees(&market, &settings));
        market.fees = 100_000_000;
        assert!(fees(&market, &settings));
        assert!(!funding(&market, NOW));

        let own = shown(100, NOW + 20);
        let other = |published| is_paired(&own, &shown(100, published), &stored(100, NOW));
        assert!(other(NOW + 10) && other(NOW + 30));
        assert!(!other(NOW + 9) && !other(NOW + 31) && !other(NOW - 1));
    }
}
