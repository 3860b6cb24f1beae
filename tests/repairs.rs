//! Whole repairs of random accounts by anybody who bids: INV-12 to INV-15 in the true health of the whole scan, after every bid.
//!
//! The accounts hold perpetuals, options and collateral in one market or two, which are one correlation group, under either tier. The
//! bidders name any witness, any fraction, at any time of the auction; some go on in the smallest slices.

use portfolio_margin::error::MarginError;
use portfolio_margin::event::LiquidationBid;
use portfolio_margin_interface::args::{BidArgs, LiquidationArgs};
use portfolio_margin_interface::state::margin_account::STATUS_LIQUIDATING;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};
use risk_core::liquidation::{buffer_health, DUST_REQUIREMENT, FRACTION_ONE, LEAST_FRACTION};
use risk_core::margin::MarginReport;
use risk_core::scenario::{BASIS_WITNESS, FLOOR_WITNESS};
use risk_core::tier::Tier;
use risk_core::Ratio;
use sandbox::{
    call, dollars, future, perpetual, put, Trader, World, WorldBuilder, BASE, SOL, USDC,
};
use support::{assert_conserved, rewrite, Random};

const ACCOUNTS: u64 = 40;
/// Bids by whoever, before somebody takes all that restores the account.
const ADVERSARIES: usize = 12;
/// Most bids for all, by the worst witness: one, and one for what rounding leaves.
const MOST_FULL_BIDS: usize = 2;

/// A world of the whole model in which one account fails.
struct Scene {
    world: World,
    alice: Trader,
    keepers: [Trader; 2],
    random: Random,
}

fn scene(seed: u64) -> Scene {
    let mut random = Random::new(seed);
    let mut world = WorldBuilder {
        liquidation: LiquidationArgs::STANDARD,
        ..WorldBuilder::whole(0)
    }
    .build();
    let maker = world.trader("maker", 100_000_000 * USDC);
    let keepers = ["keeper", "other keeper"].map(|name| world.trader(name, 50_000_000 * USDC));
    let user = world.user("alice");
    let alice = world.open(&user, 32);
    let (usdc, sol_bank) = (world.usdc, world.sol_bank);
    world.fund(&user, &usdc, 5_000_000 * USDC);
    world.deposit(&alice, &usdc, 5_000_000 * USDC).ok();
    if random.one_in(2) {
        world.fund(&user, &sol_bank, 1_000 * SOL);
        world.deposit(&alice, &sol_bank, 1_000 * SOL).ok();
    }
    for _ in 0..random.range(1, 4) {
        let legs = random_legs(&world, &mut random);
        world.trade(&alice, &maker, &legs).ok();
    }
    if random.one_in(4) {
        world.set_tier(&alice, Tier::Standard).ok();
    }
    let mut scene = Scene {
        world,
        alice,
        keepers,
        random,
    };
    scene.fail();
    scene
}

/// Legs in one market or both, of sizes that real accounts have.
fn random_legs(
    world: &World,
    random: &mut Random,
) -> Vec<portfolio_margin_interface::args::TradeLeg> {
    let settings = world.settings();
    let markets = [
        (world.btc, settings.btc_price, BASE),
        (world.sol, settings.sol_price, 500 * BASE),
    ];
    let mut legs = vec![];
    for _ in 0..random.range(1, 5) {
        let (market, spot, unit) = random.pick(&markets);
        let sign = random.pick(&[-1, 1]);
        let size = sign * (unit * random.range(1, 300) / 100);
        let expiry = random.pick(&[world.week, world.month]);
        let strike = spot / 100 * random.range(80, 121) as u64;
        let leg = match random.range(0, 5) {
            0 => perpetual(&market, size, spot),
            1 => future(&market, expiry, size, spot),
            2 | 3 => call(&market, expiry, strike, size, spot / 40),
            _ => put(&market, expiry, strike, size, spot / 40),
        };
        legs.push(leg);
    }
    legs
}

impl Scene {
    fn report(&self) -> MarginReport {
        self.world.report(&self.alice.account).margin
    }

    /// Takes cash until the account is short of maintenance by 0.1 % to 90 % of its requirement, and starts its liquidation.
    fn fail(&mut self) {
        let margin = self.report();
        let short = margin.maintenance_margin().raw() / 1_000 * self.random.range(1, 900);
        let taken = margin.maintenance_health.raw() + short + 1;
        rewrite::<MarginAccount>(&mut self.world, &self.alice.account, |header| {
            header.cash -= taken;
        });
        // a debt counts in the house's sum
        let (house, debt) = (
            self.world.house,
            self.world.account(&self.alice.account).0.cash,
        );
        rewrite::<Clearinghouse>(&mut self.world, &house, |house| {
            house.interest.debts += debt.min(0).unsigned_abs();
        });
        let witness = self.world.report(&self.alice.account).witness();
        let caller = self.keepers[0].user;
        self.world
            .start_liquidation(&caller, &self.alice.account, &witness)
            .ok();
    }

    /// What rounding may move: every leg by a unit of its size, and a few units of cash.
    fn rounding(&self) -> i64 {
        let (_, positions) = self.world.account(&self.alice.account);
        let notional = |market: u16| match market == self.world.btc.index {
            true => self.world.settings().btc_price / 100_000_000,
            false => self.world.settings().sol_price / 100_000_000,
        };
        let legs: u64 = positions.iter().map(|p| 4 * notional(p.market) + 100).sum();
        legs as i64 + 100
    }

    /// A bid with a witness; the event, or nothing where it is refused by one of these names.
    fn bid(
        &mut self,
        witness: Vec<u8>,
        fraction: u64,
        refusals: &[MarginError],
    ) -> Option<LiquidationBid> {
        let keeper = self.random.pick(&self.keepers);
        let args = BidArgs {
            witness,
            fraction,
            minimum: 0,
            price_limit: i64::MAX,
        };
        let ix = self.world.bid_ix(&keeper, &self.alice.account, args);
        let outcome = self.world.send_wide(&[ix], &[keeper.user]);
        if let Some(code) = outcome.error_code() {
            let known = refusals.iter().any(|error| u32::from(*error) == code);
            assert!(known, "{:?}\n{}", outcome.error, outcome.logs.join("\n"));
            return None;
        }
        assert!(outcome.error.is_none(), "{:?}", outcome.error);
        outcome.events::<LiquidationBid>().pop()
    }

    /// INV-13: better by the whole scan, or closed; not past the buffer but by the rounding of the legs, dust apart.
    fn check(&self, before: &MarginReport, rounding: i64) {
        let after = self.report();
        let (_, positions) = self.world.account(&self.alice.account);
        assert!(
            after.maintenance_health > before.maintenance_health,
            "{before:?} {after:?}"
        );
        let buffer = Ratio::from_raw(100_000);
        let over = buffer_health(&after, buffer)
            .expect("a small account")
            .raw();
        let was_dust = before.maintenance_margin().raw() <= DUST_REQUIREMENT;
        assert!(
            over <= rounding || (was_dust && positions.is_empty()),
            "{over} {rounding} {before:?}"
        );
        assert!(after.equity.raw() >= 0);
    }

    fn is_restored(&self) -> bool {
        let terms = self
            .world
            .read::<Clearinghouse>(&self.world.house)
            .liquidation_terms();
        terms.is_restored(&self.report()).expect("a small account")
    }

    fn any_witness(&mut self) -> Vec<u8> {
        let report = self.world.report(&self.alice.account);
        let mut witness = report.witness();
        let alike = self.random.one_in(2);
        let name = |random: &mut Random| match random.range(0, 8) {
            0 => BASIS_WITNESS,
            1 => FLOOR_WITNESS,
            _ => random.range(0, 33) as u8,
        };
        let first = name(&mut self.random);
        for scenario in &mut witness {
            *scenario = match alike {
                true => first,
                false => name(&mut self.random),
            };
        }
        witness
    }

    /// Lets up to an hour pass.
    fn wait(&mut self) {
        let seconds = self.random.range(0, 3_600);
        self.world.advance(seconds);
        self.world.refresh();
    }
}

#[test]
fn inv_13_15_every_bid_of_anybody_improves_and_two_for_all_end_it() {
    let (mut bids, mut grouped, mut standard, mut late) = (0, 0, 0, 0);
    for seed in 0..ACCOUNTS {
        let mut scene = scene(1_000 + seed);
        let markets = scene.world.report(&scene.alice.account).markets.len();
        let is_standard = scene.world.report(&scene.alice.account).tier == Tier::Standard;
        grouped += usize::from(markets == 2 && !is_standard);
        standard += usize::from(is_standard);
        // WHEN anybody bids, by any witness, for any part, at any time
        for _ in 0..ADVERSARIES {
            if scene.is_restored() {
                break;
            }
            if scene.random.one_in(3) {
                scene.wait();
            }
            let (before, rounding) = (scene.report(), scene.rounding());
            let witness = scene.any_witness();
            let fraction = match scene.random.range(0, 3) {
                0 => LEAST_FRACTION,
                1 => scene.random.range(1, FRACTION_ONE as i64) as u64,
                _ => u64::MAX,
            };
            // THEN it is refused where the scenario is covered, unknown, or the part too small, or it improves the account
            let refusals = [
                MarginError::AccountHealthy,
                MarginError::SliceTooSmall,
                MarginError::HealthNotImproved,
            ];
            if let Some(event) = scene.bid(witness, fraction, &refusals) {
                scene.check(&before, rounding);
                late += usize::from(event.discount > 300_000);
                bids += 1;
            }
        }
        // WHEN somebody names the worst and asks for all, THEN two bids end it
        let mut full = 0;
        while !scene.is_restored() {
            let (before, rounding) = (scene.report(), scene.rounding());
            let witness = scene.world.report(&scene.alice.account).witness();
            scene.bid(witness, FRACTION_ONE, &[]).expect("a slice");
            scene.check(&before, rounding);
            full += 1;
            assert!(full <= MOST_FULL_BIDS, "seed {seed}: {:?}", scene.report());
        }
        let caller = scene.keepers[1].user;
        scene
            .world
            .stop_liquidation(&caller, &scene.alice.account)
            .ok();
    }
    println!("{bids} bids of anybody, {late} in the slow phase; {grouped} accounts in a group, {standard} Standard");
    assert!(bids > 60 && late > 10 && grouped > 8 && standard > 3);
}

#[test]
fn inv_12_no_witness_starts_an_account_that_the_whole_scan_covers() {
    let (mut tried, mut started) = (0, 0);
    for seed in 0..12 {
        // GIVEN an account with no headroom at all by the whole scan
        let mut scene = scene(2_000 + seed);
        let health = scene.report().maintenance_health.raw();
        rewrite::<MarginAccount>(&mut scene.world, &scene.alice.account, |header| {
            header.cash -= health;
            header.status = 0;
        });
        assert_eq!(scene.report().maintenance_health.raw(), 0);
        // WHEN anything is named THEN nothing is proved
        let caller = scene.keepers[0].user;
        for _ in 0..40 {
            let witness = scene.any_witness();
            let ix = scene
                .world
                .start_liquidation_ix(&caller, &scene.alice.account, &witness);
            let outcome = scene.world.simulate(&[ix], &[caller]);
            let code = outcome.error_code().expect("a refusal");
            assert_eq!(code, u32::from(MarginError::AccountHealthy), "{witness:?}");
            tried += 1;
        }
        // and the worst witness proves it by the first unit
        rewrite::<MarginAccount>(&mut scene.world, &scene.alice.account, |header| {
            header.cash -= 1;
        });
        let witness = scene.world.report(&scene.alice.account).witness();
        scene
            .world
            .start_liquidation(&caller, &scene.alice.account, &witness)
            .ok();
        let (header, _) = scene.world.account(&scene.alice.account);
        started += usize::from(header.status == STATUS_LIQUIDATING);
    }
    assert_eq!((tried, started), (480, 12));
}

#[test]
fn a_repair_by_many_hands_keeps_the_books() {
    // GIVEN accounts that failed by the market, not by a test's hand, so that every ledger is exact
    for (price, wait) in [(103_000, 0), (101_000, 1_000), (95_000, 9_000)] {
        let builder = WorldBuilder {
            liquidation: LiquidationArgs::STANDARD,
            ..WorldBuilder::default()
        };
        let (mut world, alice, _, keeper) = support::failing_long_in(builder);
        let other = world.trader("other", 200_000 * USDC);
        let btc = world.btc;
        world.set_price(&btc, dollars(price));
        support::start(&mut world, &keeper, &alice);
        world.advance(wait);
        world.refresh();
        world.set_price(&btc, dollars(price));
        for (bidder, fraction) in [
            (keeper, 7_000_003),
            (other, LEAST_FRACTION),
            (keeper, u64::MAX),
        ] {
            let witness = world.report(&alice.account).witness();
            world.bid(&bidder, &alice.account, &witness, fraction).ok();
            assert_conserved(&world);
        }
        world.stop_liquidation(&other.user, &alice.account).ok();
        assert_conserved(&world);
    }
}
