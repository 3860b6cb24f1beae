//! One replay: a cast of accounts along a path, with keepers who act as their policy says, and what came of it.

use std::collections::{BTreeMap, BTreeSet};

use anchor_lang::prelude::Pubkey;
use portfolio_margin_interface::state::{Clearinghouse, MarginAccount};
use sandbox::START;

use super::books::Scene;
use super::isolated::{Equity, Isolated};
use super::keepers::{equity, Policy};
use super::paths::Point;
use super::tape;

/// Seconds between two looks of the keepers, while prices stand.
const LOOK: i64 = 300;
/// Seconds between two posts of surfaces after the path.
const HALF_HOUR: i64 = 1_800;

/// What happened; amounts in 1e-6 USD.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Starts of liquidations.
    pub started: usize,
    /// Bids on solvent accounts.
    pub bids: usize,
    /// Legs taken from solvent accounts.
    pub legs: usize,
    /// What liquidators paid to the insurance fund.
    pub to_fund: i128,
    /// Accounts that were proved insolvent.
    pub insolvent: BTreeSet<Pubkey>,
    /// Bids on insolvent accounts.
    pub insolvent_bids: usize,
    /// What insolvent books lacked when they were taken over.
    pub deficit: i128,
    /// What the fund paid for taking them over.
    pub fund_for_bids: i128,
    /// Times that an account of opposite risk was given a part of an insolvent book.
    pub deleveraged: usize,
    /// Bankruptcies that were resolved.
    pub bankruptcies: usize,
    /// What bankrupt accounts owed.
    pub debt: i128,
    /// What the fund paid of that, profits of the market forwent, quote balances were charged.
    pub fund_for_debts: i128,
    pub profits: i128,
    pub balances: i128,
    /// What winners forgave when they settled.
    pub forgiven: i128,
    /// Longest time from an account's failure to its repair, seconds.
    pub slowest: i64,
}

/// One replay.
pub struct Replay {
    pub scene: Scene,
    pub policy: Policy,
    pub tally: Tally,
    /// Accounts that fail, and since when.
    pub failing: BTreeMap<Pubkey, i64>,
    /// Accounts that were ever in liquidation.
    pub liquidated: BTreeSet<Pubkey>,
    /// Accounts that were given a part of an insolvent book.
    pub asked: BTreeSet<Pubkey>,
    /// Keepers and accounts of which they cannot carry the least slice at these prices.
    pub too_much: BTreeSet<[Pubkey; 2]>,
    /// Refusals that the keepers' policy does not expect, by instruction and code.
    pub refusals: BTreeMap<(&'static str, u32), usize>,
    /// The same books margined position by position: with the equity that there is, and with what that asks for.
    pub isolated: [Isolated; 2],
    /// Sequence numbers at the beginning.
    sequences: BTreeMap<Pubkey, u64>,
    insurance: i128,
    worth: i128,
}

/// The end of a replay.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    pub tally: Tally,
    /// Accounts that were in liquidation.
    pub liquidated: usize,
    /// What the insurance fund paid, 1e-6 USD.
    pub insurance_used: i128,
    /// What keepers gained, 1e-6 USD.
    pub keepers_gain: i128,
    /// Accounts that still fail at the end, and how many open positions they have.
    pub failing: usize,
    pub failing_positions: usize,
    /// Accounts that are left without equity.
    pub left_insolvent: usize,
    /// What they lack, 1e-6 USD.
    pub left_deficit: i128,
    /// Refusals that the keepers' policy does not expect.
    pub refusals: BTreeMap<(&'static str, u32), usize>,
    /// The same books margined position by position: with the equity that there is, and with what that asks for.
    pub isolated: [Isolated; 2],
}

impl Replay {
    pub fn new(scene: Scene, policy: Policy) -> Self {
        let world = &scene.world;
        let sequence = |key: &Pubkey| world.read::<MarginAccount>(key).sequence;
        let keys = scene.cast.iter().map(|trader| trader.account);
        let sequences = keys.map(|key| (key, sequence(&key))).collect();
        let insurance = world.read::<Clearinghouse>(&world.house).insurance.into();
        let worth = scene.keepers.iter().map(|k| i128::from(equity(world, k)));
        Self {
            worth: worth.sum(),
            isolated: Equity::BOTH.map(|equity| Isolated::new(&scene, policy.delay, equity)),
            scene,
            policy,
            tally: Tally::default(),
            failing: BTreeMap::new(),
            liquidated: BTreeSet::new(),
            asked: BTreeSet::new(),
            too_much: BTreeSet::new(),
            refusals: BTreeMap::new(),
            sequences,
            insurance,
        }
    }

    /// Maintenance health in the whole scan, quote units.
    pub fn health(&self, key: &Pubkey) -> i64 {
        let report = self.scene.world.report(key);
        report.margin.maintenance_health.raw()
    }

    /// Walks the whole path, `step` seconds a point; the first point is where it begins.
    pub fn walk(&mut self, points: &[Point], step: i64) {
        for (number, point) in points.iter().enumerate().skip(1) {
            let time = START + step * number as i64;
            self.step(point, time, step);
        }
    }

    /// One point, and what keepers do until the next.
    fn step(&mut self, point: &Point, time: i64, step: i64) {
        tape::move_to(&mut self.scene.world, point, time);
        for isolated in &mut self.isolated {
            isolated.look(&self.scene.world, step);
        }
        self.too_much.clear();
        self.unwind();
        self.settle_running();
        self.look();
        self.act();
        self.deleverage();
        while !self.failing.is_empty() && self.scene.world.now() + LOOK < time + step {
            self.scene.world.advance(LOOK);
            tape::refresh(&mut self.scene.world);
            self.act();
        }
        self.check();
    }

    /// Prices stand still where the path ended, until nobody fails any more or eight hours are over: the auction's two phases and the
    /// insolvent one twice over.
    pub fn settle_down(&mut self, last: &Point) {
        for _ in 0..16 {
            if self.failing.is_empty() {
                return;
            }
            let time = self.scene.world.now() + HALF_HOUR;
            self.step(last, time, HALF_HOUR);
        }
    }

    /// Finds who fails now, and who no longer does.
    fn look(&mut self) {
        let now = self.scene.world.now();
        let everybody = [&self.scene.cast, &self.scene.keepers, &self.scene.makers];
        let everybody: Vec<_> = everybody.into_iter().flatten().copied().collect();
        for trader in everybody {
            let key = trader.account;
            if self.health(&key) < 0 {
                self.failing.entry(key).or_insert(now);
            } else if !self.liquidated.contains(&key) {
                self.failing.remove(&key); // the price came back before anybody acted
            }
        }
    }

    /// An account is in order again.
    pub fn mended(&mut self, key: &Pubkey, seen: i64) {
        self.failing.remove(key);
        let took = self.scene.world.now() - seen;
        self.tally.slowest = self.tally.slowest.max(took);
    }

    /// INV-01 to INV-03 to the unit.
    pub fn check_conserved(&self) {
        let sums = self.scene.world.reconcile();
        assert!(sums.is_exact(), "inv_01: {sums:?}");
    }

    /// The same, and INV-12 for whoever never failed.
    fn check(&self) {
        self.check_conserved();
        for (key, sequence) in &self.sequences {
            if self.liquidated.contains(key) || self.asked.contains(key) {
                continue;
            }
            let header: MarginAccount = self.scene.world.read(key);
            assert_eq!(header.sequence, *sequence, "inv_12: {key} was touched");
        }
    }

    /// What came of it.
    pub fn ending(&self) -> Ending {
        let world = &self.scene.world;
        let house: Clearinghouse = world.read(&world.house);
        let worth = self.scene.keepers.iter();
        let worth = worth.map(|keeper| i128::from(equity(world, keeper)));
        let lacks = self.scene.cast.iter().map(|trader| equity(world, trader));
        let lacks: Vec<i64> = lacks.filter(|equity| *equity < 0).collect();
        let failing = self.failing.keys();
        let open = |key: &Pubkey| {
            let (_, held) = world.account(key);
            held.iter().filter(|held| held.quantity != 0).count()
        };
        Ending {
            tally: self.tally.clone(),
            liquidated: self.liquidated.len(),
            insurance_used: self.insurance + self.tally.to_fund - i128::from(house.insurance),
            keepers_gain: worth.sum::<i128>() - self.worth,
            failing: self.failing.len(),
            failing_positions: failing.map(open).sum(),
            left_insolvent: lacks.len(),
            left_deficit: -lacks.iter().map(|lack| i128::from(*lack)).sum::<i128>(),
            refusals: self.refusals.clone(),
            isolated: self.isolated.clone(),
        }
    }
}
