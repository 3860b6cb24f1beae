//! Writes `vectors.txt`: cases over the kernels' whole ranges, their edges, and books of every shape, evaluated here.
//!
//! `cargo run -p parity --bin parity-vectors` rewrites the file, with `-- --check` it compares it.

// Numbers are chosen here and small; a debug build would refuse an overflow.
#![allow(clippy::arithmetic_side_effects)]

use std::fmt::Write;
use std::process::ExitCode;

use parity::{evaluate, params_words, Kernel, Outputs, MAX_OUTPUTS};
use risk_core::market::MarketParams;
use risk_core::scenario::{Scenario, MAJOR_GRID, MAJOR_SCENARIOS, WIDE_SCENARIOS};

/// 1.0 in the kernels' formats.
const Q36: i64 = 1 << 36;
const Q38: i64 = 1 << 38;
const Q40: i64 = 1 << 40;
const DAY: i64 = 86_400;
/// Time of every scan.
const NOW: i64 = 1_760_000_000;
/// Price units in 1 USD.
const USD: i64 = 100_000_000;
/// Base units, 1e-6.
const UNIT: i64 = 1_000_000;

/// SplitMix64 (G. Steele, D. Lea, C. Flood, 2014).
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Any bits; every order of magnitude alike.
    fn any(&mut self) -> i64 {
        let magnitude = (self.bits() >> (self.bits() % 64)).cast_signed();
        if self.bits() & 1 == 0 {
            magnitude
        } else {
            magnitude.wrapping_neg()
        }
    }

    /// Uniform from `low` to `high`.
    fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = high.abs_diff(low).saturating_add(1);
        low.wrapping_add_unsigned(self.bits() % span)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let index = self.bits() % from.len() as u64;
        let index = usize::try_from(index).expect("an index of a slice");
        *from.get(index).expect("less than the length")
    }
}

/// The file as it grows.
struct File {
    text: String,
    random: Random,
}

impl File {
    /// Evaluates a case and writes its line.
    fn case(&mut self, kernel: Kernel, inputs: &[i64]) {
        let mut words = [0; MAX_OUTPUTS];
        let mut out = Outputs::new(&mut words);
        evaluate(kernel, inputs, &mut out)
            .unwrap_or_else(|| panic!("{} refuses {inputs:?}", kernel.name()));
        self.text.push_str(kernel.name());
        for input in inputs {
            let _ = write!(self.text, " {input}");
        }
        self.text.push_str(" =");
        for output in out.written() {
            let _ = write!(self.text, " {output}");
        }
        self.text.push('\n');
    }
}

/// The ends of the type and of the formats, and their neighbours.
const EDGES: [i64; 24] = [
    0,
    1,
    -1,
    2,
    i64::MAX,
    i64::MIN,
    i64::MIN + 1,
    Q36,
    -Q36,
    Q36 - 1,
    8 * Q36,
    8 * Q36 - 1,
    -8 * Q36,
    -8 * Q36 - 1,
    10 * Q36,
    128 * Q36,
    Q38,
    17 * Q38,
    17 * Q38 + 1,
    27 * Q38,
    64 * Q38,
    Q40,
    UNIT,
    u32::MAX as i64,
];

/// Kernels of one argument: edges, any bits, and the range in use.
fn scalars(file: &mut File) {
    for (kernel, least, most) in [
        (Kernel::Ln, 1, 200_000 * USD),
        (Kernel::ExpNeg, 0, 30 * Q38),
        (Kernel::Exp, -5 * Q38, 17 * Q38),
        (Kernel::Sqrt, 0, i64::MAX),
        (Kernel::Tenor, 0, 4 * 365 * DAY),
        (Kernel::Normal, -9 * Q36, 9 * Q36),
    ] {
        for edge in EDGES {
            file.case(kernel, &[edge]);
        }
        for _ in 0..24 {
            let x = file.random.any();
            file.case(kernel, &[x]);
        }
        for _ in 0..60 {
            let x = file.random.between(least, most);
            file.case(kernel, &[x]);
        }
    }
}

/// Kernels that multiply and divide in 128 bits: what a target may implement by itself.
fn products(file: &mut File) {
    for a in EDGES.into_iter().step_by(2) {
        for b in EDGES.into_iter().skip(1).step_by(4) {
            file.case(Kernel::MulDiv, &[a, b, UNIT]);
            file.case(Kernel::LnRatio, &[a, b]);
        }
    }
    for _ in 0..100 {
        let [a, b, d] = [file.random.any(), file.random.any(), file.random.any()];
        file.case(Kernel::MulDiv, &[a, b, d]);
        file.case(Kernel::MulDiv, &[a, b >> 30, d]);
        file.case(Kernel::LnRatio, &[a, b]);
        let ratio = file.random.between(-10_000_000, 10_000_000);
        file.case(Kernel::Amounts, &[a, b.saturating_abs(), ratio]);
        file.case(Kernel::Amounts, &[a >> 20, b >> 20, ratio]);
    }
}

/// Smiles, mostly valid, at strikes near and far.
fn smiles(file: &mut File) {
    for index in 0..140 {
        let mut smile = smile(&mut file.random);
        if index % 5 == 0 {
            let [a, b, ..] = &mut smile;
            *(if index % 2 == 0 { a } else { b }) = file.random.any();
        }
        let seconds = file.random.between(-1, 400 * DAY);
        for k in [0, file.random.between(-Q40, Q40), file.random.any()] {
            let [a, b, rho, m, s, tenor] = smile;
            file.case(Kernel::Svi, &[a, b, rho, m, s, tenor, seconds, k]);
        }
    }
}

/// `a b rho m s reference_tenor` with a volatility between 20 and 200 %.
fn smile(random: &mut Random) -> [i64; 6] {
    let tenor = random.between(3_600, 400 * DAY);
    let variance = random
        .between(40_000, 4_000_000)
        .wrapping_mul(tenor)
        .div_euclid(365 * DAY)
        .wrapping_mul(UNIT); // 1e-12
    [
        random.between(variance / 8, variance),
        random.between(0, variance),
        random.between(-900_000, 900_000),
        random.between(-200_000, 200_000),
        random.between(50_000, 800_000),
        tenor,
    ]
}

/// Options: anything that books hold, and inputs of any bits.
fn options(file: &mut File) {
    for index in 0..320 {
        let put = index % 2;
        let strike = file.random.between(USD / 1_000, 200_000 * USD);
        let percent = file.random.between(30, 300);
        let forward = (strike / 100).wrapping_mul(percent);
        let years = file
            .random
            .pick(&[0, 2_000, 600_000, Q36 / 52, Q36 / 4, Q36, 4 * Q36]);
        let root = if years == 0 { 0 } else { root_of(years) };
        let volatility = file.random.between(1, 300);
        // Q38 to Q40
        let std_dev = (root / 25).wrapping_mul(volatility);
        let rate = file.random.between(-Q36 / 10, Q36 / 3);
        let discount = file.random.between(Q38 / 2, Q38);
        let greeks = [put, forward, strike, std_dev, root, years, rate, discount];
        file.case(Kernel::Greeks, &greeks);
        if index % 4 == 0 {
            let words: [i64; 7] = std::array::from_fn(|_| file.random.any());
            let [a, b, c, d, e, f, g] = words;
            file.case(Kernel::Greeks, &[put, a, b, c, d, e, f, g]);
            file.case(Kernel::Price, &[put, a, b, c, d, e, f, g]);
        }
    }
}

/// The square root of a tenor, Q36 to Q38, by the engine's own kernel.
fn root_of(years: i64) -> i64 {
    let root = risk_core::fixed::sqrt::sqrt_tenor_q36(years.unsigned_abs());
    i64::try_from(root).expect("below 2^40")
}

/// A book for a scan.
struct Book {
    params: MarketParams,
    scenarios: Vec<Scenario>,
    /// Spot, USD.
    spot: i64,
    /// Seconds to the expiries.
    expiries: Vec<i64>,
    options: i64,
    /// A perpetual, and a future in each expiry.
    linear: bool,
    /// Largest half of a size.
    scale: i64,
}

impl Book {
    /// One of the shipped sets of parameters and scenarios; everything else is the caller's.
    fn new(random: &mut Random) -> Self {
        let params = random.pick(&[
            MarketParams::MAJOR,
            MarketParams::BTC,
            MarketParams::ETH,
            MarketParams::SOL,
        ]);
        let scenarios = match () {
            () if params == MarketParams::SOL => WIDE_SCENARIOS.to_vec(),
            () if params == MarketParams::MAJOR => MAJOR_GRID.to_vec(),
            () => MAJOR_SCENARIOS.to_vec(),
        };
        Self {
            params,
            scenarios,
            spot: 100_000,
            expiries: vec![30 * DAY],
            options: 0,
            linear: false,
            scale: UNIT,
        }
    }
}

/// Books of many shapes: empty, one leg, expired, averaging, tiny, at the edge of range, full.
fn scans(file: &mut File) {
    let days = |days: &[i64]| days.iter().map(|day| day * DAY).collect::<Vec<_>>();
    let shapes = [
        (100_000, vec![], 0, true, UNIT),
        (100_000, days(&[30]), 1, false, UNIT),
        (100_000, vec![0], 6, true, UNIT),
        (100_000, vec![600, DAY], 8, true, UNIT),
        (100_000, days(&[30]), 3, true, 1),
        (3, days(&[7]), 4, false, 1_000_000 * UNIT),
        (4_000, days(&[7, 30]), 16, true, 10 * UNIT),
        (150, days(&[1, 90]), 12, true, 500 * UNIT),
        (100_000, days(&[1, 7, 30, 90]), 24, false, UNIT / 10),
        (100_000, days(&[7, 30, 90, 360]), 64, true, UNIT),
        (100_000, days(&[30]), 8, false, 200_000 * UNIT),
        (100_000, days(&[30]), 8, false, 2_000_000 * UNIT),
    ];
    for (spot, expiries, options, linear, scale) in shapes {
        let book = Book {
            spot,
            expiries,
            options,
            linear,
            scale,
            ..Book::new(&mut file.random)
        };
        let words = words(&book, &mut file.random);
        file.case(Kernel::Scan, &words);
    }
    for _ in 0..40 {
        let random = &mut file.random;
        let book = Book {
            spot: random.between(1, 150_000),
            expiries: vec![
                random.between(0, 3 * DAY),
                random.between(4 * DAY, 700 * DAY),
            ],
            options: random.between(1, 12),
            linear: random.bits() & 1 == 0,
            scale: random.pick(&[1, 100, UNIT, 50 * UNIT]),
            ..Book::new(random)
        };
        let words = words(&book, random);
        file.case(Kernel::Scan, &words);
    }
    full_account(file);
}

/// 128 options: what an account holds at most, under as few scenarios as keep the line short.
fn full_account(file: &mut File) {
    let scenarios = [0, 20, 30, 31, 32].map(|index| MAJOR_SCENARIOS.get(index).copied());
    let book = Book {
        params: MarketParams::BTC,
        scenarios: scenarios.into_iter().flatten().collect(),
        expiries: vec![7 * DAY, 30 * DAY, 90 * DAY, 360 * DAY],
        options: 128,
        scale: UNIT / 100,
        ..Book::new(&mut file.random)
    };
    let words = words(&book, &mut file.random);
    file.case(Kernel::Scan, &words);
}

/// The inputs of a scan; see the crate's module `scan`.
fn words(book: &Book, random: &mut Random) -> Vec<i64> {
    let spot = book.spot * USD;
    let one_in =
        |random: &mut Random, chance: u64, value: i64, plain: i64| match random.bits() % chance {
            0 => value,
            _ => plain,
        };
    let premium = spot / random.between(200, 2_000);
    let mut words = vec![NOW, spot, spot + premium];
    let stable = spot / 100 * random.between(90, 110);
    words.push(one_in(random, 2, stable, 0));
    for _ in 0..2 {
        let confidence = random.between(0, UNIT);
        words.push(one_in(random, 2, confidence, UNIT));
    }
    let offset = random.between(0, 2 * book.scale);
    words.push(one_in(random, 3, offset, 0));
    for (least, most) in [(500_000, 2_000_000), (500_000, 2_000_000), (UNIT, 3 * UNIT)] {
        let multiplier = random.between(least, most);
        words.push(one_in(random, 4, multiplier, UNIT));
    }
    words.extend(params_words(&book.params));
    words.push(length(&book.scenarios));
    for scenario in &book.scenarios {
        words.extend([
            scenario.vol as i64,
            scenario.spot.into(),
            scenario.damping.into(),
        ]);
    }
    words.push(length(&book.expiries));
    for seconds in &book.expiries {
        let rate = random.between(-20_000, 120_000);
        words.extend([NOW + seconds, random.between(-20_000_000, 60_000_000), rate]);
        words.extend(smile(random));
        let forward = spot / 100 * random.between(95, 110);
        words.push(one_in(random, 3, forward, 0));
        // the average of the last half hour has fixed a part
        let fixed = if *seconds < 1_800 { spot / 4 } else { 0 };
        words.push(one_in(random, 2, fixed, 0));
        let confidence = random.between(300_000, UNIT);
        words.push(one_in(random, 2, confidence, UNIT));
    }
    positions(book, random, &mut words);
    words
}

/// The positions, sorted, preceded by their number.
fn positions(book: &Book, random: &mut Random, words: &mut Vec<i64>) {
    let count = words.len();
    words.push(0);
    let cost = |random: &mut Random| random.between(-UNIT, UNIT);
    if book.linear {
        let quantity = random.between(-3, 3) * book.scale;
        words.extend([0, 0, 0, quantity, cost(random), 0]);
    }
    let per_expiry = book.options / length(&book.expiries).max(1);
    for seconds in &book.expiries {
        let expiry = NOW + seconds;
        if book.linear {
            let quantity = random.between(-book.scale, book.scale);
            words.extend([1, expiry, 0, quantity, cost(random), 0]);
        }
        for index in 0..per_expiry {
            // Strikes rise with the index from 0.6 to 1.5 of spot, so that no series repeats.
            let strike = book.spot * USD / 1_000 * (600 + 900 * index / per_expiry) + index;
            let quantity = random.between(-2 * book.scale, 2 * book.scale);
            let quoted = random.between(200_000_000, 2_000_000_000); // 1e-9
            let volatility = random.pick(&[0, 0, 0, quoted]);
            words.extend([
                random.pick(&[2, 3]),
                expiry,
                strike,
                quantity,
                0,
                volatility,
            ]);
        }
    }
    let records = words.len().abs_diff(count + 1) / 6;
    if let Some(word) = words.get_mut(count) {
        *word = i64::try_from(records).expect("a short list");
    }
}

fn length<T>(items: &[T]) -> i64 {
    i64::try_from(items.len()).expect("a short list")
}

fn main() -> ExitCode {
    let mut file = File {
        text: "# Bit parity: name, inputs, =, outputs; decimal i64. Written by parity-vectors; \
               see benches/parity/src/lib.rs.\n"
            .to_owned(),
        random: Random(2_026),
    };
    scalars(&mut file);
    products(&mut file);
    smiles(&mut file);
    options(&mut file);
    scans(&mut file);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors.txt");
    if std::env::args().any(|argument| argument == "--check") {
        if std::fs::read_to_string(path).is_ok_and(|text| text == file.text) {
            return ExitCode::SUCCESS;
        }
        eprintln!("parity-vectors: error: {path} is not what this build writes");
        return ExitCode::FAILURE;
    }
    match std::fs::write(path, &file.text) {
        Ok(()) => {
            let cases = file.text.lines().count() - 1;
            eprintln!("parity-vectors: {cases} cases, {} bytes", file.text.len());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("parity-vectors: error: {path}: {error}");
            ExitCode::FAILURE
        }
    }
}
