//! Twenty thousand random actions, good and bad: after every one the books balance and the invariants hold.
//!
//! Each step makes a *plan* (one instruction or several, built as its author means it), bends a quarter of the plans into
//! hostile ones, sends them, and then reads every account of the program and every token account. What was refused has
//! changed nothing; what was not has kept each invariant, one function each.

mod act;
mod books;
mod exits;
mod hostile;
mod ledger;
mod rights;
mod risk;
mod scene;
mod snapshot;
mod trips;

use std::collections::BTreeMap;

use anchor_lang::prelude::Pubkey;
use sandbox::{Bank, Model, Outcome, Trader, User, World};
use solana_instruction::error::InstructionError;
use solana_instruction::Instruction;
use support::Random;

use act::{Resting, Signed};
use scene::Underlying;
use snapshot::Snapshot;

/// What somebody is about to send.
#[derive(Clone)]
pub struct Plan {
    /// The kind of action.
    pub name: &'static str,
    /// What is sent.
    pub instructions: Vec<Instruction>,
    /// Whether it was bent: it may fail in every way but the runtime's.
    pub is_bent: bool,
    /// Whether its data were bent, and not its accounts.
    pub is_broken: bool,
    /// Whose key signed the quote that the plan carries.
    pub quoted: Option<Pubkey>,
}

impl Plan {
    fn new(name: &'static str, instruction: Instruction) -> Self {
        Self {
            name,
            instructions: vec![instruction],
            is_bent: false,
            is_broken: false,
            quoted: None,
        }
    }

    /// Whether a key signs.
    fn is_signed_by(&self, key: &Pubkey) -> bool {
        let metas = self.instructions.iter().flat_map(|ix| &ix.accounts);
        metas.into_iter().any(|m| m.is_signer && m.pubkey == *key)
    }
}

/// What a run has seen.
#[derive(Default)]
struct Coverage {
    /// By name: how many succeeded, how many were refused; bent ones apart.
    counts: BTreeMap<&'static str, [u32; 2]>,
    /// Bent plans: how many passed, how many were refused.
    bent: [u32; 2],
    /// Refusals by error code.
    refusals: BTreeMap<u32, u32>,
    /// How often each probe found what it asks about.
    probes: BTreeMap<&'static str, u32>,
}

struct Soak {
    world: World,
    random: Random,
    /// Traders, then keepers.
    cast: Vec<Trader>,
    /// A wallet without an account of its own.
    outsider: Trader,
    banks: Vec<Bank>,
    /// Who posts surfaces.
    posters: Vec<User>,
    /// Tokens sent to each vault unasked.
    donations: BTreeMap<Pubkey, i128>,
    /// Position records that were settled so far: each may have left a unit in a pool.
    settled: i128,
    /// Highest number of a quote or an order.
    nonce: u64,
    /// Quotes that were signed.
    signed: Vec<Signed>,
    /// Orders that rest with the venue.
    resting: Vec<Resting>,
    markets: Vec<Underlying>,
    /// Quote tokens in wallets and in the vault when the soak began: nothing mints.
    supply: i128,
    /// The state before the step.
    last: Snapshot,
    coverage: Coverage,
    /// Highest sequence number that each address has had.
    sequences: BTreeMap<Pubkey, u64>,
}

impl Soak {
    fn step(&mut self) {
        let mut plan = self.plan();
        if !self.random.one_in(10) {
            self.write_house(&mut plan.instructions);
        }
        let plan = match self.random.one_in(4) {
            true => self.bend(plan),
            false => plan,
        };
        let signers = self.signers(&plan);
        let outcome = self.world.send_wide(&plan.instructions, &signers);
        self.count(&plan, &outcome);
        if outcome.error.is_some() {
            let after = snapshot::stored(&self.world);
            let same = after == self.last.accounts;
            assert!(same, "a refused {} changed something", plan.name);
            return;
        }
        let after = Snapshot::take(&self.world);
        let before = std::mem::replace(&mut self.last, after);
        self.check(&plan, &before);
    }

    /// Passes the clearing house to be written, as clients do whose party owes or may owe after it.
    fn write_house(&self, instructions: &mut [Instruction]) {
        let metas = instructions.iter_mut().flat_map(|ix| &mut ix.accounts);
        for meta in metas.filter(|meta| meta.pubkey == self.world.house) {
            meta.is_writable = true;
        }
    }

    /// Everybody known who is asked to sign.
    fn signers(&self, plan: &Plan) -> Vec<User> {
        let known = self.cast.iter().map(|trader| trader.user);
        let known = known.chain([self.outsider.user, self.world.governor]);
        let known = known.chain(self.posters.iter().copied());
        known.filter(|user| plan.is_signed_by(&user.key)).collect()
    }

    /// Counts the outcome; a refusal is the program's or, for what was bent, the runtime's, and never a panic.
    fn count(&mut self, plan: &Plan, outcome: &Outcome) {
        let failed = usize::from(outcome.error.is_some());
        match plan.is_bent {
            true => self.coverage.bent[failed] += 1,
            false => self.coverage.counts.entry(plan.name).or_default()[failed] += 1,
        }
        let Some(error) = &outcome.error else { return };
        if let Some(code) = outcome.error_code() {
            *self.coverage.refusals.entry(code).or_default() += 1;
            return;
        }
        let text = format!("{error:?}");
        // a byte vector that claims to be longer than the heap stops the decoder of arguments
        let stopped = InstructionError::ProgramFailedToComplete;
        if plan.is_broken && text.contains(&format!("{stopped:?}")) {
            return;
        }
        let crashed = [
            stopped,
            InstructionError::ComputationalBudgetExceeded,
            InstructionError::ProgramEnvironmentSetupFailure,
            InstructionError::UnbalancedInstruction,
        ];
        let crashed = crashed.iter().any(|c| text.contains(&format!("{c:?}")));
        assert!(
            plan.is_bent && !crashed,
            "{}: {text}\n{}",
            plan.name,
            outcome.logs.join("\n")
        );
    }

    fn check(&mut self, plan: &Plan, before: &Snapshot) {
        self.note(plan, before);
        self.inv_01_ledger(plan);
        self.inv_02_series(plan);
        self.inv_03_pnl(plan);
        self.inv_03_interest(plan);
        self.inv_04_round_trips(plan, before);
        self.inv_05_marks(plan);
        self.inv_06_health(plan, before);
        self.inv_07_order();
        self.inv_12_to_14_liquidation(plan, before);
        self.inv_16_losses(plan, before);
        self.probe_losses(before);
        self.inv_17_bystanders(plan, before);
        self.inv_19_sequences(plan, before);
    }

    fn run(&mut self, steps: u32) {
        for step in 0..steps {
            if step % 8 == 0 {
                self.turn();
                self.inv_03_pnl_now("a turn");
            }
            self.step();
            if step % 20 == 7 {
                self.inv_08_books();
                self.inv_10_long_options();
                self.inv_18_exits();
            }
        }
    }
}

/// Runs seeds of a model; the runs must have reached what they are about.
fn soak(seeds: std::ops::RangeInclusive<u64>, model: Model, codes: usize) {
    let mut sum = Coverage::default();
    for seed in seeds {
        let mut soak = Soak::new(seed, model);
        soak.run(5_000);
        sum.add(&soak.coverage);
    }
    println!(
        "succeeded and refused: {:?}\nbent: {:?}",
        sum.counts, sum.bent
    );
    println!("codes: {:?}\nprobes: {:?}", sum.refusals, sum.probes);
    for (name, least) in LEAST {
        let [succeeded, _] = sum.counts.get(name).copied().unwrap_or_default();
        let probed = sum.probes.get(name).copied().unwrap_or_default();
        let reached = succeeded.max(probed);
        assert!(reached >= least, "only {reached} of {name}");
    }
    let seen = sum.refusals.len();
    assert!(seen >= codes, "only {seen} error codes: {:?}", sum.refusals);
    assert!(sum.bent[1] > 2_000, "only {:?} bent", sum.bent);
}

impl Coverage {
    fn add(&mut self, other: &Self) {
        for (name, [succeeded, refused]) in &other.counts {
            let sum = self.counts.entry(name).or_default();
            (sum[0], sum[1]) = (sum[0] + succeeded, sum[1] + refused);
        }
        for (code, count) in &other.refusals {
            *self.refusals.entry(*code).or_default() += count;
        }
        for (name, count) in &other.probes {
            *self.probes.entry(name).or_default() += count;
        }
        self.bent = [self.bent[0] + other.bent[0], self.bent[1] + other.bent[1]];
    }
}

/// What a run must have done at the least, by the name of its actions and probes; both models.
const LEAST: [(&str, u32); 46] = [
    ("trade", 500),
    ("round trip", 25),
    ("guarded trade", 25),
    ("fill quote", 25),
    ("cancel quotes", 10),
    ("venue fill", 10),
    ("place order", 100),
    ("approve venue", 10),
    ("deposit", 80),
    ("withdraw", 50),
    ("there and back", 30),
    ("tier", 50),
    ("delegate", 20),
    ("grow", 20),
    ("leave and return", 3),
    ("start", 10),
    ("bid", 3),
    ("legs", 3),
    ("stop", 10),
    ("restart", 5),
    ("prove", 5),
    ("bid insolvent", 3),
    ("resolve", 1),
    ("inv_16 balances bear a loss", 1),
    ("settle expiry", 120),
    ("settle perpetual", 50),
    ("record", 2),
    ("finalize", 5),
    ("update market", 50),
    ("update funding", 30),
    ("post surface", 20),
    ("collect fees", 10),
    ("update interest", 10),
    ("deposit insurance", 10),
    ("withdraw fees", 5),
    ("donate", 10),
    ("deposit in any state", 1_000),
    ("start in any state", 5),
    ("bid or stop in any state", 30),
    ("prove in any state", 5),
    ("close in any state", 40),
    ("exit without positions", 2),
    ("settle in any state", 100),
    ("inv_05 with funding", 100),
    ("inv_08", 300),
    ("inv_10", 200),
];

#[test]
fn books_balance_and_invariants_hold_after_every_random_action() {
    soak(1..=2, Model::Neutral, 60);
}

#[test]
fn they_hold_under_the_whole_model_in_both_tiers() {
    soak(11..=12, Model::Whole, 60);
}
