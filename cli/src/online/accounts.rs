//! `pm account`: open, show, list, grow, close; tier, delegate, venues.

use clap::ArgMatches;
use client_core::AccountData;
use portfolio_margin_interface::args::MarginAccountArgs;
use portfolio_margin_interface::instructions::{
    ApproveVenue, CloseMarginAccount, GrowMarginAccount, OpenMarginAccount, RevokeVenue,
    SetDelegate,
};
use portfolio_margin_interface::state::margin_account::SCOPE_TRADE;
use portfolio_margin_interface::{seeds, Pubkey};
use risk_core::tier::Tier;
use serde::Serialize;

use super::act::Act;
use super::amount::{money, regrouped, shown, QUOTE};
use super::calendar::readable;
use super::config::address;
use super::desk::{here, is_set, sound_time, Desk};
use super::failure::Failure;
use super::margin::{status_name, tier_name};
use super::output::{pairs, table, write, Column, Shown};
use super::refusal;
use super::word;

/// An account's header.
#[derive(Clone, Debug, Serialize)]
pub struct Header {
    /// Address.
    pub account: String,
    /// Who signs.
    pub owner: String,
    /// The owner's number for it.
    pub sub_account: u16,
    /// `portfolio` or `standard`.
    pub tier: &'static str,
    /// `active` or `liquidating`.
    pub status: &'static str,
    /// Quote balance, USD.
    pub cash: String,
    /// Collateral other than quote.
    pub collateral: Vec<Collateral>,
    /// Positions.
    pub positions: u16,
    /// Who else may trade for it; `null`: nobody.
    pub delegate: Option<String>,
    /// Until when, Unix time.
    pub delegate_expires: i64,
    /// Programs of venues that may.
    pub venues: Vec<String>,
    /// Raised by every change.
    pub sequence: u64,
}

/// Native units as whole tokens.
#[derive(Clone, Debug, Serialize)]
pub struct Collateral {
    /// Index of the bank.
    pub bank: u16,
    /// Address of the mint.
    pub mint: String,
    /// Whole tokens.
    pub amount: String,
}

/// The accounts of an owner.
#[derive(Clone, Debug, Serialize)]
pub struct List {
    /// By number.
    pub accounts: Vec<Header>,
    #[serde(skip)]
    rows: Vec<Vec<String>>,
}

impl Header {
    fn new(key: &Pubkey, data: &AccountData, desk: &Desk) -> Self {
        let (header, directory) = (&data.header, desk.directory());
        let collateral = header.used_collateral().map(|held| {
            let bank = directory.banks.get(&held.bank);
            Collateral {
                bank: held.bank,
                mint: bank.map_or_else(String::new, |bank| bank.mint.to_string()),
                amount: shown(held.amount, bank.map_or(0, |bank| bank.decimals.into())),
            }
        });
        let is_named = |key: &&Pubkey| **key != Pubkey::default();
        Self {
            account: key.to_string(),
            owner: header.owner.to_string(),
            sub_account: header.sub_account,
            tier: tier_name(header.tier),
            status: status_name(header.status),
            cash: shown(header.cash, QUOTE),
            collateral: collateral.collect(),
            positions: header.position_count,
            delegate: Some(&header.delegate)
                .filter(is_named)
                .map(Pubkey::to_string),
            delegate_expires: header.delegate_expires,
            venues: header
                .venues
                .iter()
                .filter(is_named)
                .map(Pubkey::to_string)
                .collect(),
            sequence: header.sequence,
        }
    }
}

impl Shown for Header {
    fn table(&self) -> String {
        let mut lines = vec![
            ("account", self.account.clone()),
            (
                "owner",
                format!("{}, sub-account {}", self.owner, self.sub_account),
            ),
            ("tier", self.tier.to_owned()),
            ("status", self.status.to_owned()),
            ("cash", format!("{} USD", regrouped(&self.cash))),
        ];
        for held in &self.collateral {
            lines.push((
                "collateral",
                format!("{} of {} (bank @{})", held.amount, held.mint, held.bank),
            ));
        }
        lines.push(("positions", self.positions.to_string()));
        if let Some(delegate) = &self.delegate {
            lines.push((
                "delegate",
                format!("{delegate} until {}", readable(self.delegate_expires)),
            ));
        }
        lines.extend(self.venues.iter().map(|venue| ("venue", venue.clone())));
        pairs(&lines)
    }
}

impl Shown for List {
    fn table(&self) -> String {
        if self.rows.is_empty() {
            return "no margin account; open one: pm account open".to_owned();
        }
        let columns = [
            Column::Left("account"),
            Column::Right("sub"),
            Column::Left("tier"),
            Column::Left("status"),
            Column::Right("cash"),
            Column::Right("positions"),
        ];
        table(&columns, self.rows.clone())
    }
}

/// Runs one of them.
pub async fn run(name: &str, arguments: &ArgMatches) -> Result<(), Failure> {
    let desk = Desk::open(arguments).await?;
    match name {
        "open" => open(&desk, arguments).await,
        "show" => show(&desk, arguments).await,
        "list" => list(&desk, arguments).await,
        "grow" => grow(&desk, arguments).await,
        "close" => close(&desk, arguments).await,
        "tier" => tier(&desk, arguments).await,
        "delegate" => delegate(&desk, arguments).await,
        _ => venue(&desk, arguments).await,
    }
}

fn number(arguments: &ArgMatches, name: &str) -> u16 {
    arguments.get_one::<u16>(name).copied().unwrap_or(0)
}

fn tier_code(name: &str) -> Result<u8, Failure> {
    match name {
        "standard" => Ok(0),
        "portfolio" => Ok(1),
        other => Err(Failure::usage(format!(
            "tier: {other:?} is neither standard nor portfolio"
        ))),
    }
}

async fn open(desk: &Desk, arguments: &ArgMatches) -> Result<(), Failure> {
    let (sub_account, capacity) = (number(arguments, "sub"), number(arguments, "capacity"));
    let args = MarginAccountArgs {
        sub_account,
        capacity,
        tier: tier_code(word(arguments, "tier"))?,
    };
    let (owner, house) = (desk.owner()?, desk.settings.house);
    let key = seeds::margin_account(&house, &owner, sub_account);
    if desk
        .fetch::<portfolio_margin_interface::state::MarginAccount>(&key)
        .await?
        .is_some()
    {
        return Err(Failure::refused(format!(
            "sub-account {sub_account} is open already: {key}"
        )));
    }
    let accounts = OpenMarginAccount {
        owner,
        clearinghouse: house,
        margin_account: key,
    };
    let act = Act::plain(
        format!("open sub-account {sub_account}: {key}"),
        accounts.instruction(&args, &[]),
    );
    act.carry_out(desk).await
}

async fn show(desk: &Desk, arguments: &ArgMatches) -> Result<(), Failure> {
    let key = desk.account(arguments, "ACCOUNT")?;
    let account = desk.load(&key).await?;
    write(&Header::new(&key, &account.account, desk), desk.is_json)
}

async fn list(desk: &Desk, arguments: &ArgMatches) -> Result<(), Failure> {
    let owner = match arguments.get_one::<String>("owner") {
        Some(owner) => address("owner", owner)?,
        None => desk.owner()?,
    };
    let (_, mut accounts) = desk.accounts(Some(&owner)).await?;
    accounts.sort_by_key(|(_, data)| data.header.sub_account);
    let row = |(key, data): &(Pubkey, AccountData)| {
        let header = &data.header;
        vec![
            key.to_string(),
            header.sub_account.to_string(),
            tier_name(header.tier).to_owned(),
            status_name(header.status).to_owned(),
            money(header.cash),
            header.position_count.to_string(),
        ]
    };
    let list = List {
        rows: accounts.iter().map(row).collect(),
        accounts: accounts
            .iter()
            .map(|(key, data)| Header::new(key, data, desk))
            .collect(),
    };
    write(&list, desk.is_json)
}

async fn grow(desk: &Desk, arguments: &ArgMatches) -> Result<(), Failure> {
    let capacity = number(arguments, "capacity");
    let accounts = GrowMarginAccount {
        owner: desk.owner()?,
        margin_account: desk.own_account(arguments)?,
    };
    let act = Act::plain(
        format!("make room for {capacity} positions"),
        accounts.instruction(capacity, &[]),
    );
    act.carry_out(desk).await
}

async fn close(desk: &Desk, arguments: &ArgMatches) -> Result<(), Failure> {
    let accounts = CloseMarginAccount {
        owner: desk.owner()?,
        margin_account: desk.own_account(arguments)?,
    };
    let what = format!("close {}", accounts.margin_account);
    Act::plain(what, accounts.instruction(&[]))
        .carry_out(desk)
        .await
}

async fn tier(desk: &Desk, arguments: &ArgMatches) -> Result<(), Failure> {
    let name = word(arguments, "TIER");
    let tier = Tier::from_code(tier_code(name)?).unwrap_or_default();
    let key = desk.own_account(arguments)?;
    let account = desk.load(&key).await?;
    let built = account.builder().set_tier(&account.side(), tier);
    let act = Act::plain(
        format!("change to the {name} tier"),
        built.map_err(refusal::of_client)?,
    );
    act.showing(key).carry_out(desk).await
}

async fn delegate(desk: &Desk, arguments: &ArgMatches) -> Result<(), Failure> {
    let accounts = SetDelegate {
        owner: desk.owner()?,
        margin_account: desk.own_account(arguments)?,
    };
    if is_set(arguments, "none") {
        let nobody = accounts.instruction(Pubkey::default(), 0, 0, &[]);
        return Act::plain("no delegate any more", nobody)
            .carry_out(desk)
            .await;
    }
    let delegate = address("delegate", word(arguments, "KEY"))?;
    let hours = arguments.get_one::<u32>("hours").copied().unwrap_or(24);
    let expires = match arguments.get_one::<i64>("until") {
        Some(until) => *until,
        None => {
            let now = sound_time(desk.moment().await?.inputs.now, here())?;
            now.saturating_add(i64::from(hours) * 3_600)
        }
    };
    let what = format!("let {delegate} trade until {}", readable(expires));
    let act = Act::plain(
        what,
        accounts.instruction(delegate, SCOPE_TRADE, expires, &[]),
    );
    act.carry_out(desk).await
}

async fn venue(desk: &Desk, arguments: &ArgMatches) -> Result<(), Failure> {
    let program = address("venue", word(arguments, "PROGRAM"))?;
    let (owner, margin_account) = (desk.owner()?, desk.own_account(arguments)?);
    if is_set(arguments, "revoke") {
        let accounts = RevokeVenue {
            owner,
            margin_account,
        };
        let act = Act::plain(
            format!("revoke venue {program}"),
            accounts.instruction(program, &[]),
        );
        return act.carry_out(desk).await;
    }
    let accounts = ApproveVenue {
        owner,
        margin_account,
        venue: seeds::venue(&desk.settings.house, &program),
    };
    let act = Act::plain(
        format!("approve venue {program}"),
        accounts.instruction(&[]),
    );
    act.carry_out(desk).await
}
