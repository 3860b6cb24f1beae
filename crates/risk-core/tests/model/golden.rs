//! Three books whose numbers were computed outside this repository's Rust: golden.py, 50-digit arithmetic.
//!
//! Derivation: RISK.md with the shipped parameters, straight through: SVI variance, volatility shock
//! `(30 d / max(seconds, 1 d))^p`, Black-76 by `erfc`, PnL times damping, the smallest of the 31 as scan, contingencies
//! 3 % + 1 % of perpetuals and 0.3 % + 0.2 % of naked shorts, `health = mark + f scan - C`. Amounts are 1e-6 USD, floored.

use crate::fixture::{Portfolio, PortfolioBuilder, DAY};
use risk_core::svi::Svi;

struct Golden {
    mark: i64,
    scan: i64,
    worst: u8,
    pnl: [(usize, i64); 7],
    maintenance: i64,
    initial: i64,
}

/// Values within 4e-9 of gross notional (six times the spot at 2^-30 for the damping, less elsewhere); healths never above
/// the exact ones, and below by at most that and the cushion.
fn assert_golden(book: &Portfolio, golden: &Golden) {
    let gross = book.gross_notional();
    let near = |name: &str, got: i64, expected: i64| {
        let most = (4e-9 * gross) as i64 + 2;
        let off = got - expected;
        assert!(off.abs() <= most, "{name}: {got} is {off} from {expected}");
    };

    let engine = book.evaluate();

    near("mark", engine.risk.mark.raw(), golden.mark);
    near("scan", engine.risk.scan.raw(), golden.scan);
    assert_eq!(engine.risk.worst_scenario, golden.worst);
    for (index, expected) in golden.pnl {
        near("pnl", engine.pnl[index], expected);
    }
    let report = engine.report;
    for (name, got, exact) in [
        (
            "maintenance",
            report.maintenance_health.raw(),
            golden.maintenance,
        ),
        ("initial", report.initial_health.raw(), golden.initial),
    ] {
        assert!(got <= exact, "{name}: {got} overstates {exact}");
        let short = exact - got;
        assert!(
            short as f64 <= 6e-9 * gross + 20.0,
            "{name}: short by {short}"
        );
    }
}

#[test]
fn naked_call() {
    // GIVEN one short call, 10 % out of the money, 30 days, 60 %, rate 5 %
    let book = PortfolioBuilder::new(100_000.0)
        .expiry(30, 0.6)
        .rate(0.05)
        .short_call(30, 110_000.0, 1.0)
        .build();
    // WHEN evaluated THEN the damped sixfold rise binds
    assert_golden(
        &book,
        &Golden {
            mark: -3_256_848_656,
            scan: -13_436_814_971,
            worst: 16,
            pnl: [
                (0, 683_936_443),
                (2, 1_714_348_778),
                (6, -3_217_234_093),
                (10, -12_807_126_658),
                (16, -13_436_814_971),
                (17, 2_641_911_143),
                (30, -4_008_360_214),
            ],
            maintenance: -14_306_300_632,
            initial: -17_193_663_626,
        },
    );
}

#[test]
fn iron_condor_on_a_skewed_smile() {
    // GIVEN ten iron condors, 7 days, forward 1 % over spot, skew towards low strikes
    let skew = Svi {
        a: 2_000_000_000,
        b: 20_000_000_000,
        rho: -300_000,
        m: 10_000,
        s: 150_000,
        reference_tenor: 7 * DAY as u32,
    };
    let book = PortfolioBuilder::new(100_000.0)
        .smile(7, skew)
        .basis(0.01)
        .long_put(7, 85_000.0, 10.0)
        .short_put(7, 90_000.0, 10.0)
        .short_call(7, 110_000.0, 10.0)
        .long_call(7, 115_000.0, 10.0)
        .build();
    // WHEN evaluated THEN a rise with falling volatility binds
    assert_golden(
        &book,
        &Golden {
            mark: -4_899_508_978,
            scan: -28_546_315_836,
            worst: 30,
            pnl: [
                (0, -9_471_103_104),
                (2, -25_043_185_921),
                (6, -10_008_487_120),
                (10, -27_292_856_362),
                (16, -1_250_185_612),
                (17, -19_023_062_079),
                (30, -28_546_315_836),
            ],
            maintenance: -33_736_561_646,
            initial: -43_445_824_813,
        },
    );
}

#[test]
fn straddles_with_wings_and_a_perpetual() {
    // GIVEN ten short straddles at 180 days, five long puts at 7 days, 1.3 long perpetuals bought at 98,000
    let book = PortfolioBuilder::new(100_000.0)
        .perp_price(100_050.0)
        .expiry(7, 0.7)
        .expiry(180, 0.55)
        .basis(0.02)
        .rate(0.04)
        .short_call(180, 100_000.0, 10.0)
        .short_put(180, 100_000.0, 10.0)
        .long_put(7, 80_000.0, 5.0)
        .long_perp(1.3, 98_000.0)
        .build();
    // WHEN evaluated THEN the largest undamped rise binds
    assert_golden(
        &book,
        &Golden {
            mark: -300_858_214_423,
            scan: -158_049_116_100,
            worst: 10,
            pnl: [
                (0, -41_667_807_664),
                (2, -99_790_679_090),
                (6, -114_193_888_418),
                (10, -158_049_116_100),
                (16, -112_720_631_495),
                (17, -6_373_358_809),
                (30, 43_749_119_711),
            ],
            maintenance: -437_197_507_302,
            initial: -474_107_330_522,
        },
    );
}
