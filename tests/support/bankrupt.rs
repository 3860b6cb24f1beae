//! Accounts that owe cash and have nothing left, reached by instructions alone.

use portfolio_margin_interface::args::{HouseRulesArgs, MarketRulesArgs};
use sandbox::{
    dollars, future, perpetual, settlement, Outcome, Trader, User, World, WorldBuilder, BASE, USDC,
};

/// What each account that is left bankrupt owes: 10,000 dollars.
pub const OWED: u64 = 10_000 * USDC;

/// Who lost and who won while BTC rose from 100,000 to 140,000 dollars.
///
/// Each debtor was short a future of one coin on 30,000 dollars and has paid 40,000. Alice was long all of them, from a million, and was
/// paid. Carol is long `profits` (1e-6 coins) of the perpetual, and dave, who was short, has paid his loss into the pool.
pub struct Defaults {
    /// What the insurance fund holds, 1e-6 USD.
    pub insurance: u64,
    /// What it may pay for losses in BTC.
    pub cap: u64,
    /// How many accounts are bankrupt.
    pub debtors: usize,
    /// Size of carol's perpetual, 1e-6 coins.
    pub profits: i64,
    /// Size of a perpetual that each debtor had with dave as well, 1e-6 coins; closed at the end, and not settled.
    pub closed: i64,
    /// Size of a future of the month that each debtor has bought from dave as well, 1e-6 coins.
    pub later: i64,
    /// Rules of the house.
    pub rules: HouseRulesArgs,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            insurance: 0,
            cap: u64::MAX,
            debtors: 1,
            profits: 0,
            closed: 0,
            later: 0,
            rules: HouseRulesArgs::PLAIN,
        }
    }
}

/// The world of [`Defaults`]; alice and carol and dave hold a million each.
pub struct Scene {
    pub world: World,
    pub alice: Trader,
    pub carol: Trader,
    pub dave: Trader,
    pub debtors: Vec<Trader>,
}

impl Defaults {
    /// Lets it happen.
    pub fn build(self) -> Scene {
        let rules = MarketRulesArgs {
            insurance_cap: self.cap,
            ..MarketRulesArgs::plain(User::named("surface authority").key)
        };
        let mut world = WorldBuilder {
            btc_price: dollars(100_000),
            market_rules: rules,
            rules: self.rules,
            ..WorldBuilder::default()
        }
        .build();
        let [alice, carol, dave] =
            ["alice", "carol", "dave"].map(|name| world.trader(name, 1_000_000 * USDC));
        let names = (0..self.debtors).map(|n| format!("debtor {n}"));
        let debtors: Vec<Trader> = names
            .map(|name| world.trader(&name, 30_000 * USDC))
            .collect();
        let (btc, week) = (world.btc, world.week);
        for debtor in &debtors {
            let leg = future(&btc, week, BASE, dollars(100_000));
            world.trade(&alice, debtor, &[leg]).ok();
            if self.closed != 0 {
                let leg = perpetual(&btc, self.closed, dollars(100_000));
                world.trade(debtor, &dave, &[leg]).ok();
            }
            if self.later != 0 {
                let leg = future(&btc, world.month, self.later, dollars(100_000));
                world.trade(debtor, &dave, &[leg]).ok();
            }
        }
        if self.profits > 0 {
            let leg = perpetual(&btc, self.profits, dollars(100_000));
            world.trade(&carol, &dave, &[leg]).ok();
        }
        if self.insurance > 0 {
            give_insurance(&mut world, self.insurance);
        }
        world.expire(&btc, week, dollars(140_000));
        let holders = debtors.iter().chain([&alice]);
        for holder in holders.filter(|_| !debtors.is_empty()) {
            let ix = settlement::settle_expiry(&holder.account, &btc, week);
            world.send(&[ix], &[]).ok();
        }
        if self.profits > 0 {
            world.settle_perp_pnl(&dave, &btc).ok();
        }
        world.refresh();
        for debtor in &debtors {
            if self.closed != 0 {
                let leg = perpetual(&btc, -self.closed, dollars(140_000));
                world.trade(debtor, &dave, &[leg]).ok();
            }
            let (header, positions) = world.account(&debtor.account);
            let others = usize::from(self.closed != 0) + usize::from(self.later != 0);
            assert_eq!((header.cash, positions.len()), (-(OWED as i64), others));
        }
        Scene {
            world,
            alice,
            carol,
            dave,
            debtors,
        }
    }
}

/// Gives the insurance fund something out of a purse of its own.
pub fn give_insurance(world: &mut World, amount: u64) {
    let donor = world.user("donor");
    let usdc = world.usdc;
    world.fund(&donor, &usdc, amount);
    world.give_insurance(&donor, amount).ok();
}

/// Puts a bankrupt account into liquidation and proves what it lacks; or, where it is in liquidation, proves it anew.
pub fn prove(world: &mut World, account: &Trader) -> Outcome {
    if world.account(&account.account).0.liquidation_started_at == 0 {
        let caller = world.user("caller");
        let witness = world.report(&account.account).witness();
        let start = world.start_liquidation(&caller, &account.account, &witness);
        start.ok();
    }
    world.prove_insolvency(&account.account)
}
