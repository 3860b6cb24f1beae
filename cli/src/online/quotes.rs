//! `pm quote`: open nonces, sign, verify, fill, cancel.

use clap::ArgMatches;
use client_core::Scope;
use portfolio_margin_client::build::Side;
use portfolio_margin_client::quotes::{sign as sign_offer, Offer};
use portfolio_margin_interface::quote::{QuoteCancel, QuoteMessage};
use portfolio_margin_interface::state::QuoteNonces;
use portfolio_margin_interface::{seeds, Pubkey};
use serde::Serialize;

use super::act::Act;
use super::config::address;
use super::desk::{here, is_set, sound_time, Desk};
use super::failure::Failure;
use super::output::{pairs, write, Shown};
use super::refusal;
use super::signed::{self, File, Terms};
use super::trade::legs;
use super::word;

/// What is known of a quote.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// Whether it can be filled now.
    pub good: bool,
    /// Why not.
    pub reason: Option<String>,
    /// Who signed.
    pub key: String,
    /// Lots that are left of it.
    pub lots_left: u64,
    /// What it says.
    pub terms: Terms,
}

/// Runs one of them.
pub async fn run(name: &str, arguments: &ArgMatches) -> Result<(), Failure> {
    let desk = Desk::open(arguments).await?;
    match name {
        "open" => open(&desk, arguments).await,
        "sign" => sign(&desk, arguments).await,
        "verify" => verify(&desk, arguments).await,
        "fill" => fill(&desk, arguments).await,
        _ => cancel(&desk, arguments).await,
    }
}

async fn open(desk: &Desk, arguments: &ArgMatches) -> Result<(), Failure> {
    let (owner, key) = (desk.owner()?, desk.own_account(arguments)?);
    let account = desk.load(&key).await?;
    let instruction = account.builder().open_quotes(&owner, &key);
    Act::plain(format!("open the quotes of {key}"), instruction)
        .carry_out(desk)
        .await
}

async fn nonces(desk: &Desk, account: &Pubkey) -> Result<QuoteNonces, Failure> {
    let missing = || Failure::not_found(format!("{account} has no quotes yet: pm quote open"));
    desk.fetch(&seeds::quotes(account))
        .await?
        .ok_or_else(missing)
}

fn number(arguments: &ArgMatches, name: &str) -> Option<u64> {
    arguments.get_one::<u64>(name).copied()
}

async fn sign(desk: &Desk, arguments: &ArgMatches) -> Result<(), Failure> {
    let legs = legs(arguments, &desk.names)?;
    let key = desk.account(arguments, "account")?;
    let account = desk.load(&key).await?;
    let nonces = nonces(desk, &key).await?;
    let taker = arguments.get_one::<String>("taker");
    let seconds = arguments.get_one::<u32>("seconds").copied().unwrap_or(60);
    let expires = match arguments.get_one::<i64>("until") {
        Some(until) => *until,
        None => sound_time(account.moment.inputs.now, here())?.saturating_add(seconds.into()),
    };
    let offer = Offer {
        taker: taker.map(|taker| address("taker", taker)).transpose()?,
        nonce: number(arguments, "nonce").unwrap_or(0),
        expires,
        most_lots: number(arguments, "lots").unwrap_or(1),
        least_lots: number(arguments, "least").unwrap_or(1),
        legs,
    };
    let signer = desk.key()?;
    let quote = sign_offer(&*signer, &key, &desk.settings.house, &nonces, &offer);
    let quote = quote.map_err(refusal::of_client)?;
    let message = QuoteMessage::decode(&quote.message);
    let message = message.ok_or_else(|| Failure::usage("the quote does not read back"))?;
    write(&File::new(quote, &message, &desk.names), desk.is_json)
}

async fn verify(desk: &Desk, arguments: &ArgMatches) -> Result<(), Failure> {
    let (quote, message) = signed::read(word(arguments, "QUOTE"), &desk.names)?;
    let maker = desk.load(&message.maker).await?;
    let nonces: Option<QuoteNonces> = desk.fetch(&seeds::quotes(&message.maker)).await?;
    let filled = nonces
        .as_ref()
        .and_then(|nonces| nonces.filled(message.nonce));
    let left = filled.map_or(0, |filled| message.most_lots.saturating_sub(filled));
    // who it names; where it names none, anybody who is not the maker
    let taker = Side {
        key: message.taker,
        account: &maker.account,
    };
    let checked = quote.verify(
        &desk.settings.house,
        &maker.side(),
        &taker,
        maker.moment.inputs.now,
    );
    let reason = match (checked, &nonces) {
        (Err(error), _) => Some(error.to_string()),
        (Ok(_), None) => Some("the maker has no quotes open".to_owned()),
        (Ok(_), Some(nonces)) if nonces.session != message.session => Some(format!(
            "the maker's session is {}, the quote's {}",
            nonces.session, message.session
        )),
        (Ok(_), Some(_)) if left == 0 => Some("it is filled, cancelled or replaced".to_owned()),
        _ => None,
    };
    let verdict = Verdict {
        good: reason.is_none(),
        reason: reason.clone(),
        key: quote.key.to_string(),
        lots_left: left,
        terms: Terms::of(&message, &desk.names),
    };
    write(&verdict, desk.is_json)?;
    match reason {
        None => Ok(()),
        Some(reason) => Err(Failure::refused(format!("the quote is not good: {reason}"))),
    }
}

async fn fill(desk: &Desk, arguments: &ArgMatches) -> Result<(), Failure> {
    let (quote, message) = signed::read(word(arguments, "QUOTE"), &desk.names)?;
    let scope = Scope::default().with_legs(&message.legs);
    let keys = [desk.account(arguments, "account")?, message.maker];
    let [taker, maker] = desk.load_pair(keys, &scope).await?;
    let lots = number(arguments, "lots").unwrap_or(message.most_lots);
    let least = number(arguments, "least").unwrap_or(1);
    let built = taker.builder().fill_quote(
        &taker.side(),
        &desk.owner()?,
        &maker.side(),
        &quote,
        [lots, least],
    );
    let instructions = built.map_err(refusal::of_client)?;
    let legs = Terms::of(&message, &desk.names).legs.join(" ");
    let what = format!(
        "fill up to {lots} lots of {legs}, quote {} of {}",
        message.nonce, maker.key
    );
    let act = Act::new(what, instructions)
        .once()
        .showing(taker.key)
        .showing(maker.key);
    act.beside(&scope).carry_out(desk).await
}

async fn cancel(desk: &Desk, arguments: &ArgMatches) -> Result<(), Failure> {
    let key = desk.account(arguments, "account")?;
    let (what, said) = match (number(arguments, "nonce"), number(arguments, "below")) {
        (Some(nonce), _) => (QuoteCancel::Nonce(nonce), format!("quote {nonce}")),
        (_, Some(below)) => (QuoteCancel::Below(below), format!("quotes below {below}")),
        _ => (QuoteCancel::All, "all quotes".to_owned()),
    };
    debug_assert!(what != QuoteCancel::All || is_set(arguments, "all"));
    let account = desk.load(&key).await?;
    let instruction = account.builder().cancel_quotes(&desk.owner()?, &key, what);
    Act::plain(format!("cancel {said} of {key}"), instruction)
        .carry_out(desk)
        .await
}

impl Shown for Verdict {
    fn table(&self) -> String {
        let mut lines = vec![
            (
                "good",
                if self.good {
                    "yes".to_owned()
                } else {
                    "no".to_owned()
                },
            ),
            ("signed by", self.key.clone()),
            ("lots left", self.lots_left.to_string()),
        ];
        lines.extend(self.terms.lines());
        pairs(&lines)
    }
}
