//! Every way to be refused: codes, words and numbers; mainnet; a broken line.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;

use super::{millionths, Desk};
use crate::proxy::{Fault, Proxy, Rule};

/// What bob asks for, how it ends, and a word of why. `{WORD}` stands for a key file, an account or an address.
const WRONG: &[(&str, i32, &str)] = &[
    // more than there is
    ("deposit 1e12", 1, "holds"),
    ("withdraw 1e11", 1, "BalanceInsufficient"),
    ("withdraw 1 @1", 1, "holds 0 of it, less than 1"),
    ("account open", 1, "open already"),
    ("account open --sub 1 --capacity 5", 1, "CapacityOutOfRange"),
    // what cannot be read
    (
        "deposit 0.0000001",
        2,
        "more decimals than the mint, which has 6",
    ),
    ("deposit -5", 2, "'-5'"),
    ("deposit many", 2, "is not a decimal number"),
    ("deposit 1 USDC", 2, "a mint's address, or @N"),
    ("margin --account nobody", 2, "is no address"),
    (
        "margin --account mine --keypair none.json",
        2,
        "keypair file none.json: No such file or directory (os error 2); --keypair or PM_KEYPAIR",
    ),
    ("margin --account mine --house here", 2, "house"),
    ("margin --account mine --url localhost", 2, "http://"),
    ("margin --account mine --config none.toml", 2, "none.toml"),
    ("margin FILE --account mine", 2, "cannot be used with"),
    (
        "account open --sub 1 --tier best",
        2,
        "neither standard nor portfolio",
    ),
    ("quote fill none.json", 2, "none.json"),
    (
        "trade buy:1:BTC-PERP:0 --maker-keypair {maker-key}",
        2,
        "not above zero",
    ),
    (
        "trade buy:1:BTC:60000 --maker-keypair {maker-key}",
        2,
        "is no series",
    ),
    // what is not there
    ("deposit 1 {bob}", 4, "no bank"),
    (
        "deposit 1 --sub 9",
        4,
        "`pm account open --sub N` opens one",
    ),
    ("margin --account {bob}", 4, "is not a margin account"),
    ("positions {house}", 4, "is not a margin account"),
    ("margin --account mine --house 77", 4, "no clearing house"),
    (
        "trade buy:1:XRP-PERP:1 --maker-keypair {maker-key}",
        4,
        "no market XRP",
    ),
    // whose key it is not
    (
        "trade buy:1:BTC-PERP:1 --account {alice-account} --maker-keypair {maker-key}",
        6,
        "Unauthorized",
    ),
    (
        "trade buy:1:BTC-PERP:1 --maker {alice-account} --maker-keypair {maker-key}",
        6,
        "Unauthorized",
    ),
];

#[test]
fn what_is_wrong_has_its_code_and_its_numbers() {
    let desk = Desk::start("wrong");
    for (line, code, word) in WRONG {
        let line = line
            .replace("{maker-key}", &desk.key("maker"))
            .replace("{alice-account}", &desk.account("alice"))
            .replace("{bob}", &desk.wallet("bob").address)
            .replace("{house}", &desk.network.info.house);
        desk.run("bob", &line).ends(*code, word);
    }
}

#[test]
fn a_wallet_without_lamports_is_told_so() {
    let desk = Desk::start("poor");
    let key = solana_keypair::Keypair::new_from_array([9; 32]);
    std::fs::write(desk.key("poor"), format!("{:?}", key.to_bytes())).expect("a file");
    desk.run("poor", "account open").ends(1, "lamports");
}

/// Answers every call with one result, `count` times.
fn answering(result: &'static str, count: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    std::thread::spawn(move || {
        for stream in listener.incoming().take(count) {
            let mut stream = stream.expect("a caller");
            let mut asked = [0; 4_096];
            let _ = stream.read(&mut asked).expect("a call");
            let body = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{result}}}");
            let length = body.len();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
            let _ = write!(stream, "{head}Content-Length: {length}\r\n\r\n{body}");
        }
    });
    url
}

#[test]
fn mainnet_is_signed_for_with_yes_alone() {
    let desk = Desk::start("mainnet");
    let mainnet = || answering("\"5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d\"", 8);
    let trade = format!(
        "trade buy:1:BTC-PERP:1 --maker-keypair {}",
        desk.key("maker")
    );
    for line in [
        "deposit 1",
        "account open",
        "quote sign buy:1:BTC-PERP:1 --nonce 1",
        "crank market BTC",
        &trade,
    ] {
        desk.at(&mainnet(), "alice", line)
            .ends(6, "is mainnet; say --yes");
        // it goes on to read the house, which this server does not have
        desk.at(&mainnet(), "alice", &format!("{line} --yes"))
            .ends(3, "nonsense");
    }
    // what signs nothing does not ask
    desk.at(&mainnet(), "alice", "deposit 1 --dry-run")
        .ends(3, "nonsense");
    desk.at(&mainnet(), "alice", "markets").ends(3, "nonsense");
    let other = answering("\"4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY\"", 8);
    desk.at(&other, "alice", "deposit 1").ends(3, "nonsense");
}

#[test]
fn a_servers_clock_makes_nothing_good_for_longer() {
    let desk = Desk::start("clock");
    let line = Proxy::start(desk.network.rpc_url(), desk.network.ws_url());
    let at = |words: &str| desk.at(&line.rpc_url(), "maker", words);
    at("quote open").done();
    let words = [
        "quote sign buy:1:BTC-PERP:1 --nonce 1",
        "account delegate 4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY",
    ];
    line.inject(Rule::all(
        "getMultipleAccounts",
        Fault::Clock(4_102_444_800),
    ));
    for words in words {
        at(words).ends(1, "ahead of this machine's clock");
        // an end of one's own does not depend on it
        at(&format!("{words} --until 1900000000")).done();
        let both = ["--seconds 5", "--hours 5"].map(|span| format!("{words} {span} --until 9"));
        for both in both {
            at(&both).ends(2, "");
        }
    }
    line.clear();
    for words in words {
        at(words).done();
    }
}

#[test]
fn a_trade_is_signed_once_whatever_the_server_says_of_it() {
    let desk = Desk::start("once");
    let line = Proxy::start(desk.network.rpc_url(), desk.network.ws_url());
    let price = desk.price();
    let (maker, account) = (desk.key("maker"), desk.account("maker"));
    let trade = format!("trade buy:0.1:BTC-PERP:{price} --maker-keypair {maker} --maker {account}");
    line.inject(Rule::all("getSignatureStatuses", Fault::Unseen));
    line.inject(Rule::all("getEpochInfo", Fault::Height));
    desk.at(&line.rpc_url(), "bob", &trade).ends(3, "expired");
    let signed: BTreeSet<String> = line.sent().into_iter().collect();
    assert_eq!(signed.len(), 1, "{signed:?}");
    // what has nobody on its other side is repeated
    desk.at(&line.rpc_url(), "bob", "deposit 1")
        .ends(3, "expired");
    let signed: BTreeSet<String> = line.sent().into_iter().collect();
    assert_eq!(signed.len(), 4, "{signed:?}");
}

#[test]
fn a_broken_line_is_told_from_a_refusal_and_says_whether_anything_was_sent() {
    let desk = Desk::start("line");
    let line = Proxy::start(desk.network.rpc_url(), desk.network.ws_url());
    let at = |words: &str| desk.at(&line.rpc_url(), "bob", words);
    at("deposit 1").done();
    for fault in [
        Fault::Status(503),
        Fault::Cut,
        Fault::Garbage,
        Fault::Nonsense,
    ] {
        line.inject(Rule::all("getMultipleAccounts", fault));
        let outcome = at("margin --account mine");
        assert_eq!(outcome.code, 3, "{}", outcome.stderr);
        line.clear();
    }
    at("margin --account mine").done();
    let sent = line.sent().len();
    line.inject(Rule::all("simulateTransaction", Fault::Cut));
    at("deposit 1").ends(3, "simulateTransaction");
    assert_eq!(
        line.sent().len(),
        sent,
        "what could not be simulated is not sent"
    );
    line.clear();
    // a send that fails is sent again until it lands, once
    let cash = || millionths(&desk.json("bob", "account show")["cash"]);
    let before = cash();
    line.inject(Rule::next("sendTransaction", Fault::Status(503), 1));
    at("deposit 1").done();
    assert_eq!(cash(), before + 1_000_000);
    drop(line);
    desk.at("http://127.0.0.1:9", "bob", "markets")
        .ends(3, "127.0.0.1:9");
}
