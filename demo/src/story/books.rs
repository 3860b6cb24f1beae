//! The three books before the crash: margin leg by leg and as a portfolio, Greeks, the risk matrix.

use portfolio_margin_interface::state::{Market as MarketRecord, PositionRecord};
use risk_core::greeks::{net_greeks, Greeks, NetGreeks};
use risk_core::isolated::{isolated_margin, IsolatedParams};
use risk_core::scan::ScenarioPnl;
use risk_core::scenario::MAX_SCENARIOS;
use risk_core::{Price, Quote};
use sandbox::{MarketReport, NativeReport, Scope, USDC};

use super::cast::{CAST, HEDGED, NAKED, TRADERS};
use super::stage::symbol;
use super::{ensure, refused, Broken, Story};
use crate::render::format::{percent, size, usd};
use crate::render::heat::{in_words, HeatMap};
use crate::render::table::{Align, Table};
use crate::report::Margin;

/// What is shown of one book.
struct Book {
    native: NativeReport,
    isolated: Quote,
    /// Per market: its record, spot and Greeks.
    markets: Vec<(MarketRecord, NetGreeks)>,
}

impl Story {
    /// Part two of the story.
    pub fn show_books(&mut self) -> Result<(), Broken> {
        self.screen.heading("2. Three books and their margin");
        self.screen.paragraph(
            "Margin is the loss of the worst scenario per market, or a floor, plus contingencies for \
             what a grid cannot see. BTC and SOL are one group: half of what one gains in a scenario \
             offsets what the other loses, at most 30 % of the sum. Gross Greeks add up what each leg shows alone; net, legs \
             cancel. A cell of a matrix is profit or loss in USD if spot and volatility move like \
             that; * marks the worst; far tails count in part. Colours have one scale in all books.",
        );
        let mut summary = Table::new(&[
            ("account", Align::Left),
            ("leg by leg", Align::Right),
            ("this engine", Align::Right),
            ("saving", Align::Right),
            ("equity", Align::Right),
            ("free to trade", Align::Right),
        ]);
        let books = TRADERS
            .map(|actor| self.book(actor))
            .collect::<Result<Vec<Book>, Broken>>()?;
        let scale = books.iter().map(Book::largest_amount).max().unwrap_or(1);
        for (actor, book) in TRADERS.zip(&books) {
            let margin = book.margin();
            self.show_book(actor, book, scale)?;
            let report = &book.native.margin;
            summary.row([
                CAST[actor].name.to_owned(),
                usd(margin.isolated),
                usd(margin.portfolio),
                percent(margin.saving()),
                usd(report.equity.raw()),
                usd(report.initial_health.raw()),
            ]);
            self.report.margin.push((CAST[actor].name, margin));
            self.compare_with_chain(actor)?;
        }
        self.summarise(&summary)
    }

    fn summarise(&mut self, summary: &Table) -> Result<(), Broken> {
        let hedged = self.report.margin[HEDGED].1;
        ensure(3 * hedged.portfolio < hedged.isolated, || {
            format!(
                "the hedged book needs {}, a third of {} or more",
                usd(hedged.portfolio),
                usd(hedged.isolated)
            )
        })?;
        self.screen.line("");
        self.screen
            .line("Initial margin, leg by leg and as a portfolio:");
        self.screen.lines(summary.lines());
        self.screen.paragraph(
            "Leg by leg: a long option is paid in full, a short one needs 15 % of spot less what \
             it is out of the money (at least 10 %), a perpetual 4 %; nothing offsets. The hedged \
             book needs less than a third of that here. The naked one needs more: nothing in it \
             offsets, and the engine charges what a crash would cost it.",
        );
        self.overdraw()
    }

    /// The naked account asks for one USDC more than it has free: refused by name, nothing changed.
    fn overdraw(&mut self) -> Result<(), Broken> {
        let trader = self.traders[NAKED];
        let free = self.evaluate(NAKED)?.margin.initial_health.raw();
        let asked = u64::try_from(free).unwrap_or(0) + USDC;
        let (bank, before) = (self.world.usdc, self.world.account(&trader.account));
        let outcome = self.world.withdraw(&trader, &bank, asked);
        refused(&outcome, "InitialMarginBreached")?;
        ensure(self.world.account(&trader.account).1 == before.1, || {
            "a refused withdrawal changed positions".to_owned()
        })?;
        self.screen.line("");
        self.screen.paragraph(&format!(
            "naked asks to withdraw {}, one more than it has free. The program refuses: \
             InitialMarginBreached.",
            usd(i64::try_from(asked).unwrap_or(i64::MAX)),
        ));
        Ok(())
    }

    fn book(&mut self, actor: usize) -> Result<Book, Broken> {
        let native = self.evaluate(actor)?;
        let trader = self.traders[actor];
        let (header, positions) = self.world.account(&trader.account);
        let inputs = self
            .world
            .inputs(&trader.house, &Scope::of(&header, &positions));
        let mut book = Book {
            native,
            isolated: Quote::ZERO,
            markets: Vec::new(),
        };
        for (record, spot) in inputs.markets {
            let held: Vec<PositionRecord> = positions
                .iter()
                .filter(|position| position.market == record.index)
                .copied()
                .collect();
            book.add_market(record, spot.price, inputs.now, &held)?;
        }
        Ok(book)
    }

    fn show_book(&mut self, actor: usize, book: &Book, scale: u64) -> Result<(), Broken> {
        let role = &CAST[actor];
        let title = self.screen.emphasised(role.name);
        self.screen.line("");
        self.screen.line(format!("{title}: {}", role.does));
        self.screen.lines(book.greeks().lines());
        for (market, (record, _)) in book.native.markets.iter().zip(&book.markets) {
            self.show_matrix(market, record, scale)?;
        }
        let margin = &book.native.margin;
        let alone = book
            .native
            .markets
            .iter()
            .map(|market| market.risk.scan.raw());
        let offset = alone.sum::<i64>() != margin.scan.raw();
        let contingencies = margin
            .contingency_maintenance
            .checked_add(margin.contingency_initial)?;
        self.screen.line("");
        self.screen.line(format!(
            "  initial margin {} = worst losses{} {} + contingencies {}",
            usd(margin.initial_margin().raw()),
            if offset { ", offset by the group," } else { "" },
            usd(-margin.scan.raw()),
            usd(contingencies.raw()),
        ));
        Ok(())
    }

    fn show_matrix(
        &mut self,
        market: &MarketReport,
        record: &MarketRecord,
        scale: u64,
    ) -> Result<(), Broken> {
        let set = record.scenarios.set()?;
        let mut pnl: ScenarioPnl = [0; MAX_SCENARIOS];
        for (value, of_scenario) in pnl.iter_mut().zip(&market.pnl) {
            *value = *of_scenario;
        }
        let worst = market.risk.worst_scenario;
        let map = HeatMap::new(&set, &pnl, worst);
        let name = symbol(market.market);
        self.screen.line("");
        self.screen.line(format!(
            "  {name}, worst {}: {}",
            usd(market.risk.scan.raw()),
            in_words(name, &set, worst),
        ));
        let colour = self.screen.colour();
        self.screen.lines(map.lines(colour, scale));
        Ok(())
    }
}

impl Book {
    fn add_market(
        &mut self,
        record: MarketRecord,
        spot: Price,
        now: i64,
        held: &[PositionRecord],
    ) -> Result<(), Broken> {
        let params = record.params();
        let market = record.input(now, spot, record.scenarios.set()?, &params);
        let isolated = isolated_margin(&market, held, &IsolatedParams::INITIAL)?;
        self.isolated = self.isolated.checked_add(isolated)?;
        let greeks = net_greeks(&market, held)?;
        self.markets.push((record, greeks));
        Ok(())
    }

    /// Of all cells of its matrices, 1e-6 USD.
    fn largest_amount(&self) -> u64 {
        let cells = self.native.markets.iter().flat_map(|market| &market.pnl);
        cells.map(|pnl| pnl.unsigned_abs()).max().unwrap_or(0)
    }

    fn margin(&self) -> Margin {
        Margin {
            isolated: self.isolated.raw(),
            portfolio: self.native.margin.initial_margin().raw(),
        }
    }

    fn greeks(&self) -> Table {
        let mut table = Table::new(&[
            ("Greeks", Align::Left),
            ("delta", Align::Right),
            ("gamma per 1 %", Align::Right),
            ("vega per point", Align::Right),
            ("theta per day", Align::Right),
        ]);
        for (record, greeks) in &self.markets {
            let name = symbol(record.index);
            table.row(greeks_row(format!("{name} gross"), &greeks.gross));
            table.row(greeks_row(format!("{name} net"), &greeks.net));
            table.row(cancelled_row(greeks));
        }
        table
    }
}

fn greeks_row(label: String, greeks: &Greeks) -> [String; 5] {
    [
        label,
        size(greeks.delta.raw()),
        usd(greeks.gamma.raw()),
        usd(greeks.vega.raw()),
        usd(greeks.theta.raw()),
    ]
}

/// By how much netting shrinks each sensitivity.
fn cancelled_row(greeks: &NetGreeks) -> [String; 5] {
    let cancelled = |net: i64, gross: i64| match gross {
        0 => "-".to_owned(),
        _ => percent(1.0 - net.saturating_abs() as f64 / gross as f64),
    };
    let (net, gross) = (&greeks.net, &greeks.gross);
    [
        "cancelled".to_owned(),
        cancelled(net.delta.raw(), gross.delta.raw()),
        cancelled(net.gamma.raw(), gross.gamma.raw()),
        cancelled(net.vega.raw(), gross.vega.raw()),
        cancelled(net.theta.raw(), gross.theta.raw()),
    ]
}
