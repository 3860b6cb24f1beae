//! The widest accounts: eight markets in four correlation groups, 24 expiries, 128 options, eight collateral assets that offset
//! the risk of the markets, while a crash makes every price, surface and the quote asset's price doubtful.

use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::{AccountTermsArgs, BankArgs, BidArgs, GroupArgs};
use portfolio_margin_interface::state::margin_account::{
    MarginAccount, MAX_CAPACITY, MAX_EXPIRIES_HELD,
};
use portfolio_margin_interface::state::PositionRecord;
use risk_core::market::MarketParams;
use risk_core::scenario::MAJOR_SCENARIOS;
use risk_core::tier::Tier;
use sandbox::oracle::PriceFields;
use sandbox::transaction::COMPUTE_LIMIT;
use sandbox::world::WorldBuilder;
use sandbox::{call, crypto_smile, dollars, instructions, Bank, Market, Trader, World, BASE, DAY};
use support::{assert_logged, record, write_book};

/// Price of every asset and size of every position: of a coin, and of one so cheap that sizes need products of 128 bits.
const COIN: (u64, i64) = (dollars(100), 10 * BASE);
const CHEAP: (u64, i64) = (1_000_000, 1 << 50);
const MARKETS: u8 = 8;
const GROUPS: u8 = 4;
/// Enough for any bidder, quote units.
const RICH: i64 = 1 << 50;

struct Wide {
    world: World,
    price: u64,
    size: i64,
    markets: Vec<Market>,
    banks: Vec<Bank>,
    expiries: Vec<i64>,
}

/// Eight markets of all terms in four groups, each with expiries and a bank that offsets its risk.
fn wide((price, size): (u64, i64)) -> Wide {
    let builder = WorldBuilder::whole(0);
    let group = GroupArgs {
        kappa: 500_000,
        offset_cap: 300_000,
    };
    let terms = AccountTermsArgs {
        groups: [(); GROUPS as usize].map(|()| group.clone()),
        ..builder.terms.clone()
    };
    let world = WorldBuilder { terms, ..builder }.build();
    let now = world.now();
    let mut wide = Wide {
        world,
        price,
        size,
        markets: vec![],
        banks: vec![],
        expiries: (1..=4).map(|n| now + n * 14 * DAY).collect(),
    };
    for n in 0..MARKETS {
        wide.list(n);
    }
    wide
}

impl Wide {
    fn list(&mut self, n: u8) {
        let (world, feed_id) = (&mut self.world, [n + 1; 32]);
        let (house, now) = (world.house, world.now());
        let mut args = world.whole_market_args(
            &format!("WIDE {n}"),
            feed_id,
            &MAJOR_SCENARIOS,
            &MarketParams::BTC,
        );
        args.group = 1 + n % GROUPS;
        let market = world.list_market(house, args);
        world.set_price(&market, self.price);
        for time in &self.expiries {
            world.add_expiry(&market, *time);
            world.post_surface(&market, crypto_smile(*time, now, 600_000));
        }
        let mint = world.create_mint(&format!("mint of wide {n}"), 6);
        let args = BankArgs {
            feed_id,
            ..world.sol_bank_args()
        };
        let bank = world.list_offset_bank(house, mint, args, Some(&market));
        self.banks.push(bank);
        self.markets.push(market);
    }

    /// An account with room for everything.
    fn open(&mut self, name: &str, tier: Tier) -> Trader {
        let user = self.world.user(name);
        self.world.open_in_tier(&user, 0, MAX_CAPACITY as u16, tier)
    }

    /// As many options as an account can hold, over as many expiries, all short.
    fn book(&self) -> Vec<PositionRecord> {
        let each = MAX_EXPIRIES_HELD / self.markets.len();
        let mut records: Vec<_> = (0..MAX_CAPACITY)
            .map(|n| {
                let (market, rest) = (n % self.markets.len(), n / self.markets.len());
                let percent = 80 + 3 * (rest / each) as u64 + n as u64 % 2;
                let strike = self.price / 100 * percent;
                let series = (2 + (n % 2) as u8, self.expiries[rest % each], strike);
                record(&self.markets[market], series, -self.size, 0)
            })
            .collect();
        records.sort_by_key(PositionRecord::key);
        records
    }

    fn write(&mut self, trader: &Trader, records: &[PositionRecord], cash: i64, collateral: u64) {
        let assets: Vec<_> = self.banks.iter().zip(&self.markets).collect();
        let change = |header: &mut MarginAccount| {
            header.cash = cash;
            for (slot, (bank, market)) in header.collateral.iter_mut().zip(assets) {
                slot.bank = bank.index;
                slot.offset_market = market.index + 1;
                slot.amount = collateral;
            }
        };
        write_book(&mut self.world, trader, change, records);
    }

    /// Intervals so wide that only a repair takes them; surfaces and the quote asset's price too old.
    fn crash(&mut self) {
        self.world.advance(4_000);
        for market in self.markets.clone() {
            let fields = PriceFields::fresh(market.feed_id, self.price, self.world.now());
            let fields = PriceFields {
                confidence: self.price / 20,
                ..fields
            };
            self.world.set_price_update(market.price, fields);
        }
    }
}

#[test]
fn case_77_a_bid_on_the_widest_account_fits_in_a_crash() {
    for asset in [COIN, CHEAP] {
        for tier in [Tier::Standard, Tier::Portfolio] {
            liquidate(&mut wide(asset), tier);
        }
    }
}

/// Starts a liquidation of the widest account and bids on it.
fn liquidate(wide: &mut Wide, tier: Tier) {
    let (alice, bob) = (wide.open("alice", tier), wide.open("bob", tier));
    let (records, coins) = (wide.book(), 1_000_000);
    wide.write(&alice, &records, RICH, coins);
    wide.crash();
    // a thousandth of the requirement below maintenance health
    let margin = wide.world.report(&alice.account).margin;
    let short = margin.maintenance_margin().raw() / 1_000;
    let cash = RICH - margin.maintenance_health.raw() - short;
    wide.write(&alice, &records, cash, coins);
    wide.write(&bob, &[], RICH, 0);
    let witness = wide.world.report(&alice.account).witness();
    let ix = wide
        .world
        .start_liquidation_ix(&bob.user, &alice.account, &witness);
    let start = wide.world.send_wide(&[ix], &[bob.user]).ok();
    let args = BidArgs {
        witness,
        fraction: 10_000_000,
        minimum: 0,
        price_limit: i64::MAX,
    };
    let remaining = wide.world.bid_metas(&bob, &alice.account);
    let ix = instructions::bid_liquidation(&bob, &alice.account, args, remaining);
    let bid = wide.world.send_wide(&[ix], &[bob.user]).ok();
    println!(
        "{tier:?}, {} positions over {MAX_EXPIRIES_HELD} expiries, sizes {}: start {} CU, bid {} CU of {COMPUTE_LIMIT}",
        records.len(),
        wide.size,
        start.compute_units,
        bid.compute_units
    );
    let (_, bought) = wide.world.account(&bob.account);
    assert_eq!(bought.len(), MAX_CAPACITY);
}

#[test]
fn case_63_an_expiry_too_many_is_refused() {
    let mut wide = wide(COIN);
    let [alice, bob] = ["alice", "bob"].map(|name| wide.open(name, Tier::Portfolio));
    let mut held = wide.book();
    held.dedup_by_key(|record| (record.market, record.expiry));
    assert_eq!(held.len(), MAX_EXPIRIES_HELD);
    wide.write(&alice, &held, RICH, 0);
    wide.write(&bob, &[], RICH, 0);
    let market = wide.markets[0];
    let series = |expiry: usize, strike| {
        let expiry = wide.expiries[expiry];
        [call(&market, expiry, dollars(strike), BASE, dollars(1))]
    };
    let (same, new) = (series(0, 130), series(3, 130));
    let ix = wide.world.trade_ix(&alice, &bob, &new);
    let outcome = wide.world.send_wide(&[ix], &[alice.user, bob.user]);
    assert_logged(
        &outcome.refused(MarginError::ScopeTooWide),
        &["Left: 25", "Right: 24"],
    );
    let ix = wide.world.trade_ix(&alice, &bob, &same);
    wide.world.send_wide(&[ix], &[alice.user, bob.user]).ok();
}
