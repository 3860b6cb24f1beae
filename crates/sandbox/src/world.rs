//! The world: one VM, one clearing house with two banks and two markets, and the clock.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::program_option::COption;
use anchor_lang::solana_program::program_pack::Pack;
use anchor_spl::token::spl_token;
use litesvm::LiteSVM;
use portfolio_margin_interface::args::{
    AccountTermsArgs, BankArgs, BankRulesArgs, ClearinghouseArgs, GroupArgs, HouseRulesArgs,
    LiquidationArgs, MarketArgs, MarketRulesArgs, StandardParamsArgs,
};
use portfolio_margin_interface::ID;
use risk_core::market::MarketParams;
use risk_core::scenario::{Scenario, MAJOR_GRID, MAJOR_SCENARIOS, WIDE_GRID, WIDE_SCENARIOS};
use solana_account::Account;
use solana_clock::Clock;

use crate::keys::User;
use crate::listing::{crypto_smile, params_args, scenario_args, symbol, terms_args, Bank, Market};
use crate::oracle::{PriceFields, BTC_FEED, SOL_FEED, USDC_FEED};
use crate::units::{dollars, BTC_START, DAY, SOL_START, START};

/// Names the file to run in place of `target/deploy/portfolio_margin.so`.
pub const PROGRAM_ENV: &str = "PORTFOLIO_MARGIN_SO";

/// Which terms of the risk model a world's listings have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// Scenarios without skew, volatility shocks, shares of notional and scan factors; every other term neutral.
    Neutral,
    /// All of it: presets and scenario sets of BTC and SOL, a priced quote asset, charges on confidence, stable prices, both
    /// markets in one correlation group, SOL collateral that offsets the risk of SOL.
    Whole,
}

/// Settings of a world; start from the default.
#[derive(Clone, Debug)]
pub struct WorldBuilder {
    /// Unix time at which the world's clock starts.
    pub start: i64,
    /// Seconds from the start to the two expiries of both markets.
    pub tenors: [i64; 2],
    /// BTC in USD, 1e-8.
    pub btc_price: u64,
    /// SOL in USD, 1e-8.
    pub sol_price: u64,
    /// At-the-money volatility of BTC, 1e-6.
    pub btc_volatility: u32,
    /// At-the-money volatility of SOL, 1e-6.
    pub sol_volatility: u32,
    /// Terms of liquidations.
    pub liquidation: LiquidationArgs,
    /// Share of SOL collateral that counts in neither health, 1e-6.
    pub sol_haircut_maintenance: u32,
    /// Further share that does not count in initial health, 1e-6.
    pub sol_haircut_initial: u32,
    /// Most native units of USDC that the house accepts.
    pub usdc_cap: u64,
    /// Most native units of SOL that the house accepts.
    pub sol_cap: u64,
    /// Kind of the price accounts of banks and markets.
    pub oracle_kind: u8,
    /// Largest age of a price, seconds.
    pub oracle_max_age: u32,
    /// Largest confidence over price, 1e-6.
    pub oracle_max_confidence: u32,
    /// Largest age of a volatility surface, seconds.
    pub surface_max_age: u32,
    /// Terms of the listings.
    pub model: Model,
    /// Terms of accounts.
    pub terms: AccountTermsArgs,
    /// Interest, settlement, insurance.
    pub rules: HouseRulesArgs,
    /// Rules of trading in every market that is listed without others.
    pub market_rules: MarketRulesArgs,
}

impl WorldBuilder {
    /// The whole model, with a minimum equity of the Portfolio tier, 1e-6 USD.
    pub fn whole(portfolio_minimum_equity: i64) -> Self {
        let group = GroupArgs {
            kappa: 500_000,
            offset_cap: 300_000,
        };
        Self {
            model: Model::Whole,
            terms: AccountTermsArgs {
                quote_feed_id: USDC_FEED,
                quote_max_age: 600,
                quote_max_confidence: 10_000,
                peg_threshold: 990_000,
                peg_factor: 4_000_000,
                collateral_confidence_threshold: 550_000,
                collateral_confidence_factor: 1_000_000,
                portfolio_minimum_equity,
                groups: [group, GroupArgs::NONE, GroupArgs::NONE, GroupArgs::NONE],
            },
            ..Self::default()
        }
    }
}

impl Default for WorldBuilder {
    fn default() -> Self {
        Self {
            start: START,
            tenors: [7 * DAY, 28 * DAY],
            btc_price: BTC_START,
            sol_price: SOL_START,
            btc_volatility: 450_000,
            sol_volatility: 750_000,
            liquidation: LiquidationArgs::steady(50_000, 100_000),
            sol_haircut_maintenance: 150_000,
            sol_haircut_initial: 50_000,
            usdc_cap: 1_000_000_000_000_000,
            sol_cap: 10_000_000_000_000_000,
            oracle_kind: 0,
            oracle_max_age: 60,
            oracle_max_confidence: 10_000,
            surface_max_age: 3_600,
            model: Model::Neutral,
            terms: AccountTermsArgs::PLAIN,
            rules: HouseRulesArgs::PLAIN,
            market_rules: MarketRulesArgs::plain(User::named("surface authority").key),
        }
    }
}

/// One VM with one clearing house, ready to trade; a clone goes its own way from where it was made.
#[derive(Clone)]
pub struct World {
    /// The VM.
    pub svm: LiteSVM,
    /// Pays every fee.
    pub payer: User,
    /// Governor of every clearing house.
    pub governor: User,
    /// Posts every volatility surface.
    pub surface_authority: User,
    /// The clearing house.
    pub house: Pubkey,
    /// Bank of the quote asset, six decimals.
    pub usdc: Bank,
    /// Bank of SOL, nine decimals.
    pub sol_bank: Bank,
    /// BTC: [`MAJOR_GRID`].
    pub btc: Market,
    /// SOL: [`WIDE_GRID`].
    pub sol: Market,
    /// The first expiry of both markets, seven days after the start unless the builder says otherwise.
    pub week: i64,
    /// The second expiry of both markets, 28 days after the start unless the builder says otherwise.
    pub month: i64,
    pub(crate) builder: WorldBuilder,
    pub(crate) banks: Vec<Bank>,
    pub(crate) markets: Vec<Market>,
    pub(crate) prices: BTreeMap<Pubkey, PriceFields>,
    pub(crate) compute_units: BTreeMap<String, Vec<u64>>,
    usdc_mint: Pubkey,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// A world with the default settings.
    pub fn new() -> Self {
        WorldBuilder::default().build()
    }

    /// The settings that this world was built with.
    pub fn settings(&self) -> &WorldBuilder {
        &self.builder
    }

    /// The quote mint.
    pub fn usdc_mint(&self) -> Pubkey {
        self.usdc_mint
    }

    /// Unix time of the VM's clock.
    pub fn now(&self) -> i64 {
        self.svm.get_sysvar::<Clock>().unix_timestamp
    }

    /// Lets time pass: prices and surfaces grow old until they are published again.
    pub fn advance(&mut self, seconds: i64) {
        let now = self.now();
        self.set_time(now + seconds);
    }

    /// Sets the clock; slots pass at 2.5 a second.
    pub fn set_time(&mut self, unix_timestamp: i64) {
        let mut clock = self.svm.get_sysvar::<Clock>();
        let passed = unix_timestamp.saturating_sub(clock.unix_timestamp);
        clock.slot += u64::try_from(passed).unwrap_or(0) * 5 / 2;
        clock.unix_timestamp = unix_timestamp;
        self.svm.set_sysvar(&clock);
    }

    /// Posts a surface of the usual shape for every expiry of a market that is still to come.
    pub fn post_surfaces(&mut self, market: &Market, volatility: u32) {
        let now = self.now();
        for expiry in [self.week, self.month] {
            if expiry > now {
                self.post_surface(market, crypto_smile(expiry, now, volatility));
            }
        }
    }

    /// Publishes all prices and surfaces again with the time of the clock, and stores the quote asset's.
    pub fn refresh(&mut self) {
        self.refresh_prices();
        if self.builder.model == Model::Whole {
            let house = self.house;
            self.update_quote_price(&house).ok();
        }
        let (btc, sol) = (self.btc, self.sol);
        self.post_surfaces(&btc, self.builder.btc_volatility);
        self.post_surfaces(&sol, self.builder.sol_volatility);
    }

    /// Mints tokens into a user's token account.
    pub fn fund(&mut self, user: &User, bank: &Bank, amount: u64) {
        let wallet = self.wallet(user, bank);
        self.mint_to(&bank.mint, &wallet, amount);
    }

    /// Mints tokens into any token account.
    pub fn mint_to(&mut self, mint: &Pubkey, token_account: &Pubkey, amount: u64) {
        let authority = self.governor;
        // both token programs read this instruction alike
        let mut ix = spl_token::instruction::mint_to(
            &spl_token::ID,
            mint,
            token_account,
            &authority.key,
            &[],
            amount,
        )
        .expect("a mint instruction");
        ix.program_id = self.token_program(mint);
        self.send(&[ix], &[authority]).ok();
    }

    /// Creates a mint at a fixed address; the governor mints.
    pub fn create_mint(&mut self, name: &str, decimals: u8) -> Pubkey {
        let key = User::named(name).key;
        let mint = spl_token::state::Mint {
            mint_authority: COption::Some(self.governor.key),
            decimals,
            is_initialized: true,
            ..Default::default()
        };
        let mut data = vec![0; spl_token::state::Mint::LEN];
        mint.pack_into_slice(&mut data);
        self.write_token_state(key, data, spl_token::ID);
        key
    }

    /// The token program of a mint.
    #[track_caller]
    pub fn token_program(&self, mint: &Pubkey) -> Pubkey {
        self.svm.get_account(mint).expect("a mint").owner
    }

    /// Creates an empty token account without extensions, of the mint's token program.
    pub fn create_token_account(&mut self, key: Pubkey, mint: Pubkey, owner: Pubkey) {
        let account = spl_token::state::Account {
            mint,
            owner,
            state: spl_token::state::AccountState::Initialized,
            ..Default::default()
        };
        let mut data = vec![0; spl_token::state::Account::LEN];
        account.pack_into_slice(&mut data);
        let program = self.token_program(&mint);
        self.write_token_state(key, data, program);
    }

    fn write_token_state(&mut self, key: Pubkey, data: Vec<u8>, owner: Pubkey) {
        let account = Account {
            lamports: self.svm.minimum_balance_for_rent_exemption(data.len()),
            data,
            owner,
            executable: false,
            rent_epoch: u64::MAX,
        };
        self.svm
            .set_account(key, account)
            .expect("writing a token account");
    }

    /// Arguments for a bank of SOL, by this world's settings.
    pub fn sol_bank_args(&self) -> BankArgs {
        BankArgs {
            feed_id: SOL_FEED,
            oracle_max_age: self.builder.oracle_max_age,
            oracle_max_confidence: self.builder.oracle_max_confidence,
            haircut_maintenance: self.builder.sol_haircut_maintenance,
            haircut_initial: self.builder.sol_haircut_initial,
            deposit_cap: self.builder.sol_cap,
            rules: BankRulesArgs {
                oracle_kind: self.builder.oracle_kind,
                ..BankRulesArgs::PLAIN
            },
        }
    }

    /// Arguments for the bank of the quote asset, by this world's settings.
    pub fn usdc_bank_args(&self) -> BankArgs {
        BankArgs {
            feed_id: [0; 32],
            oracle_max_age: 0,
            oracle_max_confidence: 0,
            haircut_maintenance: 0,
            haircut_initial: 0,
            deposit_cap: self.builder.usdc_cap,
            rules: BankRulesArgs::PLAIN,
        }
    }

    /// Arguments for a market with the parameters of the majors, by this world's settings.
    pub fn market_args(&self, name: &str, feed_id: [u8; 32], scenarios: &[Scenario]) -> MarketArgs {
        MarketArgs {
            symbol: symbol(name),
            feed_id,
            oracle_max_age: self.builder.oracle_max_age,
            oracle_max_confidence: self.builder.oracle_max_confidence,
            surface_max_age: self.builder.surface_max_age,
            oracle_kind: self.builder.oracle_kind,
            params: params_args(&MarketParams::MAJOR),
            terms: terms_args(&MarketParams::MAJOR),
            standard: StandardParamsArgs::MAJOR,
            stable_rate: 0,
            group: 0,
            scenarios: scenario_args(scenarios),
        }
    }
}

impl World {
    /// Both markets with all terms, and SOL collateral that offsets the risk of SOL.
    fn list_whole(&mut self, sol_mint: Pubkey) {
        let house = self.house;
        let args = self.whole_market_args("BTC", BTC_FEED, &MAJOR_SCENARIOS, &MarketParams::BTC);
        self.btc = self.list_market(house, args);
        let args = self.whole_market_args("SOL", SOL_FEED, &WIDE_SCENARIOS, &MarketParams::SOL);
        self.sol = self.list_market(house, args);
        let (args, sol) = (self.sol_bank_args(), self.sol);
        self.sol_bank = self.list_offset_bank(house, sol_mint, args, Some(&sol));
        self.set_quote_price(dollars(1));
        self.update_quote_price(&house).ok();
    }

    /// Arguments for a market with all terms, in the first correlation group, whose stable price moves 5 % an hour.
    pub fn whole_market_args(
        &self,
        name: &str,
        feed_id: [u8; 32],
        scenarios: &[Scenario],
        params: &MarketParams,
    ) -> MarketArgs {
        MarketArgs {
            params: params_args(params),
            terms: terms_args(params),
            stable_rate: 50_000,
            group: 1,
            ..self.market_args(name, feed_id, scenarios)
        }
    }
}

impl WorldBuilder {
    /// Builds the world: program, mints, clearing house, banks, markets, prices, expiries, surfaces.
    pub fn build(self) -> World {
        let mut world = self.empty();
        let args = ClearinghouseArgs {
            id: 1,
            liquidation: world.builder.liquidation.clone(),
            terms: world.builder.terms.clone(),
            rules: world.builder.rules.clone(),
        };
        let house = world.create_clearinghouse(args);
        world.house = house;
        let (usdc, sol_mint) = (world.usdc_mint, world.create_mint("mint of SOL", 9));
        world.usdc = world.list_bank(house, usdc, world.usdc_bank_args());
        match world.builder.model {
            Model::Neutral => {
                world.sol_bank = world.list_bank(house, sol_mint, world.sol_bank_args());
                let args = world.market_args("BTC", BTC_FEED, &MAJOR_GRID);
                world.btc = world.list_market(house, args);
                let args = world.market_args("SOL", SOL_FEED, &WIDE_GRID);
                world.sol = world.list_market(house, args);
            }
            Model::Whole => world.list_whole(sol_mint),
        }
        let (btc, sol) = (world.btc, world.sol);
        world.set_price(&btc, world.builder.btc_price);
        world.set_price(&sol, world.builder.sol_price);
        for market in [btc, sol] {
            world.add_expiry(&market, world.week);
            world.add_expiry(&market, world.month);
        }
        world.refresh();
        world
    }

    /// A VM with the program, the clock, the payer, the governor and the USDC mint, but no clearing house.
    fn empty(self) -> World {
        let mut svm = LiteSVM::new()
            .with_transaction_history(0)
            .with_log_bytes_limit(None);
        svm.add_program(ID, &program_bytes())
            .expect("loading the program");
        let nothing = Pubkey::default();
        let bank = Bank {
            house: nothing,
            key: nothing,
            index: 0,
            mint: nothing,
            vault: nothing,
            price: nothing,
            feed_id: [0; 32],
            token_program: nothing,
            is_quote: false,
        };
        let market = Market {
            house: nothing,
            key: nothing,
            index: 0,
            price: nothing,
            feed_id: [0; 32],
        };
        let mut world = World {
            svm,
            payer: User::named("payer"),
            governor: User::named("governor"),
            surface_authority: User::named("surface authority"),
            house: nothing,
            usdc: bank,
            sol_bank: bank,
            btc: market,
            sol: market,
            week: self.start + self.tenors[0],
            month: self.start + self.tenors[1],
            builder: self,
            banks: vec![],
            markets: vec![],
            prices: BTreeMap::new(),
            compute_units: BTreeMap::new(),
            usdc_mint: nothing,
        };
        for user in [world.payer, world.governor, world.surface_authority] {
            world
                .svm
                .airdrop(&user.key, 100_000_000_000)
                .expect("an airdrop");
        }
        world.set_time(world.builder.start);
        world.usdc_mint = world.create_mint("mint of USDC", 6);
        world
    }
}

/// Where the SBF build is: the file that [`PROGRAM_ENV`] names, else the workspace's own.
pub fn program_path() -> PathBuf {
    std::env::var_os(PROGRAM_ENV).map_or_else(
        || {
            let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
            PathBuf::from(root).join("target/deploy/portfolio_margin.so")
        },
        PathBuf::from,
    )
}

fn program_bytes() -> Vec<u8> {
    let path = program_path();
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "cannot read the program at {}: {error}\nbuild it with scripts/build, or name another in {PROGRAM_ENV}",
            path.display()
        )
    })
}
