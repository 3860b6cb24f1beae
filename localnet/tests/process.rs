//! The binary as users and scripts meet it: its ports, its JSON, its exit codes, its end.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use localnet::Info;
use solana_keypair::Keypair;
use solana_rpc_client::rpc_client::RpcClient;
use solana_signer::Signer;

fn localnet(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_localnet"));
    command.args(arguments);
    command
}

fn run(arguments: &[&str]) -> Output {
    localnet(arguments).output().expect("running the binary")
}

/// A folder of this test alone.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// A port that is free together with its next one and the one before.
fn free_port() -> u16 {
    loop {
        let first = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = first.local_addr().expect("an address").port();
        if port < 60_000 && bind(port + 1).is_some() && bind(port + 2).is_some() {
            return port + 1;
        }
    }
}

fn bind(port: u16) -> Option<TcpListener> {
    TcpListener::bind(("127.0.0.1", port)).ok()
}

/// A network in a process of its own.
struct Running {
    child: Child,
    info: Info,
    line: String,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut command = localnet(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("starting the binary");
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("its stdout"));
        out.read_line(&mut line).expect("a line on stdout");
        let info = serde_json::from_str(&line).expect("one JSON object");
        Self { child, info, line }
    }

    /// Sends a signal by name; returns the exit code and what was said on stderr.
    fn signal(mut self, name: &str) -> (Option<i32>, String) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.expect("kill").success());
        let until = Instant::now() + Duration::from_secs(15);
        let status = loop {
            match self.child.try_wait().expect("a child") {
                Some(status) => break status,
                None => assert!(Instant::now() < until, "it does not end"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let mut said = String::new();
        let stderr = self.child.stderr.as_mut().expect("its stderr");
        stderr.read_to_string(&mut said).expect("text on stderr");
        (status.code(), said)
    }
}

#[test]
fn it_serves_at_its_ports_until_it_is_terminated() {
    let (port, folder) = (free_port(), folder("serves"));
    let (keys, file) = (folder.join("keys"), folder.join("info.json"));
    let (number, keys_text) = (port.to_string(), keys.display().to_string());
    let file_text = file.display().to_string();
    let arguments = [
        "--port",
        &number,
        "--keys",
        &keys_text,
        "--json-file",
        &file_text,
    ];
    let network = Running::start(&arguments);
    let info = &network.info;
    assert_eq!(info.rpc_url, format!("http://127.0.0.1:{port}"));
    assert_eq!(info.ws_url, format!("ws://127.0.0.1:{}", port + 1));
    let written = std::fs::read_to_string(&file).expect("the file");
    assert_eq!(written, network.line);

    let client = RpcClient::new(info.rpc_url.clone());
    assert!(client.get_health().is_ok());
    let names: Vec<&str> = info
        .wallets
        .iter()
        .map(|wallet| wallet.name.as_str())
        .collect();
    let cast = "alice bob carol keeper keeper2 maker governor poster";
    assert_eq!(names.join(" "), cast);
    for wallet in &info.wallets {
        let path = wallet.keypair.as_ref().expect("a keypair file");
        let text = std::fs::read_to_string(path).expect("its text");
        let bytes: Vec<u8> = serde_json::from_str(&text).expect("numbers");
        let keypair = Keypair::try_from(&bytes[..]).expect("64 bytes of a keypair");
        assert_eq!(keypair.pubkey().to_string(), wallet.address);
        let key = keypair.pubkey();
        assert!(client.get_balance(&key).expect("a balance") > 1_000_000_000);
        for token in wallet.tokens.values() {
            let token = token.parse().expect("a key");
            let balance = client.get_token_account_balance(&token);
            assert!(balance.expect("a token account").ui_amount > Some(999.0));
        }
    }

    // neither on both of its ports, nor on one of them
    for other in [port, port + 1, port - 1] {
        let second = run(&["--port", &other.to_string()]);
        let said = String::from_utf8_lossy(&second.stderr);
        assert_eq!(second.status.code(), Some(1), "{said}");
        let taken = if other == port + 1 { port + 1 } else { port };
        assert!(said.contains(&format!("port {taken} is in use")), "{said}");
        assert!(said.contains("--port"), "{said}");
        assert!(second.stdout.is_empty());
    }
    assert!(client.get_health().is_ok(), "the first one is still there");

    let (code, said) = network.signal("-TERM");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.ends_with("localnet: stopping\n"), "{said}");
    let free = [bind(port), bind(port + 1)];
    assert!(free.iter().all(Option::is_some), "the ports are free again");
}

#[test]
fn control_c_ends_it_too() {
    let network = Running::start(&["--port", "0"]);
    assert!(network
        .info
        .wallets
        .iter()
        .all(|wallet| wallet.keypair.is_none()));
    let (code, said) = network.signal("-INT");
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_signal_while_it_builds_ends_it_at_once() {
    let mut command = localnet(&["--port", "0", "--accounts", "20000"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("starting the binary");
    let mut said = String::new();
    let mut stderr = BufReader::new(child.stderr.take().expect("its stderr"));
    stderr.read_line(&mut said).expect("a line");
    assert_eq!(said, "localnet: building the world\n");
    let id = child.id().to_string();
    let start = Instant::now();
    assert!(Command::new("kill")
        .args(["-TERM", &id])
        .status()
        .expect("kill")
        .success());
    let status = child.wait().expect("its end");
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(status.code(), Some(0));
    stderr.read_to_string(&mut said).expect("text");
    assert!(said.contains("stopped before it was ready"), "{said}");
}

#[test]
fn wrong_usage_is_told_before_anything_is_built() {
    let folder = folder("usage");
    let file = folder.join("bad.csv");
    std::fs::write(&file, "seconds,BTC,SOL,ETH\n0,1,1,1\n0,1,1,1\n").expect("writing");
    let bad = file.display().to_string();
    let cases: [(&[&str], i32, &str); 12] = [
        (&["--scenario", "crush"], 2, "there is calm, walk, crash"),
        (
            &["--scenario", &bad],
            2,
            "line 3: seconds begin with 0 and grow",
        ),
        (
            &["--scenario", "missing.csv"],
            1,
            "missing.csv: No such file",
        ),
        (&["--speed", "0"], 2, "speed: above 0"),
        (&["--speed", "NaN"], 2, "speed: above 0"),
        (&["--clock-speed", "0.9"], 2, "clock speed: from 1 to 100"),
        (&["--expire-in", "0"], 2, "first expiry: from 1 to 28800"),
        (
            &["--expire-in", "28801"],
            2,
            "first expiry: from 1 to 28800",
        ),
        (&["--slot-ms", "0"], 2, "slot time: from 1"),
        (
            &["--failing", "1"],
            2,
            "failing: no more than there are accounts",
        ),
        (&["--port", "65535"], 1, "has no next one"),
        (&["--ports", "1"], 2, "--ports"),
    ];
    for (arguments, code, text) in cases {
        let ended = run(arguments);
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(text), "{arguments:?}: {said}");
        assert!(!said.contains("building"), "{said}");
        assert!(ended.stdout.is_empty());
    }
}
