//! A third market for worlds that want one, and surfaces for whatever is listed.

use portfolio_margin_interface::args::MarketRulesArgs;
use portfolio_margin_interface::state;
use risk_core::market::MarketParams;
use risk_core::scenario::{MAJOR_GRID, MAJOR_SCENARIOS};

use crate::listing::{crypto_smile, Market};
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
    /// Lists ETH in the world's clearing house, by its model's terms, at [`ETH_START`]; without expiries.
    pub fn list_eth(&mut self, rules: MarketRulesArgs) -> Market {
        let args = match self.builder.model {
            Model::Neutral => self.market_args("ETH", ETH_FEED, &MAJOR_GRID),
            Model::Whole => {
                self.whole_market_args("ETH", ETH_FEED, &MAJOR_SCENARIOS, &MarketParams::BTC)
            }
        };
        let house = self.house;
        let eth = self.list_market_with(house, args, rules);
        self.set_price(&eth, ETH_START);
        eth
    }

    /// Listed expiries of a market, in order.
    pub fn expiries(&self, market: &Market) -> Vec<i64> {
        let listed: state::Market = self.read(&market.key);
        let times = listed.expiries.iter().map(|slot| slot.time);
        times.filter(|time| *time != 0).collect()
    }

    /// Posts a surface of the usual shape for every listed expiry that is still to come.
    pub fn post_listed_surfaces(&mut self, market: &Market, volatility: u32) {
        let now = self.now();
        for expiry in self.expiries(market) {
            if expiry > now {
                self.post_surface(market, crypto_smile(expiry, now, volatility));
            }
        }
    }
}
