//! With every new term neutral the engine gives the numbers of its first version, to the bit.
//!
//! The digests were computed by that version (31-node sets, no skew, discounts, floors or confidence) from these very books,
//! whose draw takes `libm`'s functions since a platform's own differ in the last bit; and again when N became a table of
//! parabolas, the one thing that has changed since. They cover marks, PnL per scenario, scans, contingencies and both healths.

use crate::fixture::{random_book, random_scenarios, Portfolio, Shape};
use crate::support::Random;

/// FNV-1a over native amounts (G. Fowler, L. Noll, P. Vo, 1991).
fn absorb(digest: u64, values: &[i64]) -> u64 {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes());
    bytes.fold(digest, |digest, byte| {
        (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Everything that the first version said of a book.
fn digest_of(digest: u64, book: &Portfolio) -> u64 {
    let Ok(engine) = book.try_evaluate() else {
        return absorb(digest, &[-1]);
    };
    let (risk, report) = (engine.risk, engine.report);
    let digest = absorb(digest, &engine.pnl);
    absorb(
        digest,
        &[
            risk.mark.raw(),
            risk.scan.raw(),
            risk.worst_scenario.into(),
            risk.contingency_maintenance.raw(),
            risk.contingency_initial.raw(),
            risk.gross_notional.raw(),
            report.initial_health.raw(),
            report.maintenance_health.raw(),
            report.equity.raw(),
        ],
    )
}

/// Digest of 2,000 books under shipped sets, or under random ones.
fn digest(seed: u64, shape: &Shape, random_sets: bool) -> u64 {
    let mut random = Random(seed);
    (0..2_000).fold(0xcbf2_9ce4_8422_2325, |digest, _| {
        let mut book = random_book(&mut random, shape);
        if random_sets {
            book.scenarios = random_scenarios(&mut random);
        }
        digest_of(digest, &book)
    })
}

const FIRST_VERSION: [u64; 4] = [
    0x66e7_c4bb_9cda_43af,
    0x01d5_93ae_79a9_e798,
    0xa039_e880_7da3_fab0,
    0xa101_4db7_38c0_d3cf,
];

#[test]
fn neutral_terms_give_the_bits_of_the_first_version() {
    let digests = [
        digest(91, &Shape::ANY, false),
        digest(92, &Shape::ANY, true),
        digest(93, &Shape::USUAL, false),
        digest(94, &Shape::ONE_OPTION, true),
    ];
    assert_eq!(digests, FIRST_VERSION);
}
