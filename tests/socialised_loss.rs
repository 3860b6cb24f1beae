//! A loss that quote balances bear: each margin check sees it at once, each balance pays it when it is next touched, no unit is lost.

use portfolio_margin::error::MarginError;
use portfolio_margin_interface::args::HouseRulesArgs;
use portfolio_margin_interface::state::{Clearinghouse, InterestRecord, MarginAccount};
use sandbox::{perpetual, Trader, World, BASE, DAY, SOL, USDC};
use solana_instruction::Instruction;
use support::{
    assert_conserved, assert_refused, debts, rewrite, write_book, Defaults, Random, Scene, OWED,
};

fn interest(world: &World) -> InterestRecord {
    world.read::<Clearinghouse>(&world.house).interest
}

fn header(world: &World, trader: &Trader) -> MarginAccount {
    world.account(&trader.account).0
}

/// What the account will be charged, 1e-6 USD.
fn charge(world: &World, trader: &Trader) -> u64 {
    interest(world).loss_ceil(&header(world, trader))
}

/// Everybody bears one debtor's ten thousand dollars, and nobody was touched since.
fn after_loss(rules: HouseRulesArgs) -> Scene {
    let mut scene = Defaults {
        rules,
        ..Defaults::default()
    }
    .build();
    let debtor = scene.debtors[0];
    scene.world.resolve_bankruptcy(&debtor.account).ok();
    assert_conserved(&scene.world);
    scene
}

/// The instruction with the clearing house read-only.
fn read_only(world: &World, mut ix: Instruction) -> Instruction {
    let metas = ix.accounts.iter_mut();
    metas
        .filter(|meta| meta.pubkey == world.house)
        .for_each(|meta| meta.is_writable = false);
    ix
}

#[test]
fn inv_16_margin_sees_the_loss_before_anybody_is_touched() {
    let mut scene = Defaults::default().build();
    let (world, carol) = (&mut scene.world, scene.carol);
    let before = world.report(&carol.account).margin;
    world.resolve_bankruptcy(&scene.debtors[0].account).ok();
    let after = world.report(&carol.account).margin;
    let charge = charge(world, &carol) as i64;
    assert!(charge > 3_000 * USDC as i64, "{charge}");
    assert_eq!(before.equity.raw() - after.equity.raw(), charge);
    assert_eq!(before.cash.raw() - after.cash.raw(), charge);
    assert_eq!(
        before.initial_health.raw() - after.initial_health.raw(),
        charge
    );
    let (view, _) = world.view_margin(&carol.account);
    assert_eq!(view.report(), after, "inv_11: the program sees the same");
    // the record is as it was, and the first touch makes no difference to what it is worth
    assert_eq!(header(world, &carol).cash, 1_000_000 * USDC as i64);
    let usdc = world.usdc;
    world.fund(&carol.user, &usdc, 1);
    world.deposit(&carol, &usdc, 1).ok();
    let touched = header(world, &carol);
    assert_eq!(touched.cash, 1_000_000 * USDC as i64 - charge + 1);
    assert_eq!(touched.loss_index, interest(world).loss_index);
    assert_conserved(world);
}

#[test]
fn every_way_to_touch_a_balance_charges_it_once() {
    let names = [
        "deposit",
        "withdraw",
        "trade",
        "settle perpetual",
        "settle expiry",
    ];
    for name in names {
        let mut scene = after_loss(HouseRulesArgs::PLAIN);
        let (world, carol, dave) = (&mut scene.world, scene.carol, scene.dave);
        let (usdc, btc, month) = (world.usdc, world.btc, world.month);
        world.refresh();
        let price = world.spot(&btc.price).raw();
        let charge = charge(world, &carol) as i64;
        let (mut expected, had) = (-charge, header(world, &carol).cash);
        match name {
            "deposit" => {
                world.fund(&carol.user, &usdc, 9);
                world.deposit(&carol, &usdc, 9).ok();
                expected += 9;
            }
            "withdraw" => {
                world.withdraw(&carol, &usdc, 9).ok();
                expected -= 9;
            }
            "trade" => {
                let leg = perpetual(&btc, BASE / 10, price);
                world.trade(&carol, &dave, &[leg]).ok();
            }
            _ => {
                // positions first, then another loss that nobody was touched since
                let future = sandbox::future(&btc, month, BASE / 10, price);
                let perpetual = perpetual(&btc, BASE / 10, price);
                world.trade(&dave, &carol, &[future, perpetual]).ok();
                if name == "settle expiry" {
                    world.expire(&btc, month, price + price / 100);
                } else {
                    world.set_price(&btc, price + price / 100);
                }
                lose(world, &scene.debtors[0], 1_000 * USDC);
                let second = self::charge(world, &carol) as i64;
                assert!(second > 0);
                expected -= second;
                let paid = match name {
                    "settle expiry" => {
                        let done = world.settle_expiry(&carol, &btc, month).ok();
                        done.events::<portfolio_margin::event::ExpirySettled>()[0].paid
                    }
                    _ => {
                        let done = world.settle_perp_pnl(&carol, &btc).ok();
                        done.events::<portfolio_margin::event::PerpPnlSettled>()[0].paid
                    }
                };
                assert!(paid < 0, "she is short");
                expected += paid;
            }
        }
        let now = header(world, &carol);
        assert_eq!(now.cash - had, expected, "{name}");
        assert_eq!(self::charge(world, &carol), 0, "{name}");
        assert_conserved(world);
        // touched again, she pays nothing again
        world.fund(&carol.user, &usdc, 1);
        world.deposit(&carol, &usdc, 1).ok();
        assert_eq!(header(world, &carol).cash, now.cash + 1);
        assert_conserved(world);
    }
}

/// Lets a debtor owe a further amount, which balances bear: his purse of quote goes to nobody.
fn lose(world: &mut World, debtor: &Trader, amount: u64) {
    let house = world.house;
    write_book(world, debtor, |header| header.cash = -(amount as i64), &[]);
    // what he had went into the fees of a market, which are nobody's balance either
    let btc = world.btc.key;
    rewrite(world, &house, |house: &mut Clearinghouse| {
        house.interest.debts += amount;
    });
    rewrite(
        world,
        &btc,
        |market: &mut portfolio_margin_interface::state::Market| market.fees += amount,
    );
    assert_conserved(world);
    world.resolve_bankruptcy(&debtor.account).ok();
    assert_conserved(world);
}

#[test]
fn the_first_touch_needs_the_clearing_house_writable_and_the_second_does_not() {
    let mut scene = after_loss(HouseRulesArgs::PLAIN);
    let (world, carol, dave) = (&mut scene.world, scene.carol, scene.dave);
    world.refresh();
    let price = world.spot(&world.btc.price).raw();
    let leg = perpetual(&world.btc, BASE / 10, price);
    let writable = world.trade_ix(&carol, &dave, &[leg]);
    let ix = read_only(world, writable.clone());
    let both = [carol.user, dave.user];
    let error = MarginError::ClearinghouseReadOnly;
    assert_refused(world, &ix, &both, error);
    world.send(&[writable], &both).ok();
    world.send(&[ix], &both).ok();
    assert_conserved(world);
}

#[test]
fn what_comes_in_after_a_loss_bears_none_of_it() {
    let mut scene = after_loss(HouseRulesArgs::PLAIN);
    let world = &mut scene.world;
    let late = world.trader("late", 500_000 * USDC);
    assert_eq!(header(world, &late).cash, 500_000 * USDC as i64);
    assert_eq!(charge(world, &late), 0);
    let usdc = world.usdc;
    world.withdraw(&late, &usdc, 500_000 * USDC).ok();
    // nor does an account that was emptied before, and is filled again
    let again = world.trader("again", 10 * USDC);
    world.withdraw(&again, &usdc, 10 * USDC).ok();
    lose(world, &scene.debtors[0], 50_000 * USDC);
    world.deposit(&again, &usdc, 10 * USDC).ok();
    assert_eq!(world.cash_value(&again.account), 10_000_000);
    assert_conserved(world);
}

#[test]
fn debts_bear_none_of_it_and_grow_as_they_did() {
    let rules = HouseRulesArgs {
        debt_account_limit: 500_000 * USDC,
        ..debts()
    };
    let mut scene = Defaults {
        rules,
        ..Defaults::default()
    }
    .build();
    let world = &mut scene.world;
    let eve = world.trader("eve", 0);
    let (usdc, sol) = (world.usdc, world.sol_bank);
    world.fund(&eve.user, &sol, 1_000 * SOL);
    world.deposit(&eve, &sol, 1_000 * SOL).ok();
    world.refresh();
    world.withdraw(&eve, &usdc, 50_000 * USDC).ok();
    world.advance(DAY);
    let owed = world.cash_value(&eve.account);
    world.resolve_bankruptcy(&scene.debtors[0].account).ok();
    assert_eq!(world.cash_value(&eve.account), owed);
    assert_conserved(world);
    // who repays and has a balance after it bears no loss of the time before
    world.fund(&eve.user, &usdc, 60_000 * USDC);
    world.deposit(&eve, &usdc, 60_000 * USDC).ok();
    let left = world.cash_value(&eve.account);
    assert_eq!(left, owed + 60_000_000_000);
    assert_conserved(world);
}

#[test]
fn interest_of_balances_and_losses_do_not_disturb_each_other() {
    let rules = HouseRulesArgs {
        debt_account_limit: 500_000 * USDC,
        ..debts()
    };
    let mut scene = Defaults {
        rules,
        debtors: 2,
        ..Defaults::default()
    }
    .build();
    let world = &mut scene.world;
    let carol = scene.carol;
    world.advance(30 * DAY);
    let earned = world.cash_value(&carol.account) - 1_000_000_000_000;
    assert!(earned > 0, "{earned}");
    world.resolve_bankruptcy(&scene.debtors[0].account).ok();
    let lost = charge(world, &carol);
    assert_eq!(
        world.cash_value(&carol.account),
        1_000_000_000_000 + earned - i128::from(lost),
        "interest that was earned bears nothing"
    );
    world.advance(30 * DAY);
    let worth = world.cash_value(&carol.account);
    let usdc = world.usdc;
    world.fund(&carol.user, &usdc, 1);
    world.deposit(&carol, &usdc, 1).ok();
    assert_eq!(world.cash_value(&carol.account), worth + 1);
    assert_conserved(world);
}

#[test]
fn what_liquidators_paid_falls_with_the_cash_that_it_is_in() {
    let mut scene = after_loss(HouseRulesArgs::PLAIN);
    let (world, carol) = (&mut scene.world, scene.carol);
    // half of her cash was paid by liquidators, all of it, and nothing
    for reserved in [500_000 * USDC as i64, 1_000_000 * USDC as i64, 0] {
        let kept = world.svm.clone();
        write_book(world, &carol, |header| header.reserved_cash = reserved, &[]);
        let usdc = world.usdc;
        world.fund(&carol.user, &usdc, 1);
        world.deposit(&carol, &usdc, 1).ok();
        let now = header(world, &carol);
        let cash = now.cash - 1;
        assert!(now.reserved_cash <= cash, "{reserved}");
        let exact = i128::from(reserved) * i128::from(cash) / 1_000_000_000_000;
        let off = exact - i128::from(now.reserved_cash);
        assert!((-1..=1).contains(&off), "{reserved}: {off}");
        world.svm = kept;
    }
}

#[test]
fn inv_16_hundreds_of_random_touches_and_losses_end_exact() {
    let mut scene = Defaults {
        debtors: 1,
        ..Defaults::default()
    }
    .build();
    let world = &mut scene.world;
    let mut random = Random::new(16);
    let traders: Vec<Trader> = (0..24)
        .map(|n| world.trader(&format!("holder {n}"), 1 + random.bits() % (1 << (n + 8))))
        .collect();
    let usdc = world.usdc;
    for trader in &traders {
        world.fund(&trader.user, &usdc, 1 << 40);
    }
    world.resolve_bankruptcy(&scene.debtors[0].account).ok();
    let mut losses = OWED;
    for round in 0..40 {
        for _ in 0..12 {
            let trader = random.pick(&traders);
            let worth = world.cash_value(&trader.account) as u64;
            match random.range(0, 2) {
                0 => world
                    .deposit(&trader, &usdc, 1 + random.bits() % (1 << 30))
                    .ok(),
                _ if worth > 0 => world
                    .withdraw(&trader, &usdc, 1 + random.bits() % worth)
                    .ok(),
                _ => continue,
            };
        }
        let loss = 1 + random.bits() % (200_000 * USDC);
        lose(world, &scene.debtors[0], loss);
        losses += loss;
        assert_conserved(world);
        let state: Clearinghouse = world.read(&world.house);
        assert_eq!(state.socialised, losses, "inv_16: round {round}");
    }
    // everybody is charged; what was charged is the losses and a unit or so each
    for trader in traders
        .iter()
        .chain([&scene.alice, &scene.carol, &scene.dave])
    {
        world.fund(&trader.user, &usdc, 1);
        world.deposit(trader, &usdc, 1).ok();
        assert_eq!(charge(world, trader), 0);
    }
    assert_conserved(world);
    let left = interest(world);
    assert!((0..2_000).contains(&left.pool), "{}", left.pool);
    assert!(left.loss_due < 2_000, "{}", left.loss_due);
}
