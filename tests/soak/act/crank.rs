//! What anybody may do to keep the house going, and what its posters do.

use sandbox::oracle::{price_address, USDC_FEED};
use sandbox::{crypto_smile, instructions};

use super::super::{Plan, Soak};

impl Soak {
    pub fn crank(&mut self) -> Plan {
        match self.random.range(0, 3) {
            0 => self.move_market(),
            1 if self.is_whole() => self.store_quote_price(),
            _ => self.post_surface(),
        }
    }

    fn move_market(&mut self) -> Plan {
        let market = self.underlying().market;
        Plan::new("update market", instructions::update_market(&market))
    }

    fn store_quote_price(&mut self) -> Plan {
        let house = self.world.house;
        let price = price_address(&USDC_FEED);
        let ix = instructions::update_quote_price(&house, &price);
        Plan::new("update quote price", ix)
    }

    fn post_surface(&mut self) -> Plan {
        let underlying = self.underlying();
        let now = self.world.now();
        let expiries = self.world.expiries(&underlying.market);
        let expiry = self.random.pick(&expiries).max(now + 1);
        let volatility = underlying.volatility * self.random.range(50, 151) as u32 / 100;
        let smile = crypto_smile(expiry, now, volatility);
        let poster = self.world.surface_authority;
        let ix = instructions::post_vol_surface(&poster.key, &underlying.market, smile);
        Plan::new("post surface", ix)
    }
}
