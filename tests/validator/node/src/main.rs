//! Agave's validator, alone in its cluster, on a genesis that a test wrote.
//!
//! `validator-node LEDGER ACCOUNTS FIRST_PORT [ADDRESS=FILE.so ...]`: LEDGER is a folder that does not exist yet, ACCOUNTS one of
//! JSON files as `solana account --output json` writes them, FIRST_PORT the first of 200 ports. Prints one line of JSON on stdout when
//! it answers, and ends when its stdin does, so that it never outlives the test that started it.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use solana_pubkey::Pubkey;
use solana_rpc::rpc::JsonRpcConfig;
use solana_sdk_ids::bpf_loader_upgradeable;
use solana_test_validator::{TestValidatorGenesis, UpgradeableProgramInfo};

/// Ports of one validator: RPC and WebSocket are the last two.
const PORTS: u16 = 200;
/// A world of thousands of accounts is larger than what a genesis has by default.
const GENESIS_BYTES: u64 = 1 << 30;

/// What the command line says.
struct Plan {
    ledger: PathBuf,
    accounts: String,
    first_port: u16,
    programs: Vec<UpgradeableProgramInfo>,
}

impl Plan {
    fn read(mut words: impl Iterator<Item = String>) -> Option<Self> {
        Some(Self {
            ledger: words.next()?.into(),
            accounts: words.next()?,
            first_port: words.next()?.parse().ok()?,
            programs: words.map(|word| program(&word)).collect::<Option<_>>()?,
        })
    }
}

fn program(word: &str) -> Option<UpgradeableProgramInfo> {
    let (address, path) = word.split_once('=')?;
    Some(UpgradeableProgramInfo {
        program_id: address.parse().ok()?,
        loader: bpf_loader_upgradeable::id(),
        upgrade_authority: Pubkey::default(),
        program_path: path.into(),
    })
}

fn main() -> ExitCode {
    let Some(plan) = Plan::read(std::env::args().skip(1)) else {
        eprintln!("usage: validator-node LEDGER ACCOUNTS FIRST_PORT [ADDRESS=FILE.so ...]");
        return ExitCode::from(2);
    };
    match run(&plan) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("validator-node: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(plan: &Plan) -> Result<(), String> {
    let mut genesis = TestValidatorGenesis::default();
    genesis
        .ledger_path(&plan.ledger)
        .port_range((plan.first_port, plan.first_port + PORTS - 2))
        .gossip_port(plan.first_port)
        .rpc_port(plan.first_port + PORTS - 2)
        .rpc_config(JsonRpcConfig {
            // as those who serve the public do
            enable_rpc_transaction_history: true,
            enable_extended_tx_metadata_storage: true,
            ..JsonRpcConfig::default_for_test()
        })
        .add_upgradeable_programs_with_path(&plan.programs)
        .add_accounts_from_directories([&plan.accounts])?;
    genesis.max_genesis_archive_unpacked_size = Some(GENESIS_BYTES);
    let (validator, _) = genesis.start();
    let (rpc, ws) = (validator.rpc_url(), validator.rpc_pubsub_url());
    println!("{{\"rpc_url\":\"{rpc}\",\"ws_url\":\"{ws}\"}}");
    let mut nothing = vec![];
    // an error of the pipe is its end as well
    let _ = std::io::stdin().read_to_end(&mut nothing);
    // whoever closed stdin removes the ledger; threads of a validator take seconds to end by themselves
    std::process::exit(0);
}
