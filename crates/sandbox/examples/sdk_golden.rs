//! Prints what the TypeScript client must agree with, as JSON: addresses, accounts, packed accounts, instructions, signed quotes,
//! events, lookup tables, and the program's own views. `scripts/sdk --generate` keeps it as sdk/ts/tests/golden.json.

use std::fmt::Write;

use anchor_lang::prelude::Pubkey;
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use client_core::Directory;
use portfolio_margin_interface::args::TradeLeg;
use portfolio_margin_interface::{seeds, ID};
use risk_core::tier::Tier;
use sandbox::quotes::ed25519;
use sandbox::{
    call, dollars, future, perpetual, put, Outcome, Trader, User, World, WorldBuilder, BASE,
    BTC_START, SOL, SOL_START, USDC,
};
use solana_instruction::{AccountMeta, Instruction};
use solana_signer::Signer;

/// The least equity of the Portfolio tier, 1e-6 USD.
const MINIMUM_EQUITY: i64 = 10_000_000_000;

/// A JSON object, or a list, written part by part.
struct Json {
    text: String,
    end: char,
    /// Parts stand on lines of their own.
    lines: bool,
}

impl Json {
    fn object() -> Self {
        Self::new('{', '}', false)
    }

    fn list() -> Self {
        Self::new('[', ']', true)
    }

    fn new(begin: char, end: char, lines: bool) -> Self {
        let text = begin.to_string();
        Self { text, end, lines }
    }

    fn item(mut self, value: &str) -> Self {
        if self.text.len() > 1 {
            self.text.push(',');
        }
        if self.lines {
            self.text.push('\n');
        }
        self.text.push_str(value);
        self
    }

    fn field(self, name: &str, value: &str) -> Self {
        let part = format!("\"{name}\":{value}");
        self.item(&part)
    }

    fn string(self, name: &str, value: impl std::fmt::Display) -> Self {
        self.field(name, &format!("\"{value}\""))
    }

    fn done(mut self) -> String {
        self.text.push(self.end);
        self.text
    }
}

fn listed(items: impl IntoIterator<Item = String>) -> String {
    let list = Json::list();
    items
        .into_iter()
        .fold(list, |list, item| list.item(&item))
        .done()
}

/// Strings of no character that JSON would want escaped but quotes and backslashes.
fn quoted(text: &str) -> String {
    format!("{text:?}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string");
        text
    })
}

/// The world of the golden file: everyone trades with the maker.
struct Cast {
    world: World,
    maker: Trader,
    traders: Vec<(&'static str, Trader)>,
    logs: Vec<Outcome>,
}

impl Cast {
    fn new() -> Self {
        let mut world = WorldBuilder::whole(MINIMUM_EQUITY).build();
        let user = world.user("maker");
        let maker = world.open(&user, 64);
        let mut cast = Self {
            world,
            maker,
            traders: vec![("maker", maker)],
            logs: vec![],
        };
        cast.fund(&maker, 5_000_000 * USDC, 0);
        cast
    }

    fn fund(&mut self, trader: &Trader, usdc: u64, sol: u64) {
        for (bank, amount) in [(self.world.usdc, usdc), (self.world.sol_bank, sol)] {
            if amount > 0 {
                self.world.fund(&trader.user, &bank, amount);
                let outcome = self.world.deposit(trader, &bank, amount).ok();
                self.logs.push(outcome);
            }
        }
    }

    fn add(&mut self, name: &'static str, tier: Tier, (usdc, sol): (u64, u64)) -> Trader {
        let user = self.world.user(name);
        let trader = self.world.open_in_tier(&user, 0, 16, tier);
        self.fund(&trader, usdc * USDC, sol * SOL);
        self.traders.push((name, trader));
        trader
    }

    fn trade(&mut self, trader: &Trader, legs: &[TradeLeg]) {
        let maker = self.maker;
        let outcome = self.world.trade(trader, &maker, legs).ok();
        self.logs.push(outcome);
    }

    /// Accounts of every kind that a trader meets.
    fn play(&mut self) {
        let (btc, sol) = (self.world.btc, self.world.sol);
        let (week, month) = (self.world.week, self.world.month);
        let strike = dollars(120_000);
        let long = self.add("long", Tier::Portfolio, (60_000, 0));
        self.trade(&long, &[perpetual(&btc, BASE, BTC_START)]);
        let wheel = self.add("wheel", Tier::Portfolio, (150_000, 500));
        let short_calls = [
            call(&sol, week, dollars(220), -200 * BASE, 380_000_000),
            put(&sol, month, dollars(190), -100 * BASE, 900_000_000),
        ];
        self.trade(&wheel, &short_calls);
        let spread = self.add("spread", Tier::Portfolio, (90_000, 100));
        let legs = [
            call(&btc, week, strike, 2 * BASE, 160_000_000_000),
            call(&btc, week, dollars(125_000), -2 * BASE, 70_000_000_000),
            perpetual(&sol, -50 * BASE, SOL_START),
            future(&btc, month, -BASE / 2, BTC_START),
        ];
        self.trade(&spread, &legs);
        let plain = self.add("plain", Tier::Standard, (40_000, 20));
        self.trade(
            &plain,
            &[put(&btc, month, strike, BASE / 10, 740_000_000_000)],
        );
        self.add("saver", Tier::Standard, (1_000, 30));
        self.add("empty", Tier::Standard, (0, 0));
        let fallen = self.add("fallen", Tier::Portfolio, (55_000, 0));
        self.trade(&fallen, &[perpetual(&btc, 2 * BASE, BTC_START)]);
    }

    /// The market falls; one account is put into liquidation.
    fn crash(&mut self) {
        let btc = self.world.btc;
        self.world.advance(30);
        self.world.refresh();
        self.world.set_price(&btc, BTC_START / 100 * 88);
        let fallen = self.named("fallen");
        let witness = self.world.report(&fallen.account).witness();
        let caller = self.maker.user;
        let outcome = self
            .world
            .start_liquidation(&caller, &fallen.account, &witness);
        self.logs.push(outcome.ok());
    }

    fn named(&self, name: &str) -> Trader {
        let found = self.traders.iter().find(|(known, _)| *known == name);
        found.expect("one of the cast").1
    }
}

fn metas(metas: &[AccountMeta]) -> String {
    let each = metas.iter().map(|meta| {
        let role = u8::from(meta.is_signer) * 2 + u8::from(meta.is_writable);
        format!("[\"{}\",{role}]", meta.pubkey)
    });
    listed(each)
}

fn instruction(ix: &Instruction) -> String {
    Json::object()
        .string("program", ix.program_id)
        .field("accounts", &metas(&ix.accounts))
        .string("data", hex(&ix.data))
        .done()
}

fn raw(world: &World, key: &Pubkey) -> String {
    let account = world.svm.get_account(key).expect("an account");
    Json::object()
        .string("address", key)
        .string("owner", account.owner)
        .string("data", STANDARD.encode(&account.data))
        .done()
}

fn addresses(cast: &Cast) -> String {
    let world = &cast.world;
    let wheel = cast.named("wheel");
    let venue = Pubkey::new_from_array([7; 32]);
    Json::object()
        .string("program", ID)
        .string("house", world.house)
        .string("house_0", seeds::clearinghouse(0))
        .string("house_513", seeds::clearinghouse(513))
        .string("mint", world.sol_bank.mint)
        .string("bank", world.sol_bank.key)
        .string("vault", seeds::vault(&world.sol_bank.key))
        .string("market_1", seeds::market(&world.house, 1))
        .string("market_258", seeds::market(&world.house, 258))
        .string("owner", wheel.user.key)
        .string("margin_0", wheel.account)
        .string(
            "margin_258",
            seeds::margin_account(&world.house, &wheel.user.key, 258),
        )
        .string("board", seeds::board(&world.btc.key))
        .string("btc", world.btc.key)
        .string("venue_program", venue)
        .string("venue", seeds::venue(&world.house, &venue))
        .string("quotes", seeds::quotes(&wheel.account))
        .string("btc_feed", hex(&world.btc.feed_id))
        .string("btc_price", world.btc.price)
        .done()
}

/// The clearing house with everything listed, mints and prices.
fn listings(world: &World) -> String {
    let banks = [world.usdc, world.sol_bank];
    let markets = [world.btc, world.sol];
    let keys = banks.iter().flat_map(|bank| [bank.key, bank.mint]);
    let keys = keys.chain(markets.iter().flat_map(|market| [market.key, market.price]));
    let keys: std::collections::BTreeSet<Pubkey> = keys.chain([world.house]).collect();
    listed(keys.iter().map(|key| raw(world, key)))
}

/// A margin account, what a check of it takes, and what the program says of it.
fn margin(world: &mut World, name: &str, trader: &Trader) -> String {
    let (header, positions) = world.account(&trader.account);
    let held = positions.iter().map(|p| {
        let (market, instrument) = (p.market, p.instrument);
        let text = format!("[{market},{instrument},\"{}\",\"{}\",", p.expiry, p.strike);
        let rest = format!("\"{}\",\"{}\",\"{}\"]", p.ln_strike, p.quantity, p.cost);
        text + &rest
    });
    let held = listed(held);
    let checked = metas(&world.margin_metas(&trader.account));
    let (view, _) = world.view_margin(&trader.account);
    Json::object()
        .string("name", name)
        .field("raw", &raw(world, &trader.account))
        .string("owner", header.owner)
        .string("sequence", header.sequence)
        .string("cash", header.cash)
        .field("status", &header.status.to_string())
        .field("tier", &header.tier.to_string())
        .field("positions", &held)
        .field("check", &checked)
        .string("view", hex(bytemuck::bytes_of(&view)))
        .field("pages", &pages(world, trader))
        .done()
}

/// What `view_greeks` and `view_risk_matrix` return of an account, whole, page by page and market by market.
fn pages(world: &mut World, trader: &Trader) -> String {
    let held = world.account(&trader.account).1;
    let markets: std::collections::BTreeSet<u16> = held.iter().map(|p| p.market).collect();
    let (whole, _) = world.view_greeks(&trader.account, &[]);
    let each = markets.iter().map(|market| {
        let page = (*market, 0);
        let (expiries, _) = world.view_market_greeks(&trader.account, page, &[]);
        let (legs, _) = world.view_leg_greeks(&trader.account, page, &[]);
        let (matrix, _) = world.view_risk_matrix(&trader.account, *market, &[]);
        Json::object()
            .field("market", &market.to_string())
            .string("expiries", hex(bytemuck::bytes_of(&expiries)))
            .string("legs", hex(bytemuck::bytes_of(&legs)))
            .string("matrix", hex(bytemuck::bytes_of(&matrix)))
            .done()
    });
    let each = listed(each.collect::<Vec<_>>());
    Json::object()
        .string("account", hex(bytemuck::bytes_of(&whole)))
        .field("markets", &each)
        .done()
}

/// What a lookup table of the house names, in its order.
fn table(world: &World) -> String {
    let mut directory = Directory::new(world.house, &world.read(&world.house));
    for bank in [world.usdc, world.sol_bank] {
        let token_program = world.svm.get_account(&bank.mint).expect("a mint").owner;
        directory.list_bank(&world.read(&bank.key), token_program);
    }
    for market in [world.btc, world.sol] {
        directory.list_market(&world.read(&market.key));
    }
    let shared = directory.shared_accounts();
    listed(shared.iter().map(|key| quoted(&key.to_string())))
}

/// Remaining accounts of instructions, beside who and what they are for.
fn packs(cast: &Cast) -> String {
    let world = &cast.world;
    let (wheel, spread, saver) = (
        cast.named("wheel"),
        cast.named("spread"),
        cast.named("saver"),
    );
    let (maker, fallen) = (cast.maker, cast.named("fallen"));
    let legs = [
        perpetual(&world.sol, BASE, 0),
        perpetual(&world.btc, BASE, 0),
    ];
    let withdrawal = |trader: &Trader, bank, amount| {
        let ix = world.withdraw_ix(trader, bank, amount);
        metas(&ix.accounts[8..])
    };
    Json::object()
        .field(
            "trade_saver_wheel_btc",
            &metas(&world.trade_metas(&saver, &wheel, &legs[1..])),
        )
        .field(
            "trade_spread_maker_both",
            &metas(&world.trade_metas(&spread, &maker, &legs)),
        )
        .field(
            "view_saver_btc",
            &metas(&world.view_metas(&saver.account, &legs[1..])),
        )
        .field(
            "bid_wheel_fallen",
            &metas(&world.bid_metas(&wheel, &fallen.account)),
        )
        .field(
            "withdraw_saver_sol_all",
            &withdrawal(&saver, &world.sol_bank, 30 * SOL),
        )
        .field(
            "withdraw_spread_sol_all",
            &withdrawal(&spread, &world.sol_bank, 100 * SOL),
        )
        .field(
            "withdraw_spread_sol_part",
            &withdrawal(&spread, &world.sol_bank, 100 * SOL - 1),
        )
        .field(
            "withdraw_saver_usdc",
            &withdrawal(&saver, &world.usdc, 1_000 * USDC),
        )
        .field(
            "withdraw_saver_usdc_more",
            &withdrawal(&saver, &world.usdc, 1_000 * USDC + 1),
        )
        .done()
}

fn built(cast: &Cast) -> String {
    let world = &cast.world;
    let saver = cast.named("saver");
    let legs = [call(
        &world.btc,
        world.week,
        dollars(120_000),
        -BASE,
        dollars(1_000),
    )];
    Json::object()
        .field(
            "deposit_usdc",
            &instruction(&world.deposit_ix(&saver, &world.usdc, 5)),
        )
        .field(
            "deposit_sol",
            &instruction(&world.deposit_ix(&saver, &world.sol_bank, 6)),
        )
        .field(
            "withdraw_sol",
            &instruction(&world.withdraw_ix(&saver, &world.sol_bank, 7)),
        )
        .string("week", world.week)
        .field(
            "trade",
            &instruction(&world.trade_ix(&saver, &cast.maker, &legs)),
        )
        .field(
            "view",
            &instruction(&world.view_margin_after_ix(&saver.account, &legs)),
        )
        .string("wallet_usdc", world.wallet(&saver.user, &world.usdc))
        .string("wallet_sol", world.wallet(&saver.user, &world.sol_bank))
        .done()
}

/// A quote with its bytes, its signature, and the instructions that fill it, which the program accepts.
fn quote(cast: &mut Cast) -> String {
    let (maker, taker) = (cast.maker, cast.named("saver"));
    let world = &mut cast.world;
    cast.logs.push(world.open_quotes(&maker).ok());
    let (btc, sol, week) = (world.btc, world.sol, world.week);
    let price = world.spot(&sol.price).raw();
    let legs = [
        perpetual(&sol, BASE, price),
        call(&btc, week, dollars(130_000), BASE / 1_000, dollars(150)),
    ];
    let message = world.quote(&maker, 77, &legs);
    let bytes = message.encode();
    let signature = maker.user.keypair().sign_message(&bytes);
    let seed = hex(&maker.user.keypair().to_bytes()[..32]);
    let fill = world.fill_quote_ix(&taker, &maker, &message, 2);
    let signed = ed25519(&maker.user, &bytes);
    let filled = world.fill_quote(&taker, &maker, &message, 2).ok();
    let text = Json::object()
        .string("seed", seed)
        .string("signer", maker.user.key)
        .string("session", message.session)
        .string("expires", message.expires)
        .string("week", week)
        .string("sol_price", price)
        .string("message", hex(&bytes))
        .string("signature", hex(signature.as_ref()))
        .field("verify", &instruction(&signed))
        .field("fill", &instruction(&fill))
        .done();
    cast.logs.push(filled);
    text
}

fn events(cast: &Cast) -> String {
    listed(
        cast.logs
            .iter()
            .map(|outcome| listed(outcome.logs.iter().map(|line| quoted(line)))),
    )
}

fn main() {
    let mut cast = Cast::new();
    cast.play();
    cast.crash();
    let addresses = addresses(&cast);
    let packs = packs(&cast);
    let built = built(&cast);
    let listings = listings(&cast.world);
    let traders = cast.traders.clone();
    let each = traders
        .iter()
        .map(|(name, trader)| margin(&mut cast.world, name, trader));
    let accounts = listed(each);
    let now = cast.world.now();
    let nobody = User::named("nobody").key;
    let quote = quote(&mut cast);
    let whole = Json::object()
        .field("addresses", &addresses)
        .string("now", now)
        .string("nobody", nobody)
        .field("listings", &listings)
        .field("accounts", &accounts)
        .field("packs", &packs)
        .field("table", &table(&cast.world))
        .field("built", &built)
        .field("quote", &quote)
        .field("logs", &events(&cast));
    println!("{}", whole.done());
}
