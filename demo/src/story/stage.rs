//! Sets the stage: a clearing house on the real bytecode, funded accounts, and their trades.

use portfolio_margin_interface::args::TradeLeg;
use risk_core::greeks::leg_greeks;
use risk_core::position::{Instrument, Position};
use risk_core::{Price, Quantity};
use sandbox::world::program_path;
use sandbox::{Scope, Trader, WorldBuilder, BASE, SOL, USDC};

use super::cast::{self, Size, Wanted, CAST, MAKER, TRADERS};
use super::{done, Broken, Story};
use crate::path;
use crate::render::format::{grouped, price, size, usd};
use crate::render::table::{Align, Table};
use crate::render::Screen;
use crate::report::Report;

/// At-the-money volatility of BTC and SOL at 20:00, 1e-6: round figures.
pub const VOLATILITY: [u32; 2] = [450_000, 750_000];
/// Positions that each account has room for.
const CAPACITY: u16 = 16;

/// Builds the world and lets everybody deposit and trade.
pub fn set(mut screen: Screen) -> Result<Story, Broken> {
    let program = std::fs::metadata(program_path()).map_err(|error| {
        let path = program_path();
        Broken(format!(
            "{}: {error}; scripts/build makes it",
            path.display()
        ))
    })?;
    introduce(&mut screen, program.len());
    let opening = &path::moments()[0];
    let world = WorldBuilder {
        btc_price: opening.prices[0].price,
        sol_price: opening.prices[1].price,
        btc_volatility: VOLATILITY[0],
        sol_volatility: VOLATILITY[1],
        ..WorldBuilder::whole(0)
    }
    .build();
    let mut story = Story {
        world,
        screen,
        traders: Vec::new(),
        report: Report::new(path::SOURCE),
        evaluations: Default::default(),
        compared: 0,
    };
    story.fund()?;
    for actor in TRADERS {
        story.trade(actor)?;
    }
    Ok(story)
}

fn introduce(screen: &mut Screen, bytes: u64) {
    let title = "Portfolio margin on chain: three books, a crash, a liquidation";
    screen.line(screen.emphasised(title));
    screen.line("=".repeat(title.len()));
    screen.paragraph(&format!(
        "Everything below runs on the program's own bytecode ({} bytes of sBPF) in an embedded \
         Solana VM, with real SPL tokens and prices in Pyth's account format. Amounts are USD \
         unless another unit is named.",
        grouped(bytes)
    ));
}

impl Story {
    fn fund(&mut self) -> Result<(), Broken> {
        self.screen.heading("1. The stage");
        let mut table = Table::new(&[
            ("account", Align::Left),
            ("deposits", Align::Left),
            ("what it does", Align::Left),
        ]);
        for role in &CAST {
            let user = self.world.user(role.name);
            let trader = self.world.open(&user, CAPACITY);
            let deposits = [
                (self.world.usdc, role.usdc * USDC, "USDC", role.usdc),
                (self.world.sol_bank, role.sol * SOL, "SOL", role.sol),
            ];
            let mut words = Vec::new();
            for (bank, amount, unit, whole) in deposits.into_iter().filter(|d| d.1 > 0) {
                self.world.fund(&user, &bank, amount);
                done(self.world.deposit(&trader, &bank, amount), "a deposit")?;
                words.push(format!("{} {unit}", grouped(whole)));
            }
            table.row([
                role.name.to_owned(),
                words.join(" + "),
                role.does.to_owned(),
            ]);
            self.traders.push(trader);
        }
        self.screen.lines(table.lines());
        let settings = self.world.settings();
        let share = |raw: u32| f64::from(raw) / 1e4;
        let text = format!(
            "SOL as collateral counts for {} % of its price ({} % to open positions). It is \
             2025-10-10, 20:00 UTC: BTC {}, SOL {}. Options expire 28 days later; they trade at \
             the model's mark, on a surface of {} % (BTC) and {} % (SOL) at the money.",
            100.0 - share(settings.sol_haircut_maintenance),
            100.0 - share(settings.sol_haircut_maintenance + settings.sol_haircut_initial),
            price(settings.btc_price),
            price(settings.sol_price),
            share(VOLATILITY[0]),
            share(VOLATILITY[1]),
        );
        self.screen.line("");
        self.screen.paragraph(&text);
        Ok(())
    }

    /// One transaction in which a trader takes all its legs from the maker, at marks.
    fn trade(&mut self, actor: usize) -> Result<(), Broken> {
        let (taker, maker) = (self.traders[actor], self.traders[MAKER]);
        let legs = self.priced_legs(actor)?;
        let outcome = done(self.world.trade(&taker, &maker, &legs), "a trade")?;
        let words: Vec<String> = legs.iter().map(leg_in_words).collect();
        self.screen.line("");
        self.screen.line(format!(
            "{} trades {} legs with the maker in one transaction ({} compute units):",
            CAST[actor].name,
            legs.len(),
            grouped(
                outcome
                    .compute_units_of("trade")
                    .unwrap_or(outcome.compute_units)
            ),
        ));
        self.screen
            .lines(words.iter().map(|text| format!("  {text}")));
        Ok(())
    }

    fn priced_legs(&self, actor: usize) -> Result<Vec<TradeLeg>, Broken> {
        let mut options_delta = 0;
        let mut legs = Vec::new();
        for wanted in CAST[actor].wants {
            let (mark, delta) = self.unit_mark_and_delta(&self.traders[actor], wanted)?;
            let quantity = match wanted.size {
                Size::Fixed(quantity) => quantity,
                Size::Hedge => -(options_delta / 10_000) * 10_000,
            };
            options_delta += quantity / BASE * delta;
            let is_option = wanted.instrument.is_option();
            legs.push(TradeLeg {
                market: wanted.market,
                instrument: wanted.instrument as u8,
                expiry: if is_option { self.world.month } else { 0 },
                strike: wanted.strike * 100_000_000,
                quantity,
                price: mark,
            });
        }
        Ok(legs)
    }

    /// Mark of one unit in 1e-8 USD, and its delta in 1e-6 base units.
    fn unit_mark_and_delta(&self, trader: &Trader, wanted: &Wanted) -> Result<(u64, i64), Broken> {
        let scope = Scope {
            markets: [wanted.market].into(),
            ..Scope::default()
        };
        let inputs = self.world.inputs(&trader.house, &scope);
        let (record, spot) = &inputs.markets[0];
        if wanted.instrument == Instrument::Perpetual {
            return Ok((spot.price.raw(), BASE));
        }
        let params = record.params();
        let market = record.input(inputs.now, spot.price, record.scenarios.set()?, &params);
        let one = Position::option(
            wanted.instrument,
            self.world.month,
            Price::from_raw(wanted.strike * 100_000_000),
            Quantity::from_raw(BASE),
        );
        let greeks = leg_greeks(&market, &one)?;
        // 1e-6 USD to 1e-8 USD; the mark of a long position is not negative
        Ok((greeks.mark.raw().unsigned_abs() * 100, greeks.delta.raw()))
    }
}

fn leg_in_words(leg: &TradeLeg) -> String {
    let symbol = symbol(leg.market);
    let series = match Instrument::from_code(leg.instrument) {
        Some(Instrument::Call) => format!("{symbol} call {}", usd(strike_usd(leg.strike))),
        Some(Instrument::Put) => format!("{symbol} put {}", usd(strike_usd(leg.strike))),
        _ => format!("{symbol} perpetual"),
    };
    format!(
        "{:>6}  {series:<16} at {:>10}",
        size(leg.quantity),
        price(leg.price)
    )
}

/// A strike of 1e-8 USD as an amount of 1e-6 USD.
fn strike_usd(strike: u64) -> i64 {
    i64::try_from(strike / 100).unwrap_or(i64::MAX)
}

/// Name of a market; the sandbox lists them in this order.
pub fn symbol(market: u16) -> &'static str {
    match market {
        cast::BTC => "BTC",
        cast::SOL => "SOL",
        _ => "?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legs_read_like_a_ticket() {
        let world_less = TradeLeg {
            market: cast::BTC,
            instrument: Instrument::Put as u8,
            expiry: 1,
            strike: 11_000_000_000_000,
            quantity: -8_000_000,
            price: 246_912_000_000,
        };
        assert_eq!(
            leg_in_words(&world_less),
            "    -8  BTC put 110,000  at   2,469.12"
        );
        let perpetual = TradeLeg {
            instrument: 0,
            strike: 0,
            quantity: 9_400_000,
            ..world_less
        };
        assert!(leg_in_words(&perpetual).starts_with("  +9.4  BTC perpetual"));
    }
}
