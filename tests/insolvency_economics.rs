//! Insolvency as a whole: from the first breach to the last unit of loss, and what a thief gets who bankrupts an account of his own.

use portfolio_margin::error::MarginError;
use portfolio_margin::event::{BankruptcyResolved, InsolventBid};
use portfolio_margin_interface::args::LiquidationArgs;
use portfolio_margin_interface::state::margin_account::STATUS_ACTIVE;
use risk_core::liquidation::FRACTION_ONE;
use sandbox::{dollars, perpetual, Trader, World, WorldBuilder, BASE, BTC_START, USDC};
use support::insolvent::{assert_proofs, house, insure, pass, used};
use support::{assert_refused, health, start};

/// What the thief brings: 30,000 dollars to each side of the bet, 200,000 to bid with.
const STAKE: i128 = 260_000 * USDC as i128;

/// A thief with three wallets, and somebody whose money is in the house as well.
struct Gang {
    world: World,
    /// Long a coin on 30,000 dollars.
    long: Trader,
    /// Short it.
    short: Trader,
    /// Bids for what the long leaves.
    bidder: Trader,
    honest: Trader,
}

impl Gang {
    /// The bet is on at 116,661.50; the fund holds `fund`, of which BTC may use `cap`.
    fn new(fund: u64, cap: u64) -> Self {
        let mut builder = WorldBuilder {
            liquidation: LiquidationArgs::STANDARD,
            ..WorldBuilder::default()
        };
        builder.market_rules.insurance_cap = cap;
        let mut world = builder.build();
        let [long, short] = ["long", "short"].map(|n| world.trader(n, 30_000 * USDC));
        let bidder = world.trader("bidder", 200_000 * USDC);
        let honest = world.trader("honest", 500_000 * USDC);
        insure(&mut world, fund);
        let leg = [perpetual(&world.btc, BASE, BTC_START)];
        world.trade(&long, &short, &leg).ok();
        Self {
            world,
            long,
            short,
            bidder,
            honest,
        }
    }

    /// BTC falls to `price` at once, and nobody but the thief acts: his bidder takes all of the long `wait` seconds after the proof.
    fn crash_alone(&mut self, price: u64, wait: i64) -> InsolventBid {
        let (btc, world) = (self.world.btc, &mut self.world);
        world.set_price(&btc, price);
        start(world, &self.bidder, &self.long);
        world.prove_insolvency(&self.long.account).ok();
        pass(world, wait);
        world.set_price(&btc, price);
        let key = self.long.account;
        let outcome = world.bid_insolvent(&self.bidder, &key, FRACTION_ONE).ok();
        assert_proofs(world);
        outcome.events().remove(0)
    }

    /// The bidder closes what it took against the short, and both are paid.
    fn close(&mut self, price: u64) {
        let (btc, world) = (self.world.btc, &mut self.world);
        let leg = [perpetual(&btc, -BASE, price)];
        world.trade(&self.bidder, &self.short, &leg).ok();
        world.settle_perp_pnl(&self.bidder, &btc).ok();
        world.settle_own_perp_pnl(&self.short, &btc).ok();
        assert_proofs(world);
    }

    /// What the thief has, less what he brought; he walks away from debts.
    fn gain(&self) -> i128 {
        let all = [self.long, self.short, self.bidder];
        let worth = all.map(|trader| self.world.cash_value(&trader.account).max(0));
        worth.iter().sum::<i128>() - STAKE
    }
}

#[test]
fn a_thief_gets_no_more_than_the_fund_paid_and_the_fund_no_more_than_the_gap_and_the_clock() {
    let crash = dollars(80_000);
    let lacking = 6_661_500_000;
    for (wait, cap) in [
        (0, u64::MAX),
        (900, u64::MAX),
        (3_600, u64::MAX),
        (3_600, 2_000 * USDC),
    ] {
        let mut gang = Gang::new(100_000 * USDC, cap);
        let bid = gang.crash_alone(crash, wait);
        gang.close(crash);
        let paid = i128::from(bid.insurance) + i128::from(bid.debt);
        assert_eq!(gang.gain(), paid, "{wait} {cap}");
        // bounded by the clock, and by the market's part of the fund
        let most = -bid.maintenance_health * wait / 3_600;
        assert!(bid.insurance as i64 <= most);
        assert!(bid.insurance <= cap && used(&gang.world) == bid.insurance);
        // beyond the fund's part it is the gap alone: what the price fell below what the long had
        if bid.insurance == cap {
            assert_eq!(bid.insurance + bid.debt, lacking);
        }
    }
}

#[test]
fn with_an_empty_fund_a_thief_gets_the_gap_and_no_incentive_and_cannot_leave_before_it_is_shared() {
    let (crash, lacking) = (dollars(80_000), 6_661_500_000i128);
    let mut gang = Gang::new(0, u64::MAX);
    let bid = gang.crash_alone(crash, 3_600);
    assert_eq!((bid.insurance, i128::from(bid.debt)), (0, lacking));
    gang.close(crash);
    assert_eq!(gang.gain(), lacking);
    // what is proved and not covered keeps everybody's quote tokens in
    let usdc = gang.world.usdc;
    for trader in [gang.short, gang.bidder, gang.honest] {
        let ix = gang.world.withdraw_ix(&trader, &usdc, 1);
        let error = MarginError::WithdrawalsPaused;
        assert_refused(&mut gang.world, &ix, &[trader.user], error);
    }
    // resolved, the loss is everybody's, by what they have: the thief bears his part
    let before = gang.gain();
    let outcome = gang.world.resolve_bankruptcy(&gang.long.account).ok();
    let event: BankruptcyResolved = outcome.events().remove(0);
    assert_eq!((i128::from(event.balances), event.uncovered), (lacking, 0));
    assert_proofs(&gang.world);
    let borne = before - gang.gain();
    let part = lacking * (STAKE + before) / (STAKE + before + 500_000 * USDC as i128);
    assert!((borne - part).abs() < 10, "{borne} of {part}");
    gang.world.withdraw(&gang.bidder, &usdc, 1).ok();
}

#[test]
fn where_keepers_act_in_the_first_phase_the_fund_pays_nothing_and_the_bet_costs_its_discount() {
    let mut gang = Gang::new(100_000 * USDC, u64::MAX);
    let (btc, honest) = (gang.world.btc, gang.honest);
    // the long fails while it still has equity: an honest keeper buys before there is anything to prove
    gang.world.set_price(&btc, dollars(102_000));
    start(&mut gang.world, &honest, &gang.long);
    let witness = gang.world.report(&gang.long.account).witness();
    let early = gang.world.prove_insolvency_ix(&gang.long.account, &witness);
    assert_refused(&mut gang.world, &early, &[], MarginError::AccountSolvent);
    let key = gang.long.account;
    gang.world.bid(&honest, &key, &witness, FRACTION_ONE).ok();
    assert!(health(&gang.world, &gang.long) > 0);
    gang.world.stop_liquidation(&honest.user, &key).ok();
    // both of the thief's sides close at the same price: what is missing is what the keeper earned, and the fund has grown
    let equity = [gang.long, gang.short, gang.bidder]
        .map(|t| i128::from(gang.world.report(&t.account).margin.equity.raw()));
    let gain = equity.iter().sum::<i128>() - STAKE;
    assert!(gain < 0, "{gain}");
    assert!(house(&gang.world).insurance > 100_000 * USDC);
    assert_eq!(used(&gang.world), 0);
}

#[test]
fn an_account_in_liquidation_cannot_be_emptied_into_another_before_it_is_proved() {
    let mut gang = Gang::new(100_000 * USDC, u64::MAX);
    let (btc, world) = (gang.world.btc, &mut gang.world);
    world.set_price(&btc, dollars(90_000));
    start(world, &gang.bidder, &gang.long);
    // closed far below the mark with a friend: what the long gives away would be the fund's to pay
    let leg = [perpetual(&btc, -BASE, dollars(60_000))];
    let ix = world.trade_ix(&gang.long, &gang.short, &leg);
    let both = [gang.long.user, gang.short.user];
    assert_refused(world, &ix, &both, MarginError::RiskNotReduced);
    let usdc = world.usdc;
    let ix = world.withdraw_ix(&gang.long, &usdc, 1);
    assert_refused(
        world,
        &ix,
        &[gang.long.user],
        MarginError::AccountLiquidating,
    );
}

#[test]
fn many_small_slices_bring_a_bidder_no_more_than_one() {
    let crash = dollars(80_000);
    for fund in [0, 3_000 * USDC, 7_000 * USDC, 100_000 * USDC] {
        let gains = [1, 25].map(|count| {
            let mut gang = Gang::new(fund, u64::MAX);
            let (btc, world) = (gang.world.btc, &mut gang.world);
            world.set_price(&btc, crash);
            start(world, &gang.bidder, &gang.long);
            world.prove_insolvency(&gang.long.account).ok();
            pass(world, 3_600);
            world.set_price(&btc, crash);
            for left in (1..=count).rev() {
                let key = gang.long.account;
                let fraction = FRACTION_ONE / left;
                world.bid_insolvent(&gang.bidder, &key, fraction).ok();
            }
            gang.close(crash);
            gang.gain()
        });
        // lots are rounded against the bidder
        let [once, often] = gains;
        assert!(often <= once + 10, "{fund}: {often} for {once}");
        assert!(
            once - often < 10 * USDC as i128,
            "{fund}: {often} for {once}"
        );
    }
}

#[test]
fn case_75_two_bankruptcies_in_one_slot_are_borne_in_order_to_the_last_unit() {
    // GIVEN two longs that lack 6,661.50 each, a fund of 8,000, and a keeper
    let mut world = WorldBuilder::default().build();
    let btc = world.btc;
    let [alice, carol] = ["alice", "carol"].map(|n| world.trader(n, 30_000 * USDC));
    let [bob, keeper] = ["bob", "keeper"].map(|n| world.trader(n, 300_000 * USDC));
    insure(&mut world, 8_000 * USDC);
    for long in [&alice, &carol] {
        let leg = [perpetual(&btc, BASE, BTC_START)];
        world.trade(long, &bob, &leg).ok();
    }
    let deposits = 660_000 * USDC;
    let (crash, lacking) = (dollars(80_000), 6_661_500_000);
    world.set_price(&btc, crash);
    for long in [&alice, &carol] {
        start(&mut world, &keeper, long);
        world.prove_insolvency(&long.account).ok();
        assert_proofs(&world);
    }
    assert_eq!(house(&world).proven_insolvency, 2 * lacking);
    // WHEN the clock has run out and both are taken and resolved in one slot
    pass(&mut world, 3_600);
    world.set_price(&btc, crash);
    let mut owed = vec![];
    for long in [&alice, &carol] {
        let outcome = world.bid_insolvent(&keeper, &long.account, FRACTION_ONE);
        owed.push(outcome.ok().events::<InsolventBid>()[0].debt);
        assert_proofs(&world);
    }
    // THEN the fund paid the first one's loss and incentive to its end, and the second's all is bad debt
    assert_eq!(owed, [0, lacking]);
    let left = house(&world);
    assert_eq!((left.insurance, left.proven_insolvency), (0, lacking));
    assert_eq!(used(&world), 8_000 * USDC);
    let outcome = world.resolve_bankruptcy(&carol.account).ok();
    let event: BankruptcyResolved = outcome.events().remove(0);
    assert_eq!((event.loss, event.balances), (lacking, lacking));
    assert_proofs(&world);
    let end = house(&world);
    assert_eq!((end.proven_insolvency, end.socialised), (0, lacking));
    for long in [&alice, &carol] {
        let (header, _) = world.account(&long.account);
        assert_eq!((header.status, header.cash), (STATUS_ACTIVE, 0));
    }
    // charged is the bad debt: what everybody has with the gains that wait is what came in
    let keys = world.margin_accounts(&world.house);
    let equity = keys
        .iter()
        .map(|key| i128::from(world.report(key).margin.equity.raw()));
    let sum: i128 = equity.sum();
    let came_in = i128::from(deposits) + i128::from(8_000 * USDC);
    assert!((came_in - sum).abs() <= 8, "{sum} of {came_in}");
}
