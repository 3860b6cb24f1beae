//! Documents bent at random: each is answered with a report or a failure that names something, and none panics.

// A test fails by panicking; the generator's arithmetic wraps on purpose.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use risk_document::answer;
use serde_json::Value;

/// Numbers at and beyond the ends of every unit, and things that are none.
const BENT: [&str; 22] = [
    "0",
    "-1",
    "1",
    "\"1e-8\"",
    "\"0.000001\"",
    "\"-0.000001\"",
    "1e36",
    "\"92233720368.54775807\"",
    "\"4611686018427.387903\"",
    "\"-4611686018427.387904\"",
    "9223372036854775807",
    "-9223372036854775808",
    "1099511627776",
    "126144000",
    "\"0.999999\"",
    "4",
    "8",
    "1000000",
    "\"nan\"",
    "null",
    "[]",
    "{}",
];

/// SplitMix64 (G. Steele, D. Lea, C. Flood, 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end as u64).unwrap()
    }
}

/// Where values that are numbers, plain or in quotes, begin and end.
fn numbers(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut start = 0;
    for part in text.split_inclusive([',', '{', '}', '[', ']', ':']) {
        let value = part
            .trim_end_matches([',', '{', '}', '[', ']', ':'])
            .trim_end();
        let lead = value.len() - value.trim_start().len();
        let inner = value.trim().trim_matches('"');
        if inner.parse::<f64>().is_ok() {
            found.push((start + lead, start + value.len()));
        }
        start += part.len();
    }
    found
}

#[test]
fn every_bent_document_is_answered() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../cli/examples");
    let examples: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    let mut random = Random(2_026);
    let (mut evaluated, mut refused) = (0, 0);
    for _ in 0..4_000 {
        // GIVEN an example with up to three numbers replaced
        let mut document = examples[random.below(examples.len())].clone();
        for _ in 0..=random.below(3) {
            let places = numbers(&document);
            let (from, to) = places[random.below(places.len())];
            document.replace_range(from..to, BENT[random.below(BENT.len())]);
        }
        // WHEN asked THEN there is an answer of one kind or the other
        let answer: Value = serde_json::from_str(&answer(&document)).unwrap();
        match answer.get("failure") {
            Some(failure) => {
                assert!(!failure["text"].as_str().unwrap().is_empty());
                refused += 1;
            }
            None => {
                assert!(answer["report"]["equity"].is_string(), "{document}");
                evaluated += 1;
            }
        }
    }
    assert!(evaluated > 300 && refused > 300, "{evaluated}, {refused}");
}
