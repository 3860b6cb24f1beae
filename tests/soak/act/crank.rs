//! What anybody may do to keep the house going, what its posters do, and the money of the house.

use sandbox::oracle::{price_address, USDC_FEED};
use sandbox::{crypto_smile, instructions, settlement, USDC};

use super::super::{Plan, Soak};

impl Soak {
    pub fn crank(&mut self) -> Plan {
        match self.random.range(0, 10) {
            0 | 1 => self.move_market(),
            2 if self.is_whole() => self.store_quote_price(),
            3 => self.move_funding(),
            4 | 5 => self.money(),
            6 => self.report_outage(),
            _ => self.post_surface(),
        }
    }

    fn move_market(&mut self) -> Plan {
        let market = self.underlying().market;
        Plan::new("update market", instructions::update_market(&market))
    }

    fn move_funding(&mut self) -> Plan {
        let market = self.underlying().market;
        Plan::new("update funding", settlement::update_funding(&market))
    }

    /// Nobody may say that a feed is dead which speaks.
    fn report_outage(&mut self) -> Plan {
        let market = self.underlying().market;
        Plan::new("report outage", instructions::report_outage(&market))
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
        let volatility = underlying.volatility * self.random.range(70, 131) as u32 / 100;
        let smile = crypto_smile(expiry, now, volatility);
        let poster = self.random.pick(&self.posters.clone());
        let ix = instructions::post_vol_surface(&poster.key, &underlying.market, smile);
        Plan::new("post surface", ix)
    }

    /// Fees to the house and out of it, insurance, interest; and tokens that somebody sends to a vault for nothing.
    fn money(&mut self) -> Plan {
        let (usdc, trader) = (self.world.usdc, self.trader());
        let wallet = self.world.wallet(&trader.user, &usdc);
        let amount = self.random.range(0, 50) as u64 * USDC + 1;
        match self.random.range(0, 5) {
            0 => {
                let market = self.underlying().market;
                Plan::new("collect fees", instructions::collect_fees(&market))
            }
            1 => {
                let house = self.world.house;
                Plan::new("update interest", instructions::update_interest(&house))
            }
            2 => {
                let key = trader.user.key;
                let ix = instructions::deposit_insurance(&key, &usdc, &wallet, amount);
                Plan::new("deposit insurance", ix)
            }
            3 => {
                let governor = self.world.governor.key;
                let ix = instructions::withdraw_fees(&governor, &usdc, &wallet, amount);
                Plan::new("withdraw fees", ix)
            }
            _ => self.donate(),
        }
    }

    fn donate(&mut self) -> Plan {
        let (bank, trader) = (self.bank(), self.trader());
        let wallet = self.world.wallet(&trader.user, &bank);
        // both token programs read this instruction alike
        let mut ix = anchor_spl::token::spl_token::instruction::transfer(
            &anchor_spl::token::ID,
            &wallet,
            &bank.vault,
            &trader.user.key,
            &[],
            self.random.range(1, 1_000_000) as u64,
        )
        .expect("a transfer");
        ix.program_id = bank.token_program;
        Plan::new("donate", ix)
    }
}
