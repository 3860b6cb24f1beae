//! Shared by the kernel tests: vector files, exact decimals, random numbers, worst-error bookkeeping.

use std::collections::HashMap;

/// A row of a vector file by column name.
pub struct Row(HashMap<String, String>);

impl Row {
    pub fn text(&self, column: &str) -> &str {
        self.0
            .get(column)
            .unwrap_or_else(|| panic!("no column {column}"))
    }

    pub fn f64(&self, column: &str) -> f64 {
        self.text(column).parse().unwrap()
    }

    pub fn int<T: std::str::FromStr>(&self, column: &str) -> T {
        let text = self.text(column);
        text.parse().unwrap_or_else(|_| panic!("{column}: {text}"))
    }

    /// The exact decimal, in units of `10^-decimals`, truncated; handles `1.5`, `-3` and `2.5e-7`.
    pub fn decimal(&self, column: &str, decimals: i32) -> i128 {
        decimal(self.text(column), decimals)
    }
}

/// `text` in units of `10^-decimals`, truncated towards zero.
pub fn decimal(text: &str, decimals: i32) -> i128 {
    let (number, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().unwrap();
    let shift = decimals + exponent.parse::<i32>().unwrap() - fraction.len() as i32;
    let power = 10i128.pow(shift.unsigned_abs());
    if shift < 0 {
        digits / power
    } else {
        digits * power
    }
}

/// All rows of `tests/vectors/<name>`.
pub fn vectors(name: &str) -> Vec<Row> {
    let path = format!("{}/tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    let content = std::fs::read_to_string(path).unwrap();
    let mut lines = content.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    lines
        .map(|line| {
            let cells = line.split(',').map(str::to_owned);
            Row(header
                .iter()
                .map(|name| (*name).to_owned())
                .zip(cells)
                .collect())
        })
        .collect()
}

/// A Qn integer as a float.
pub fn from_q(value: i64, bits: i32) -> f64 {
    value as f64 * 2f64.powi(-bits)
}

/// The worst of many errors, and where it was.
pub struct Worst {
    name: &'static str,
    error: f64,
    place: String,
    count: usize,
}

impl Worst {
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            error: 0.0,
            place: String::new(),
            count: 0,
        }
    }

    pub fn see(&mut self, error: f64, place: impl FnOnce() -> String) {
        assert!(error.is_finite(), "{}: {error} at {}", self.name, place());
        self.count += 1;
        if error.abs() > self.error {
            self.error = error.abs();
            self.place = place();
        }
    }

    /// Prints the worst error and fails if it exceeds `most`, or if nothing was compared.
    pub fn at_most(&self, most: f64) {
        println!(
            "{:32} worst {:.3e} of {most:.1e} in {} cases, at {}",
            self.name, self.error, self.count, self.place
        );
        assert!(self.count > 0, "{}: nothing was compared", self.name);
        assert!(
            self.error <= most,
            "{}: {:.3e} > {most:.1e} at {}",
            self.name,
            self.error,
            self.place
        );
    }
}

/// SplitMix64 (G. Steele, D. Lea, C. Flood, 2014): a small generator so that the tests need no crate.
pub struct Random(pub u64);

impl Random {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Any `u64`: every order of magnitude alike, with the ends and the neighbours of powers of two over-represented.
    pub fn any(&mut self) -> u64 {
        let choice = self.bits();
        match choice % 8 {
            0 => 0,
            1 => u64::MAX,
            2 => (1u64 << (choice >> 58))
                .wrapping_add((choice >> 8) % 3)
                .wrapping_sub(1),
            _ => self.bits() >> (choice >> 58),
        }
    }

    /// Any `i64`, distributed as [`Random::any`] with both signs.
    pub fn any_signed(&mut self) -> i64 {
        let magnitude = self.any() as i64;
        if self.bits() & 1 == 0 {
            magnitude
        } else {
            magnitude.wrapping_neg()
        }
    }

    /// Uniform in `[low, high)`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.bits() >> 11) as f64 * 2f64.powi(-53)
    }
}
