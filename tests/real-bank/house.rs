//! A clearing house in the bank: two banks, two markets, traders. The same names, numbers and instruction builders as
//! the sandbox's world, so that both must come to the same bytes.

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::program_pack::Pack;
use anchor_spl::associated_token::{get_associated_token_address, spl_associated_token_account};
use anchor_spl::token::spl_token;
use portfolio_margin_interface::args::{
    AccountTermsArgs, BankArgs, BankRulesArgs, BidArgs, ClearinghouseArgs, HouseRulesArgs,
    MarginAccountArgs, MarketArgs, MarketRulesArgs, StandardParamsArgs, TradeLeg,
};
use portfolio_margin_interface::seeds;
use portfolio_margin_interface::state::margin_account::MIN_CAPACITY;
use portfolio_margin_interface::state::{CollateralBank, MarginAccount, PositionRecord};
use portfolio_margin_interface::view::MarginView;
use portfolio_margin_interface::AccountLayout;
use pyth_solana_receiver_sdk::price_update::PriceUpdateV2;
use risk_core::market::MarketParams;
use risk_core::scenario::{Scenario, MAJOR_GRID, WIDE_GRID};
use sandbox::accounts::writable_markets;
use sandbox::listing::{params_args, scenario_args, symbol, terms_args};
use sandbox::native::{evaluate, Inputs, ShownPrice};
use sandbox::oracle::{price_address, BTC_FEED, SOL_FEED};
use sandbox::{
    crypto_smile, instructions, Bank, Market, NativeReport, Outcome, PriceFields, Scope, Trader,
    User, WorldBuilder, DAY, START,
};
use solana_instruction::{AccountMeta, Instruction};
use solana_system_interface::instruction::create_account;

use crate::bank::RealBank;

/// A clearing house, listed and open.
pub struct House {
    /// The bank that it runs in.
    pub bank: RealBank,
    governor: User,
    surface_authority: User,
    /// The clearing house.
    pub house: Pubkey,
    /// Bank of the quote asset.
    pub usdc: Bank,
    /// Bank of SOL.
    pub sol_bank: Bank,
    /// BTC.
    pub btc: Market,
    /// SOL.
    pub sol: Market,
    /// An expiry of every market, seven days after the start.
    pub week: i64,
    /// An expiry of every market, 28 days after the start.
    pub month: i64,
    /// All banks by index.
    pub banks: Vec<Bank>,
    /// All markets by index.
    pub markets: Vec<Market>,
    settings: WorldBuilder,
}

impl House {
    /// Lists everything, one transaction after the other; these wallets have lamports.
    pub async fn open(wallets: &[&str]) -> Self {
        let [governor, surface_authority] = ["governor", "surface authority"].map(User::named);
        let mut funded: Vec<User> = wallets.iter().map(|name| User::named(name)).collect();
        funded.extend([governor, surface_authority]);
        let house = seeds::clearinghouse(1);
        let [usdc, sol] = ["mint of USDC", "mint of SOL"].map(|name| User::named(name).key);
        let settings = WorldBuilder::default();
        let mut this = Self {
            bank: RealBank::start(&funded).await,
            governor,
            surface_authority,
            house,
            usdc: bank_at(house, 0, usdc, [0; 32]),
            sol_bank: bank_at(house, 1, sol, SOL_FEED),
            btc: market_at(house, 0, BTC_FEED),
            sol: market_at(house, 1, SOL_FEED),
            week: START + 7 * DAY,
            month: START + 28 * DAY,
            banks: vec![],
            markets: vec![],
            settings: settings.clone(),
        };
        this.create_mint("mint of USDC", 6).await;
        let args = ClearinghouseArgs {
            id: 1,
            liquidation: settings.liquidation.clone(),
            terms: AccountTermsArgs::PLAIN,
            rules: HouseRulesArgs::PLAIN,
        };
        let ix = instructions::initialize_clearinghouse(&governor.key, &usdc, args);
        this.bank.send(&[ix], &[governor]).await.ok();
        this.list_quote_bank().await;
        this.list_bank("mint of SOL", 9, SOL_FEED).await;
        let volatility = settings.btc_volatility;
        this.list_market("BTC", BTC_FEED, &MAJOR_GRID, volatility)
            .await;
        let volatility = settings.sol_volatility;
        this.list_market("SOL", SOL_FEED, &WIDE_GRID, volatility)
            .await;
        this.set_price(BTC_FEED, settings.btc_price).await;
        this.set_price(SOL_FEED, settings.sol_price).await;
        this
    }

    /// A mint, made by the token program; the governor mints.
    async fn create_mint(&mut self, name: &str, decimals: u8) {
        let (mint, payer) = (User::named(name), self.bank.payer);
        let length = spl_token::state::Mint::LEN;
        let lamports = self.bank.rent(length).await;
        let create = create_account(
            &payer.key,
            &mint.key,
            lamports,
            length as u64,
            &spl_token::ID,
        );
        let authority = &self.governor.key;
        let initialize = spl_token::instruction::initialize_mint2(
            &spl_token::ID,
            &mint.key,
            authority,
            None,
            decimals,
        );
        let initialize = initialize.expect("an instruction");
        self.bank.send(&[create, initialize], &[mint]).await.ok();
    }

    async fn list_quote_bank(&mut self) {
        let args = BankArgs {
            feed_id: [0; 32],
            oracle_max_age: 0,
            oracle_max_confidence: 0,
            haircut_maintenance: 0,
            haircut_initial: 0,
            deposit_cap: self.settings.usdc_cap,
            rules: BankRulesArgs::PLAIN,
        };
        self.initialize_bank(self.usdc, args).await;
    }

    /// Creates a mint and lists it as collateral with the haircuts of SOL.
    pub async fn list_bank(&mut self, mint: &str, decimals: u8, feed_id: [u8; 32]) -> Bank {
        self.create_mint(mint, decimals).await;
        let index = u16::try_from(self.banks.len()).expect("a few banks");
        let bank = bank_at(self.house, index, User::named(mint).key, feed_id);
        let args = BankArgs {
            feed_id,
            oracle_max_age: self.settings.oracle_max_age,
            oracle_max_confidence: self.settings.oracle_max_confidence,
            haircut_maintenance: self.settings.sol_haircut_maintenance,
            haircut_initial: self.settings.sol_haircut_initial,
            deposit_cap: self.settings.sol_cap,
            rules: BankRulesArgs::PLAIN,
        };
        self.initialize_bank(bank, args).await;
        bank
    }

    async fn initialize_bank(&mut self, bank: Bank, args: BankArgs) {
        let governor = self.governor;
        let ix = instructions::initialize_bank(&governor.key, &self.house, &bank.mint, args);
        self.bank.send(&[ix], &[governor]).await.ok();
        self.banks.push(bank);
    }

    /// Lists an underlying with both expiries and a smile around this volatility (1e-6) for each.
    pub async fn list_market(
        &mut self,
        name: &str,
        feed_id: [u8; 32],
        scenarios: &[Scenario],
        volatility: u32,
    ) -> Market {
        let (governor, poster) = (self.governor, self.surface_authority);
        let index = u16::try_from(self.markets.len()).expect("a few markets");
        let market = market_at(self.house, index, feed_id);
        let args = MarketArgs {
            symbol: symbol(name),
            feed_id,
            oracle_max_age: self.settings.oracle_max_age,
            oracle_max_confidence: self.settings.oracle_max_confidence,
            surface_max_age: self.settings.surface_max_age,
            oracle_kind: 0,
            params: params_args(&MarketParams::MAJOR),
            terms: terms_args(&MarketParams::MAJOR),
            standard: StandardParamsArgs::MAJOR,
            stable_rate: 0,
            group: 0,
            scenarios: scenario_args(scenarios),
        };
        let list = instructions::initialize_market(&governor.key, &self.house, index, args);
        let rules = MarketRulesArgs::plain(poster.key);
        let open = instructions::open_market(&governor.key, &market, rules);
        self.bank.send(&[list], &[governor]).await.ok();
        self.bank.send(&[open], &[governor]).await.ok();
        for time in [self.week, self.month] {
            let smile = crypto_smile(time, START, volatility);
            let expiry = [
                instructions::add_expiry(&governor.key, &market, time),
                instructions::post_vol_surface(&poster.key, &market, smile),
            ];
            self.bank.send(&expiry, &[governor, poster]).await.ok();
        }
        self.markets.push(market);
        market
    }

    /// Publishes a price of the moment, 1e-8 USD, for every bank and market of the feed.
    pub async fn set_price(&mut self, feed_id: [u8; 32], price: u64) {
        let now = self.bank.clock().await.unix_timestamp;
        let fields = PriceFields::fresh(feed_id, price, now);
        let account = price_address(&feed_id);
        self.bank.write(account, fields.owner, fields.data()).await;
    }

    /// A user's token account of a bank's mint.
    pub fn wallet(&self, user: &User, bank: &Bank) -> Pubkey {
        get_associated_token_address(&user.key, &bank.mint)
    }

    /// Makes a user's token account where there is none, mints into it.
    pub async fn fund(&mut self, user: &User, bank: &Bank, amount: u64) {
        let governor = self.governor;
        let create =
            spl_associated_token_account::instruction::create_associated_token_account_idempotent(
                &self.bank.payer.key,
                &user.key,
                &bank.mint,
                &spl_token::ID,
            );
        let mint = spl_token::instruction::mint_to(
            &spl_token::ID,
            &bank.mint,
            &self.wallet(user, bank),
            &governor.key,
            &[],
            amount,
        );
        let mint = mint.expect("an instruction");
        self.bank.send(&[create, mint], &[governor]).await.ok();
    }

    /// The wallet of that name with a margin account of the smallest size, and USDC deposited in it.
    pub async fn trader(&mut self, name: &str, usdc: u64) -> Trader {
        let user = User::named(name);
        let args = MarginAccountArgs {
            sub_account: 0,
            capacity: MIN_CAPACITY as u16,
            tier: 1,
        };
        let trader = Trader {
            user,
            house: self.house,
            account: seeds::margin_account(&self.house, &user.key, 0),
            sub_account: 0,
        };
        let open = instructions::open_margin_account(&user.key, &self.house, args);
        self.bank.send(&[open], &[user]).await.ok();
        self.fund_and_deposit(&trader, self.usdc, usdc).await;
        trader
    }

    /// A first deposit of an asset, minted for it.
    pub async fn fund_and_deposit(&mut self, trader: &Trader, bank: Bank, amount: u64) {
        self.fund(&trader.user, &bank, amount).await;
        let ix = self.deposit_ix(trader, &bank, amount);
        self.bank.send(&[ix], &[trader.user]).await.ok();
    }

    /// A deposit from the user's token account.
    pub fn deposit_ix(&self, trader: &Trader, bank: &Bank, amount: u64) -> Instruction {
        let source = self.wallet(&trader.user, bank);
        instructions::deposit_collateral(trader, bank, &source, amount)
    }

    /// A withdrawal of USDC to the user's token account.
    pub async fn withdraw_ix(&mut self, trader: &Trader, amount: u64) -> Instruction {
        let remaining = self.margin_metas(&trader.account).await;
        let destination = self.wallet(&trader.user, &self.usdc);
        instructions::withdraw_collateral(trader, &self.usdc, &destination, amount, remaining)
    }

    /// A trade with the remaining accounts of both sides.
    pub async fn trade_ix(&mut self, sides: [&Trader; 2], legs: &[TradeLeg]) -> Instruction {
        let of_legs = Scope::default().with_legs(legs);
        let mut remaining = writable_markets(self.metas(&of_legs));
        for side in sides {
            let scope = self.scope(&side.account).await.with_legs(legs);
            remaining.extend(self.metas(&scope));
        }
        instructions::trade(sides[0], sides[1], legs.to_vec(), remaining)
    }

    /// A bid at any price for as much as restores the buffer.
    pub async fn bid_ix(
        &mut self,
        keeper: &Trader,
        account: &Pubkey,
        args: BidArgs,
    ) -> Instruction {
        let theirs = self.scope(account).await;
        let ours = self.scope(&keeper.account).await.union(&theirs);
        let (banks, markets) = theirs.split();
        let mut remaining = self.metas(&banks);
        remaining.extend(writable_markets(self.metas(&markets)));
        remaining.extend(self.metas(&ours));
        instructions::bid_liquidation(keeper, account, args, remaining)
    }

    /// What the program says of an account's margin, by return data, and what asking cost.
    pub async fn view(&mut self, account: &Pubkey) -> (MarginView, Outcome) {
        let remaining = self.margin_metas(account).await;
        let ix = instructions::view_margin(&self.house, account, remaining);
        let outcome = self.bank.send(&[ix], &[]).await.ok();
        let mut data = outcome.return_data.clone();
        data.resize(size_of::<MarginView>(), 0); // the runtime cuts trailing zeros
        (bytemuck::pod_read_unaligned(&data), outcome)
    }

    /// Remaining accounts of a check of this account as it is.
    pub async fn margin_metas(&mut self, account: &Pubkey) -> Vec<AccountMeta> {
        let scope = self.scope(account).await;
        self.metas(&scope)
    }

    async fn scope(&mut self, account: &Pubkey) -> Scope {
        let (header, positions) = self.margin_account(account).await;
        Scope::of(&header, &positions)
    }

    /// Canonical order: banks by index, each with its price, then markets.
    fn metas(&self, scope: &Scope) -> Vec<AccountMeta> {
        let banks = scope
            .banks
            .iter()
            .map(|index| self.banks[usize::from(*index)]);
        let banks = banks.map(|bank| [bank.key, bank.price]);
        let markets = scope
            .markets
            .iter()
            .map(|index| self.markets[usize::from(*index)]);
        banks
            .chain(markets.map(|market| [market.key, market.price]))
            .flatten()
            .map(|key| AccountMeta::new_readonly(key, false))
            .collect()
    }

    /// A margin account: header and records in use.
    pub async fn margin_account(&mut self, key: &Pubkey) -> (MarginAccount, Vec<PositionRecord>) {
        let data = self.bank.data(*key).await;
        let header: MarginAccount = read(&data);
        let records = data[MarginAccount::ACCOUNT_LEN..]
            .chunks_exact(size_of::<PositionRecord>())
            .take(header.position_count.into());
        (header, records.map(bytemuck::pod_read_unaligned).collect())
    }

    /// What the engine says natively of the same bytes, for the same second.
    pub async fn report(&mut self, account: &Pubkey) -> NativeReport {
        let (header, positions) = self.margin_account(account).await;
        let scope = Scope::of(&header, &positions);
        let house = read(&self.bank.data(self.house).await);
        let mut inputs = Inputs::new(house, self.bank.clock().await.unix_timestamp);
        for index in &scope.banks {
            let bank = self.banks[usize::from(*index)];
            let state: CollateralBank = read(&self.bank.data(bank.key).await);
            inputs.banks.push((state, self.price(bank.price).await));
        }
        for index in &scope.markets {
            let market = self.markets[usize::from(*index)];
            let state = read(&self.bank.data(market.key).await);
            inputs.markets.push((state, self.price(market.price).await));
        }
        evaluate(&header, &positions, &inputs).expect("an account that the engine takes")
    }

    /// The price in an account that [`House::set_price`] wrote.
    pub async fn price(&mut self, account: Pubkey) -> ShownPrice {
        let data = self.bank.data(account).await;
        let update: PriceUpdateV2 =
            anchor_lang::AccountDeserialize::try_deserialize(&mut &data[..])
                .expect("a price update");
        let message = update.price_message;
        let shown = ShownPrice::published(message.price, message.conf, message.exponent);
        shown.expect("a price in range")
    }

    /// What a token account holds, native units.
    pub async fn tokens(&mut self, account: Pubkey) -> u64 {
        let data = self.bank.data(account).await;
        let account = spl_token::state::Account::unpack(&data);
        account.expect("a token account").amount
    }
}

/// The fixed part of an account of the program.
pub fn read<T: AccountLayout>(data: &[u8]) -> T {
    assert!(
        data.starts_with(&T::ACCOUNT_DISCRIMINATOR),
        "another account"
    );
    bytemuck::pod_read_unaligned(
        &data[portfolio_margin_interface::DISCRIMINATOR_LEN..T::ACCOUNT_LEN],
    )
}

fn bank_at(house: Pubkey, index: u16, mint: Pubkey, feed_id: [u8; 32]) -> Bank {
    let key = seeds::bank(&house, &mint);
    Bank {
        house,
        key,
        index,
        mint,
        vault: seeds::vault(&key),
        price: price_address(&feed_id),
        feed_id,
        token_program: spl_token::ID,
        is_quote: index == 0,
    }
}

fn market_at(house: Pubkey, index: u16, feed_id: [u8; 32]) -> Market {
    Market {
        house,
        key: seeds::market(&house, index),
        index,
        price: price_address(&feed_id),
        feed_id,
    }
}
