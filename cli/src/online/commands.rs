//! The on-line commands as the command line reads them.

use clap::{Arg, ArgAction, Command};

use super::failure::EXIT_CODES;

/// What holds for every command here.
const SETTINGS_HELP: &str = "\
Settings: flag, then environment, then file, then default.
  --url           PM_URL           url           http://127.0.0.1:8899
  --keypair       PM_KEYPAIR       keypair       ~/.config/solana/id.json
  --house         PM_HOUSE         house         number 1
  --commitment    PM_COMMITMENT    commitment    confirmed
  --priority-fee  PM_PRIORITY_FEE  priority_fee  auto
  --config        PM_CONFIG                      ~/.config/portfolio-margin/config.toml

Series: BTC-PERP, BTC-27NOV26 (a future; expires at 08:00 UTC), BTC-27NOV26-120000-C (a call; -P a put); 27NOV26T1530 is another time;
@3-PERP names the market of index 3. Legs: buy:0.5:BTC-PERP:60000 is side, size in base units, series, price in USD per base unit.
ACCOUNT is the address of a margin account, or `mine`: that of the key, with --sub N its sub-account N.
";

/// `text`, then what holds for every command.
fn long(text: &str) -> String {
    format!("{text}\n\n{SETTINGS_HELP}\n{EXIT_CODES}")
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    let arg = Arg::new(name).long(name).help(help);
    arg.action(ArgAction::SetTrue)
}

fn option(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

/// Where to read; every command on line has these.
pub fn reading(command: Command) -> Command {
    command
        .arg(option("url", "URL", "RPC server"))
        .arg(option(
            "keypair",
            "FILE",
            "Key that signs, or whose accounts are meant: a JSON array of 64 bytes",
        ))
        .arg(option(
            "house",
            "HOUSE",
            "Clearing house: its address or its number",
        ))
        .arg(option(
            "commitment",
            "LEVEL",
            "processed, confirmed or finalized",
        ))
        .arg(option("config", "FILE", "Configuration file (TOML)"))
        .arg(flag("json", "Print one JSON document instead of tables"))
}

/// What signs.
fn signing(command: Command) -> Command {
    reading(command)
        .arg(option(
            "priority-fee",
            "FEE",
            "auto, or micro-lamports per compute unit",
        ))
        .arg(flag("yes", "Sign on mainnet"))
        .arg(flag(
            "dry-run",
            "Simulate only, and show what the margin would be",
        ))
}

fn named(name: &'static str, about: &'static str) -> Command {
    Command::new(name).about(about).long_about(long(about))
}

/// The account of the key, by number.
fn sub() -> Arg {
    option("sub", "N", "Number of the key's sub-account [default: 0]")
        .value_parser(clap::value_parser!(u16))
}

/// An account in the first place, `mine` without it.
fn account() -> Arg {
    Arg::new("ACCOUNT")
        .default_value("mine")
        .help("A margin account's address, or mine")
}

/// An account as an option.
pub fn account_option() -> Arg {
    option("account", "ACCOUNT", "A margin account's address, or mine")
}

fn capacity(help: &'static str) -> Arg {
    option("capacity", "N", help).value_parser(clap::value_parser!(u16))
}

fn words(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).required(true).help(help)
}

/// `pm account delegate`.
fn delegate() -> Command {
    let delegate = named(
        "delegate",
        "Let another key trade and sign quotes for the account, for a time; or no longer",
    );
    delegate
        .arg(sub())
        .arg(
            Arg::new("KEY")
                .required_unless_present("none")
                .help("The delegate's address"),
        )
        .arg(flag("none", "No delegate any more").conflicts_with_all(["KEY", "hours"]))
        .arg(
            option("hours", "N", "For how long, hours [default: 24]")
                .value_parser(clap::value_parser!(u32).range(1..=87_600)),
        )
        .arg(until().conflicts_with_all(["hours", "none"]))
}

/// `pm account`.
fn accounts() -> Command {
    let open = named("open", "Open a margin account of the key");
    let open = open
        .arg(sub())
        .arg(capacity("Positions it has room for, 16 to 128").default_value("16"))
        .arg(option("tier", "TIER", "standard or portfolio").default_value("portfolio"));
    let tier = named("tier", "Change how the account is margined");
    let venue = named(
        "venue",
        "Let a listed venue's program trade for the account; or no longer",
    )
    .arg(sub())
    .arg(words("PROGRAM", "The venue's program"))
    .arg(flag("revoke", "No longer"));
    Command::new("account")
        .about("Open, show, grow, close margin accounts; tier, delegate, venues")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(signing(open))
        .subcommand(reading(
            named("show", "An account: owner, tier, balances, limits")
                .arg(account())
                .arg(sub()),
        ))
        .subcommand(reading(
            named("list", "The accounts of the key, or of an owner")
                .arg(option("owner", "KEY", "Whose")),
        ))
        .subcommand(signing(
            named("grow", "Make room for more positions")
                .arg(sub())
                .arg(capacity("Positions it shall have room for, up to 128").required(true)),
        ))
        .subcommand(signing(
            named(
                "close",
                "Close an empty account; its rent returns to the owner",
            )
            .arg(sub()),
        ))
        .subcommand(signing(
            tier.arg(sub()).arg(words("TIER", "standard or portfolio")),
        ))
        .subcommand(signing(delegate()))
        .subcommand(signing(venue))
}

/// `pm deposit` and `pm withdraw`.
fn money(name: &'static str, about: &'static str) -> Command {
    signing(
        named(name, about)
            .arg(words("AMOUNT", "Whole tokens as a decimal, exactly"))
            .arg(
                Arg::new("ASSET")
                    .default_value("quote")
                    .help("quote, a mint's address, or @N for the bank of index N"),
            )
            .arg(sub()),
    )
}

fn legs() -> Arg {
    Arg::new("LEG")
        .required(true)
        .num_args(1..=16)
        .help("SIDE:SIZE:SERIES:PRICE as the taker sees it, such as buy:0.5:BTC-PERP:60000")
}

/// `pm trade`.
fn trade() -> Command {
    let about = "Trade legs against an account whose key is at hand, both sides checked";
    signing(
        named("trade", about)
            .arg(legs())
            .arg(sub())
            .arg(account_option().help("The taker's account, where the key is its delegate"))
            .arg(
                option(
                    "maker-keypair",
                    "FILE",
                    "The maker's key; the maker signs too",
                )
                .required(true),
            )
            .arg(option(
                "maker",
                "ACCOUNT",
                "The maker's account [default: its key's sub-account 0]",
            )),
    )
}

/// A whole number.
fn number(name: &'static str, help: &'static str) -> Arg {
    option(name, "N", help).value_parser(clap::value_parser!(u64))
}

fn quote_file() -> Arg {
    words("QUOTE", "The quote's file; - for standard input")
}

/// An end that does not depend on what the server says of the time.
fn until() -> Arg {
    option("until", "TIME", "Until when it is good, Unix seconds")
        .value_parser(clap::value_parser!(i64).range(1..))
}

/// `pm quote sign`.
fn quote_sign() -> Command {
    named(
        "sign",
        "Sign a quote off chain and print it: nothing is sent",
    )
    .arg(legs())
    .arg(sub())
    .arg(account_option().help("The maker's account, where the key is its delegate"))
    .arg(
        number(
            "nonce",
            "Number of the quote; quotes of one number share one count of filled lots",
        )
        .required(true),
    )
    .arg(number("lots", "Most lots, over all fills; LEGs state one lot").default_value("1"))
    .arg(number("least", "Least lots of a fill").default_value("1"))
    .arg(
        option("seconds", "N", "How long it is good")
            .value_parser(clap::value_parser!(u32).range(1..=31_536_000))
            .default_value("60"),
    )
    .arg(until().conflicts_with("seconds"))
    .arg(option(
        "taker",
        "ACCOUNT",
        "The only account that may take it [default: any]",
    ))
}

/// `pm quote`.
fn quotes() -> Command {
    let fill = named("fill", "Take lots of a signed quote")
        .arg(quote_file())
        .arg(sub())
        .arg(account_option().help("The taker's account, where the key is its delegate"))
        .arg(number(
            "lots",
            "Most lots to take [default: all that are left]",
        ))
        .arg(number("least", "Least lots to take: else nothing").default_value("1"));
    let cancel = named(
        "cancel",
        "Cancel quotes: one, all below a number, or all signed so far (the owner's alone)",
    )
    .arg(sub())
    .arg(account_option().help("The maker's account, where the key is its delegate"))
    .arg(number("nonce", "This one"))
    .arg(number("below", "Every one with a lower number"))
    .arg(flag(
        "all",
        "Every quote signed so far; numbers are free again",
    ))
    .group(
        clap::ArgGroup::new("what")
            .args(["nonce", "below", "all"])
            .required(true),
    );
    Command::new("quote")
        .about("Signed quotes: sign, verify, fill, cancel")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(signing(
            named(
                "open",
                "Open the account's quote nonces, once, before its first quote",
            )
            .arg(sub()),
        ))
        .subcommand(reading(quote_sign()).arg(flag("yes", "Sign for mainnet")))
        .subcommand(reading(
            named(
                "verify",
                "Whether a quote is good: signature, key, session, lots left",
            )
            .arg(quote_file()),
        ))
        .subcommand(signing(fill))
        .subcommand(signing(cancel))
}

/// Cranks of one market: their names, and what each does.
const OF_A_MARKET: [(&str, &str); 4] = [
    (
        "market",
        "Store a market's spot; move its stable price and regime",
    ),
    (
        "funding",
        "Book a market's funding of past hours, as an event for charts",
    ),
    (
        "fees",
        "Move a market's fees to the house and its insurance fund",
    ),
    (
        "outage",
        "Report that a market's feed is dead: nothing was stored for ten minutes",
    ),
];

/// `pm crank`.
fn cranks() -> Command {
    let market = || words("MARKET", "Its symbol, or @N");
    let asset = || words("ASSET", "A mint's address, or @N");
    let of_a_market = OF_A_MARKET.map(|(name, about)| named(name, about).arg(market()));
    let pnl = named(
        "perp-pnl",
        "Realise the profit or loss of a perpetual as cash: losses in full, profits as far as losers have paid",
    );
    let pnl = pnl
        .arg(market())
        .arg(account_option().help("Of this account [default: the key's own]"))
        .arg(sub());
    Command::new("crank")
        .about("Store prices, book funding, settle: anybody may")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(of_a_market.map(signing))
        .subcommand(signing(named("bank", "Store a bank's price").arg(asset())))
        .subcommand(signing(
            named("bank-outage", "Report that a bank's own feed is dead").arg(asset()),
        ))
        .subcommand(signing(named(
            "quote-price",
            "Store the quote asset's price",
        )))
        .subcommand(signing(pnl))
        .subcommand(signing(settlement()))
}

/// `pm crank settlement`.
fn settlement() -> Command {
    let about = "An expiry: record a price of its last half hour, make its price final, or settle an account";
    named("settlement", about)
        .arg(words("FUTURE", "Market and date, as BTC-27NOV26"))
        .arg(flag("record", "Record the price of now"))
        .arg(flag("finalize", "Make the price final"))
        .arg(account_option().help("Settle this account's positions of the expiry"))
        .group(
            clap::ArgGroup::new("step")
                .args(["record", "finalize", "account"])
                .required(true),
        )
        .arg(sub())
}

/// `pm liquidations`.
fn liquidations() -> Command {
    let about = "Accounts below maintenance or in liquidation, worst first; reads all accounts of the house, changes nothing";
    reading(
        named("liquidations", about)
            .arg(flag("all", "Every account with positions, worst first"))
            .arg(
                option("limit", "N", "Most accounts to show")
                    .value_parser(clap::value_parser!(u32))
                    .default_value("50"),
            ),
    )
}

/// All commands that are on line alone.
pub fn all() -> Vec<Command> {
    vec![
        accounts(),
        money("deposit", "Deposit collateral from the key's associated token account into its margin account"),
        money("withdraw", "Withdraw collateral to the key's associated token account, which is created where it is missing"),
        trade(),
        quotes(),
        reading(
            named(
                "positions",
                "What an account holds, at the marks, with Greeks",
            )
            .arg(account())
            .arg(sub()),
        ),
        reading(named(
            "markets",
            "Markets: price, funding, open interest, expiries, regime",
        )),
        reading(named(
            "banks",
            "Collateral: price, haircuts, deposits, limits",
        )),
        cranks(),
        liquidations(),
    ]
}

/// `pm margin` and `pm matrix` of an account beside those of a document.
pub fn of_account(command: Command) -> Command {
    let command = reading(command).arg(sub());
    command.arg(account_option().conflicts_with("FILE"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(command: &Command, path: &str, visit: &mut impl FnMut(&Command, &str)) {
        visit(command, path);
        let inner = command.get_subcommands();
        for inner in inner.filter(|inner| inner.get_name() != "help") {
            walk(inner, &format!("{path} {}", inner.get_name()), visit);
        }
    }

    #[test]
    fn every_command_is_well_formed_and_states_settings_and_exit_codes() {
        for command in all() {
            let mut command = command;
            command.build();
            command.clone().debug_assert();
            walk(
                &command,
                &format!("pm {}", command.get_name()),
                &mut |inner, path| {
                    if inner.get_subcommands().next().is_none() {
                        let help = inner.clone().render_long_help().to_string();
                        for word in ["Exit codes:", "PM_URL", "--json", "--config"] {
                            assert!(help.contains(word), "{path}: {word}");
                        }
                    }
                },
            );
        }
    }

    #[test]
    fn what_signs_can_be_tried_and_asks_on_mainnet() {
        let mut signs = 0;
        for command in all() {
            walk(
                &command,
                &format!("pm {}", command.get_name()),
                &mut |inner, path| {
                    let has = |name: &str| inner.get_arguments().any(|arg| arg.get_id() == name);
                    // a quote is signed and not sent
                    assert_eq!(
                        has("yes"),
                        has("dry-run") || path == "pm quote sign",
                        "{path}"
                    );
                    signs += usize::from(has("yes"));
                },
            );
        }
        assert_eq!(signs, 22);
    }
}
