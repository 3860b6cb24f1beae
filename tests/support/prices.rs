//! What a price account of either kind must lead to, by arithmetic of its own, and every byte of its checked fields bent.

use anchor_lang::prelude::Pubkey;
use portfolio_margin::error::MarginError;
use portfolio_margin::event::MarketUpdated;
use portfolio_margin_interface::state::oracle::{PYTH_LEGACY, PYTH_PULL};
use portfolio_margin_interface::state::Market as MarketRecord;
use sandbox::{instructions, Market, World};

use super::Bend;

/// A genuine price account.
#[derive(Clone, Debug)]
pub struct Genuine {
    /// [`PYTH_PULL`] or [`PYTH_LEGACY`].
    pub kind: u8,
    /// Program that owns it.
    pub owner: Pubkey,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// Where the fields stand: what says that the account is the right one, then price, confidence, exponent, time.
struct Layout {
    identity: Vec<(usize, MarginError)>,
    price: usize,
    confidence: usize,
    exponent: usize,
    time: usize,
}

/// Bytes from one place to another, all refused with one error.
fn run(from: usize, to: usize, error: MarginError) -> impl Iterator<Item = (usize, MarginError)> {
    (from..to).map(move |at| (at, error))
}

impl Genuine {
    fn layout(&self) -> Layout {
        let (form, feed) = (
            MarginError::OracleMalformed,
            MarginError::OracleFeedMismatch,
        );
        match self.kind {
            // discriminator, write authority, level Full, feed, price, confidence, exponent, time
            PYTH_PULL => Layout {
                identity: run(0, 8, form)
                    .chain(run(40, 41, form))
                    .chain(run(41, 73, feed))
                    .collect(),
                price: 73,
                confidence: 81,
                exponent: 89,
                time: 93,
            },
            // magic, version, account type, price type, status
            PYTH_LEGACY => Layout {
                identity: run(0, 12, form)
                    .chain(run(16, 17, form))
                    .chain(run(224, 225, MarginError::OracleNotTrading))
                    .collect(),
                price: 208,
                confidence: 216,
                exponent: 20,
                time: 96,
            },
            other => panic!("no kind {other}"),
        }
    }

    fn word(&self, at: usize) -> [u8; 8] {
        self.data[at..at + 8].try_into().expect("eight bytes")
    }

    /// When it was published.
    pub fn time(&self) -> i64 {
        i64::from_le_bytes(self.word(self.layout().time))
    }

    /// What storing it must lead to: price in 1e-8 USD and time, or the refusal.
    pub fn verdict(&self, market: &MarketRecord, now: i64) -> Result<(u64, i64), MarginError> {
        let layout = self.layout();
        let price = i128::from(i64::from_le_bytes(self.word(layout.price)));
        let width = u128::from(u64::from_le_bytes(self.word(layout.confidence)));
        let exponent = &self.data[layout.exponent..layout.exponent + 4];
        let exponent = i32::from_le_bytes(exponent.try_into().expect("four bytes"));
        let time = self.time();
        if price <= 0 {
            return Err(MarginError::OracleNonPositive);
        }
        if i128::from(time) > i128::from(now) + 15 {
            return Err(MarginError::OracleFuture);
        }
        if i128::from(now) - i128::from(time) > i128::from(market.oracle_max_age) {
            return Err(MarginError::OracleStale);
        }
        if width * 1_000_000 > price.unsigned_abs() * u128::from(market.oracle_max_confidence) {
            return Err(MarginError::OracleConfidenceTooWide);
        }
        let power = |shift: u32| 10i128.checked_pow(shift).filter(|_| shift < 20);
        let scaled = match i64::from(exponent) + 8 {
            shift @ 0.. => power(shift as u32).and_then(|power| price.checked_mul(power)),
            shift => power(shift.unsigned_abs() as u32).map(|power| price / power),
        };
        // what the engine takes
        let most = i128::from(i64::MAX);
        match scaled.filter(|scaled| (1..=most).contains(scaled)) {
            Some(scaled) => Ok((scaled as u64, time)),
            None => Err(MarginError::OracleExponent),
        }
    }
}

/// Shows a market the account and says what becomes of it; nothing is kept.
fn outcome(world: &mut World, market: &Market, account: &Genuine) -> Result<(u64, i64), u32> {
    world.set_price_bytes(market.price, account.owner, account.data.clone());
    let outcome = world.simulate(&[instructions::update_market(market)], &[]);
    match outcome.error_code() {
        None if outcome.error.is_none() => {
            let event = &outcome.events::<MarketUpdated>()[0];
            Ok((event.spot, event.publish_time))
        }
        Some(code) => Err(code),
        None => panic!("{:?}", outcome.error),
    }
}

/// Bends each byte of each checked field in three ways and insists on the refusal or the changed value that follows; bytes that
/// are not read change nothing. Returns how many bends were refused and how many changed the value.
#[track_caller]
pub fn assert_every_byte_counts(
    world: &mut World,
    market: &Market,
    genuine: &Genuine,
) -> (usize, usize) {
    let (now, record) = (world.now(), world.read::<MarketRecord>(&market.key));
    let good = genuine.verdict(&record, now);
    assert!(good.is_ok(), "{good:?}");
    let code = |verdict: Result<(u64, i64), MarginError>| verdict.map_err(u32::from);
    assert_eq!(outcome(world, market, genuine), code(good));
    let layout = genuine.layout();
    let (mut refused, mut changed) = (0, 0);
    for pattern in [0x01u8, 0x80, 0xff] {
        for (at, error) in &layout.identity {
            let mut bent = genuine.clone();
            bent.data[*at] ^= pattern;
            let found = outcome(world, market, &bent);
            // an update of which not enough guardians signed is a byte longer: its feed is another before its level is looked at
            let is_partial = genuine.kind == PYTH_PULL && *at == 40 && bent.data[40] == 0;
            let error = match is_partial {
                true => MarginError::OracleFeedMismatch,
                false => *error,
            };
            assert_eq!(found, Err(error.into()), "byte {at} ^ {pattern:#x}");
            refused += 1;
        }
        let values = [
            (layout.price, 8),
            (layout.confidence, 8),
            (layout.exponent, 4),
            (layout.time, 8),
        ];
        for at in values.into_iter().flat_map(|(at, len)| at..at + len) {
            let mut bent = genuine.clone();
            bent.data[at] ^= pattern;
            let verdict = bent.verdict(&record, now);
            let found = outcome(world, market, &bent);
            assert_eq!(found, code(verdict), "byte {at} ^ {pattern:#x}");
            match verdict {
                Err(_) => refused += 1,
                Ok(_) => changed += 1,
            }
        }
        for at in 0..32 {
            let mut owner = genuine.owner.to_bytes();
            owner[at] ^= pattern;
            let bent = Genuine {
                owner: Pubkey::new_from_array(owner),
                ..genuine.clone()
            };
            let found = outcome(world, market, &bent);
            assert_eq!(found, Err(MarginError::OracleOwner.into()), "owner {at}");
            refused += 1;
        }
    }
    refused += addresses(world, market, genuine);
    assert_eq!(outcome(world, market, genuine), code(good));
    (refused, changed)
}

/// The same bytes at other addresses: nothing to an update, everything to a legacy account.
fn addresses(world: &mut World, market: &Market, genuine: &Genuine) -> usize {
    let mut refused = 0;
    for at in 0..32 {
        let mut address = market.price.to_bytes();
        address[at] ^= 1;
        let address = Pubkey::new_from_array(address);
        world.set_price_bytes(address, genuine.owner, genuine.data.clone());
        let ix = instructions::update_market(market).replace(market.price, address);
        let outcome = world.simulate(&[ix], &[]);
        if genuine.kind == PYTH_LEGACY {
            let mismatch = MarginError::OracleFeedMismatch;
            assert_eq!(outcome.error_code(), Some(mismatch.into()), "address {at}");
            refused += 1;
        } else {
            outcome.ok();
        }
    }
    refused
}
