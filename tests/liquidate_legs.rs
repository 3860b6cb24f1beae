//! `liquidate_legs`: exploration.
use risk_core::liquidation::buffer_health;
use risk_core::Ratio;
use sandbox::{call, dollars, put, take_of, World, BASE, USDC};

#[test]
fn explore() {
    for (name, kind) in [
        ("spread + put", 0),
        ("condor + call", 1),
        ("covered call + put", 2),
    ] {
        for fall in [0i64, 60, 80, 100, 120, 130, 140, 150, 160, 170] {
            let mut world = World::new();
            let alice = world.trader("alice", 300_000 * USDC);
            let bob = world.trader("bob", 3_000_000 * USDC);
            let (btc, week) = (world.btc, world.month);
            let c = |k: u64, q: i64, p: u64| call(&btc, week, dollars(k), q * BASE, dollars(p));
            let p = |k: u64, q: i64, x: u64| put(&btc, week, dollars(k), q * BASE, dollars(x));
            let (legs, up) = match kind {
                0 => (
                    vec![
                        c(105_000, -3, 13_500),
                        c(120_000, 3, 4_500),
                        p(115_000, -1, 4_500),
                    ],
                    -1,
                ),
                1 => (
                    vec![
                        p(100_000, 2, 1_000),
                        p(110_000, -2, 3_000),
                        c(125_000, -2, 3_000),
                        c(135_000, 2, 1_000),
                        c(120_000, -1, 4_500),
                    ],
                    1,
                ),
                _ => (
                    vec![
                        sandbox::perpetual(&btc, BASE, sandbox::BTC_START),
                        c(125_000, -1, 3_000),
                        p(115_000, -1, 4_500),
                    ],
                    -1,
                ),
            };
            world.trade(&alice, &bob, &legs).ok();
            let free = world.report(&alice.account).margin.initial_health.raw() as u64;
            let bank = world.usdc;
            world.withdraw(&alice, &bank, free).ok();
            let price = sandbox::BTC_START as i64 * (1_000 + up * fall) / 1_000;
            world.set_price(&btc, price as u64);
            let (_, positions) = world.account(&alice.account);
            let naked = positions
                .iter()
                .find(|r| {
                    if kind == 1 {
                        r.strike == dollars(120_000)
                    } else {
                        r.instrument == 3
                    }
                })
                .unwrap();
            let outlook = world.outlook(&alice.account, &[take_of(naked, naked.quantity)]);
            let b = outlook.before.margin;
            let u = outlook.unpaid;
            let d = |q: risk_core::Quote| q.raw() / 1_000_000;
            println!("{name} {fall}: E {} M {} req {} wit {:?} -> E {} M {} req {} buffer health {} most fee {} lost {}", d(b.equity), d(b.maintenance_health), d(b.maintenance_margin()), outlook.before.witness(),
                d(u.equity), d(u.maintenance_health), d(u.maintenance_margin()), d(buffer_health(&u, Ratio::from_raw(100_000)).unwrap()), outlook.most_fee(), b.equity.raw() - u.equity.raw());
        }
    }
}
