//! Every key: its default, both sides of its bounds, its override, and what a person is told who gets it wrong.

use std::collections::{BTreeSet, HashMap};

use super::reader::{dollars, shown_dollars};
use super::*;

/// The least that a configuration has to say.
const LEAST: &str = "[house]\nkeypair = \"keeper.json\"\n";
/// Every key, commented.
const EXAMPLE: &str = include_str!("../../keeper.example.toml");

fn from(text: &str) -> Result<Settings, ConfigError> {
    Settings::from_text(text, &HashMap::new())
}

/// The least, with one override.
fn with(key: &str, value: &str) -> Result<Settings, ConfigError> {
    let name = format!("MARGIN_KEEPER__{}", key.replace('.', "__").to_uppercase());
    Settings::from_text(LEAST, &HashMap::from([(name, value.to_owned())]))
}

fn effective(settings: &Settings, key: &str) -> String {
    let found = settings.effective.iter().find(|(name, _)| name == key);
    found.unwrap_or_else(|| panic!("no key {key}")).1.clone()
}

fn problems(result: Result<Settings, ConfigError>) -> Vec<Problem> {
    match result {
        Err(ConfigError::Invalid(problems)) => problems,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_example_has_every_key_at_its_default() {
    let example = from(EXAMPLE).unwrap();
    let least = from(LEAST).unwrap();
    let keys = |settings: &Settings| -> BTreeSet<(String, String)> {
        settings.effective.iter().cloned().collect()
    };
    assert_eq!(keys(&example), keys(&least)); // the least names the example's keypair
    let table = ::config::Config::builder()
        .add_source(File::from_str(EXAMPLE, FileFormat::Toml))
        .build()
        .unwrap();
    for (key, value) in &least.effective {
        assert!(
            table.get::<::config::Value>(key).is_ok(),
            "{key} = {value} is not in the example"
        );
    }
    assert_eq!(least.effective.len(), 57);
}

#[test]
fn whole_numbers_are_accepted_within_their_bounds_and_nowhere_else() {
    let bounds: [(&str, u64, u64); 26] = [
        ("network.timeout_seconds", 1, 300),
        ("house.sub_account", 0, 65_535),
        ("limits.largest_share_percent", 1, 100),
        ("limits.fees_per_hour_lamports", 5_000, u64::MAX / 2),
        ("limits.fees_per_transaction_lamports", 5_000, u64::MAX / 2),
        ("limits.concurrent", 1, 256),
        ("limits.oldest_slots", 1, 10_000),
        ("fees.fixed_price", 0, 1_000_000_000),
        ("fees.percentile", 1, 100),
        ("fees.most_price", 0, 1_000_000_000),
        ("acting.attempts", 1, 100),
        ("acting.sweep_ms", 100, 600_000),
        ("cranks.most_settlements", 1, 1_000),
        ("cranks.price_age_seconds", 1, 86_400),
        ("cranks.interval_seconds", 1, 3_600),
        ("cranks.jitter_ms", 0, 60_000),
        ("cranks.price_move_ppm", 1, 1_000_000),
        ("watching.snapshot_seconds", 5, 86_400),
        ("watching.silence_seconds", 2, 3_600),
        ("watching.backoff_seconds", 1, 600),
        ("watching.horizon_seconds", 60, 604_800),
        ("watching.paths", 1, 100_000),
        ("watching.risky_ppm", 1, 1_000_000),
        ("watching.seed", 0, u64::MAX),
        ("watching.steps", 1, 1_000),
        ("watching.sweep_seconds", 1, 3_600),
    ];
    for (key, least, most) in bounds {
        for value in [least, most] {
            let settings = with(key, &value.to_string()).unwrap_or_else(|e| panic!("{key}: {e}"));
            assert_eq!(effective(&settings, key), value.to_string());
        }
        let below = least.checked_sub(1).map(|value| value.to_string());
        let above = most.checked_add(1).map(|value| value.to_string());
        let wrong = [
            below,
            above,
            Some("-1".into()),
            Some("1.5".into()),
            Some("some".into()),
        ];
        for value in wrong.into_iter().flatten() {
            let problems = problems(with(key, &value));
            assert_eq!(problems.len(), 1);
            assert_eq!(problems[0].key, key);
            let text = problems[0].to_string();
            assert!(
                text.contains(&value) && text.contains(&most.to_string()),
                "{text}"
            );
        }
    }
}

#[test]
fn amounts_are_exact_within_their_bounds_and_no_fractions_of_a_float() {
    let most = 1_000_000_000_000_000_000;
    let bounds = [
        ("profit.least_usd", 0, most),
        ("profit.least_per_position_usd", 0, most),
        ("limits.most_capital_usd", 1_000_000, most),
        ("cranks.least_fees_usd", 0, most),
        ("cranks.least_pnl_usd", 0, most),
    ];
    for (key, least, most) in bounds {
        for value in [least, most] {
            let settings = with(key, &shown_dollars(value)).unwrap();
            assert_eq!(effective(&settings, key), shown_dollars(value));
        }
        let mut wrong = vec![shown_dollars(most + 1), "-0.000001".into(), "1e3".into()];
        if least > 0 {
            wrong.push(shown_dollars(least - 1));
        }
        for value in wrong {
            assert_eq!(problems(with(key, &value))[0].key, key, "{value}");
        }
    }
    let floats = problems(from(
        "[house]\nkeypair = \"k\"\n[profit]\nleast_usd = 0.5\n",
    ));
    assert!(floats[0].text.contains("\"0.50\""), "{}", floats[0]);
    let whole = from("[house]\nkeypair = \"k\"\n[profit]\nleast_usd = 3\n").unwrap();
    assert_eq!(whole.profit.least, 3_000_000);
    for (text, amount) in [
        ("0.50", Some(500_000)),
        ("1_000", Some(1_000_000_000)),
        ("0.0000001", None),
        (".5", None),
        ("5.", None),
        ("", None),
        ("99999999999999", None),
    ] {
        assert_eq!(dollars(text), amount, "{text}");
    }
}

#[test]
fn flags_are_true_or_false() {
    let flags = [
        "fees.lookup_table",
        "acting.bids",
        "acting.insolvency",
        "acting.bankruptcies",
        "acting.recoveries",
        "cranks.update_market",
        "cranks.update_bank",
        "cranks.update_quote_price",
        "cranks.update_funding",
        "cranks.collect_fees",
        "cranks.settlement",
        "cranks.perp_pnl",
        "cranks.report_outage",
    ];
    for key in flags {
        for value in ["true", "false"] {
            assert_eq!(effective(&with(key, value).unwrap(), key), value);
        }
        for value in ["yes", "1", ""] {
            assert_eq!(problems(with(key, value))[0].key, key);
        }
    }
}

/// A key with values that are taken, and values that are not.
type Texts = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

#[rustfmt::skip]
const TEXTS: [Texts; 12] = [
    ("network.url", &["https://a.example"], &["", "https://", "ws://a", "a"]),
    ("network.ws_url", &["wss://a.example"], &["wss://", "http://a", "a"]),
    ("network.commitment", &["processed", "confirmed", "finalized"], &["soon", ""]),
    ("house.clearinghouse", &["11111111111111111111111111111111"], &["0", "x"]),
    ("house.keypair", &["a b.json"], &[""]),
    ("house.shard", &["0/1", "2/3", "999/1000"], &["1/1", "0/0", "0/1001", "1", "a/b"]),
    ("profit.sol_market", &["none", "0", "65535"], &["65536", "-1", "SOL"]),
    ("fees.priority", &["fixed", "percentile"], &["most", ""]),
    ("metrics.listen", &["none", "0.0.0.0:9000", "[::1]:1"], &["9000", "host:9000", ""]),
    ("logs.format", &["text", "json"], &["xml", ""]),
    ("logs.filter", &["info", "margin_keeper=debug,warn"], &["a=b=c", ""]),
    ("profit.sol_price_usd", &["150.250000"], &["-1", "1000000.000001"]),
];

#[test]
fn texts_that_something_is_read_from_say_what_is_wanted() {
    for (key, right, wrong) in TEXTS {
        for value in right {
            assert_eq!(effective(&with(key, value).unwrap(), key), *value);
        }
        for value in wrong {
            let problems = problems(with(key, value));
            let is_named = problems.iter().all(|problem| problem.key == key);
            assert!(is_named, "{key} {value}: {problems:?}");
        }
    }
}

#[test]
fn a_price_of_sol_comes_from_somewhere() {
    let both = problems(with("profit.sol_price_usd", "0"));
    assert!(both[0].text.contains("profit.sol_market"), "{}", both[0]);
    let text = "[house]\nkeypair = \"k\"\n[profit]\nsol_price_usd = 0\nsol_market = 1\n";
    let profit = from(text).unwrap().profit;
    assert_eq!((profit.sol_price, profit.sol_market), (None, Some(1)));
}

#[test]
fn the_environment_overrides_the_file_and_all_problems_are_told_at_once() {
    let text = "[house]\nkeypair = \"k\"\n[limits]\nconcurrent = 3\n";
    let settings = Settings::from_text(
        text,
        &HashMap::from([
            ("MARGIN_KEEPER__LIMITS__CONCURRENT".into(), "5".into()),
            ("MARGIN_KEEPER_OTHER".into(), "of another program".into()),
            ("PATH".into(), "/bin".into()),
        ]),
    );
    assert_eq!(settings.unwrap().limits.concurrent, 5);

    let text =
        "limits = 3\n[acting]\nbid = true\n[cranks]\ninterval_seconds = \"soon\"\n[x.y]\nz = 1\n";
    let found = problems(from(text));
    let keys: BTreeSet<_> = found.iter().map(|problem| problem.key.as_str()).collect();
    let wanted = [
        "acting.bid",
        "cranks.interval_seconds",
        "house.keypair",
        "limits",
        "x.y.z",
    ];
    assert_eq!(keys, BTreeSet::from(wanted));
    let near = found.iter().find(|problem| problem.key == "acting.bid");
    assert!(near.unwrap().text.contains("did you mean acting.bids?"));
    let unknown = problems(with("limits.concurent", "5"));
    assert!(
        unknown[0].text.contains("the environment"),
        "{}",
        unknown[0]
    );
    assert!(
        unknown[0].text.contains("limits.concurrent"),
        "{}",
        unknown[0]
    );
}

#[test]
fn a_variable_that_misses_its_key_by_a_little_is_refused_and_not_ignored() {
    let overrides = |name: &str| HashMap::from([(name.to_owned(), "false".to_owned())]);
    for (name, told) in [
        ("MARGIN_KEEPER_ACTING__BIDS", "MARGIN_KEEPER__ACTING__BIDS"),
        ("MARGIN_KEEPER_ACTING_BIDS", "MARGIN_KEEPER__ACTING__BIDS"),
        ("MARGIN_KEEPERACTING__BIDS", "MARGIN_KEEPER__ACTING__BIDS"),
        ("margin_keeper_acting__bids", "MARGIN_KEEPER__ACTING__BIDS"),
        (
            "MARGIN_KEEPER_FEES_MOST_PRICE",
            "MARGIN_KEEPER__FEES__MOST_PRICE",
        ),
        ("MARGIN_KEEPER_ACTING__BID", "MARGIN_KEEPER__SECTION__NAME"),
    ] {
        let found = problems(Settings::from_text(LEAST, &overrides(name)));
        assert_eq!((found.len(), found[0].key.as_str()), (1, name));
        assert!(found[0].text.contains(told), "{}", found[0]);
    }
    // others may set what begins alike: containers do for services
    for name in [
        "MARGIN_KEEPER_CONFIG",
        "MARGIN_KEEPER_PORT_9464_TCP",
        "MARGIN_KEEPER_METRICS_SERVICE_HOST",
        "MARGIN_KEEPE",
    ] {
        let read = Settings::from_text(LEAST, &overrides(name));
        assert!(read.is_ok(), "{name}");
    }
    let right = Settings::from_text(LEAST, &overrides("MARGIN_KEEPER__ACTING__BIDS"));
    assert!(!right.unwrap().acting.bids);
}

#[test]
fn a_url_that_is_none_is_refused_without_being_repeated() {
    for key in ["network.url", "network.ws_url"] {
        let found = problems(with(key, "htps://host/?api-key=SECRET"));
        assert_eq!((found.len(), found[0].key.as_str()), (1, key));
        assert!(!found[0].text.contains("SECRET"), "{}", found[0]);
    }
}

#[test]
fn a_file_that_is_missing_or_no_toml_says_so() {
    let missing = Settings::load(Some(Path::new("no-such-file.toml")));
    let error = missing.unwrap_err().to_string();
    assert!(error.contains("no-such-file.toml"), "{error}");
    let error = from("[house\nkeypair = 1").unwrap_err();
    assert!(matches!(error, ConfigError::Unreadable(_)), "{error}");
}
