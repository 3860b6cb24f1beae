//! A third market and a third bank for worlds that want them: ETH by a legacy oracle, and a mint of Token-2022.

use anchor_lang::prelude::Pubkey;
use anchor_spl::token_2022;
use portfolio_margin_interface::args::{BankArgs, BankRulesArgs, MarketRulesArgs};
use portfolio_margin_interface::state;
use portfolio_margin_interface::state::oracle::{PYTH_LEGACY, PYTH_PULL};
use risk_core::market::MarketParams;
use risk_core::scenario::{MAJOR_GRID, MAJOR_SCENARIOS};

use crate::keys::User;
use crate::listing::{Bank, Market};
use crate::oracle::{price_address, PriceFields};
use crate::units::dollars;
use crate::world::{Model, World};

/// ETH/USD.
pub const ETH_FEED: [u8; 32] = [
    0xff, 0x61, 0x49, 0x1a, 0x93, 0x11, 0x12, 0xdd, 0xf1, 0xbd, 0x81, 0x47, 0xcd, 0x1b, 0x64, 0x13,
    0x75, 0xf7, 0x9f, 0x58, 0x25, 0x12, 0x6d, 0x66, 0x54, 0x80, 0x87, 0x46, 0x34, 0xfd, 0x0a, 0xce,
];
/// ETH in USD where the world starts, rounded, 1e-8 USD.
pub const ETH_START: u64 = dollars(4_100);

impl World {
    /// Lists ETH in the world's clearing house, by its model's terms and a legacy price account, at [`ETH_START`]; without
    /// expiries.
    pub fn list_eth(&mut self, rules: MarketRulesArgs) -> Market {
        let feed = User::named("legacy price of ETH").key.to_bytes();
        let mut args = match self.builder.model {
            Model::Neutral => self.market_args("ETH", feed, &MAJOR_GRID),
            Model::Whole => {
                self.whole_market_args("ETH", feed, &MAJOR_SCENARIOS, &MarketParams::BTC)
            }
        };
        args.oracle_kind = PYTH_LEGACY;
        let house = self.house;
        let eth = self.list_market_with(house, args, rules);
        self.set_price(&eth, ETH_START);
        eth
    }

    /// Lists a mint of Token-2022 with nine decimals, without extensions, priced as ETH by the pull oracle.
    pub fn list_wrapped_eth(&mut self, rules: BankRulesArgs) -> Bank {
        let mint = self.create_token_2022_mint("mint of wrapped ETH", 9);
        let args = BankArgs {
            feed_id: ETH_FEED,
            haircut_maintenance: 200_000,
            haircut_initial: 100_000,
            rules: BankRulesArgs {
                oracle_kind: PYTH_PULL,
                ..rules
            },
            ..self.sol_bank_args()
        };
        let house = self.house;
        self.list_bank(house, mint, args)
    }

    /// Publishes a fresh price of wrapped ETH, 1e-8 USD.
    pub fn set_wrapped_eth(&mut self, price: u64) {
        let fields = PriceFields::fresh(ETH_FEED, price, self.now());
        self.set_price_update(price_address(&ETH_FEED), fields);
    }

    fn create_token_2022_mint(&mut self, name: &str, decimals: u8) -> Pubkey {
        let key = self.create_mint(name, decimals);
        let mut account = self.svm.get_account(&key).expect("a mint");
        account.owner = token_2022::ID; // without extensions both programs' mints have one layout
        let written = self.svm.set_account(key, account);
        written.expect("writing a mint");
        key
    }

    /// Listed expiries of a market, in order.
    pub fn expiries(&self, market: &Market) -> Vec<i64> {
        let listed: state::Market = self.read(&market.key);
        let times = listed.expiries.iter().map(|slot| slot.time);
        times.filter(|time| *time != 0).collect()
    }
}
