//! The other ways to trade: signed quotes, whole and in parts and too often, and orders of the example venue.

use portfolio_margin_interface::quote::{QuoteCancel, QuoteMessage};
use sandbox::quotes::ed25519;
use sandbox::venue::place_order_ix;
use sandbox::Trader;

use super::super::{Plan, Soak};

/// A quote that was signed, and may be shown again.
#[derive(Clone)]
pub struct Signed {
    pub maker: Trader,
    pub message: QuoteMessage,
}

/// An order that rests with the venue.
#[derive(Clone, Copy)]
pub struct Resting {
    pub maker: Trader,
    pub id: u64,
    pub quantity: u64,
}

impl Soak {
    pub fn quote(&mut self) -> Plan {
        if self.random.one_in(12) {
            return self.cancel_quotes();
        }
        let [taker, maker] = self.two();
        let signed = match self.signed.last() {
            Some(signed) if signed.maker != taker && !self.random.one_in(3) => signed.clone(),
            _ => self.sign(&taker, maker),
        };
        let lots = self.random.range(1, 5) as u64;
        // now and then somebody who is not the maker signs
        let signer = match self.random.one_in(15) {
            true => self.outsider.user,
            false => signed.maker.user,
        };
        let (maker, message) = (signed.maker, &signed.message);
        let fill = self.world.fill_quote_ix(&taker, &maker, message, lots);
        let mut plan = Plan::new("fill quote", fill);
        plan.instructions
            .insert(0, ed25519(&signer, &message.encode()));
        plan.quoted = Some(signer.key);
        plan
    }

    /// A quote of a few lots, a tenth of a usual trade each, for minutes.
    fn sign(&mut self, taker: &Trader, maker: Trader) -> Signed {
        let mut legs = self.legs(taker);
        for leg in &mut legs {
            leg.quantity = match leg.quantity / 8 {
                0 => leg.quantity,
                part => part,
            };
        }
        self.nonce += self.random.range(0, 3) as u64;
        let mut message = self.world.quote(&maker, self.nonce, &legs);
        message.expires += self.random.range(-80, 900);
        message.most_lots = self.random.range(1, 9) as u64;
        message.least_lots = self.random.range(1, 3) as u64;
        if self.random.one_in(4) {
            message.taker = taker.account;
        }
        let signed = Signed { maker, message };
        self.signed.push(signed.clone());
        signed
    }

    fn cancel_quotes(&mut self) -> Plan {
        let maker = self.trader();
        let nonce = self.nonce;
        let what = self.random.pick(&[
            QuoteCancel::Nonce(nonce),
            QuoteCancel::Below(nonce),
            QuoteCancel::All,
        ]);
        let ix = self.world.cancel_quotes_ix(&maker.user, &maker, what);
        Plan::new("cancel quotes", ix)
    }

    pub fn venue(&mut self) -> Plan {
        let taker = self.trader();
        let venue = example_venue::ID;
        if self.random.one_in(10) {
            let ix = match self.random.one_in(2) {
                true => self.world.approve_venue_ix(&taker, &venue),
                false => self.world.revoke_venue_ix(&taker, &venue),
            };
            return Plan::new("approve venue", ix);
        }
        let open = self.resting.pop();
        match open {
            Some(order) if order.maker != taker && self.rests(&order) => {
                let Resting {
                    maker,
                    id,
                    quantity,
                } = order;
                let quantity = quantity / self.random.range(1, 4) as u64 + 1;
                let ix = self.world.take_order_ix(&taker, &maker, id, quantity);
                Plan::new("venue fill", ix)
            }
            _ => self.place_order(taker),
        }
    }

    fn rests(&self, order: &Resting) -> bool {
        let key = sandbox::venue::order_key(&order.maker, order.id);
        let account = self.world.svm.get_account(&key);
        account.is_some_and(|account| !account.data.is_empty())
    }

    fn place_order(&mut self, maker: Trader) -> Plan {
        let legs = self.legs(&maker);
        let leg = &legs[0];
        self.nonce += 1;
        let args = example_venue::OrderArgs {
            id: self.nonce,
            market: leg.market,
            instrument: leg.instrument,
            expiry: leg.expiry,
            strike: leg.strike,
            quantity: leg.quantity,
            price: leg.price,
            expires: self.world.now() + self.random.range(60, 2_000),
        };
        self.resting.push(Resting {
            maker,
            id: args.id,
            quantity: args.quantity.unsigned_abs(),
        });
        Plan::new("place order", place_order_ix(&maker, args))
    }
}
