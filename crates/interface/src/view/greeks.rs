//! What `view_greeks` returns: a page of markets, of expiries or of legs. Positions alone: collateral that offsets risk is in
//! the net delta of the risk matrix.

use risk_core::greeks::{Greeks, NetGreeks};
use risk_core::position::Position;
use risk_core::{Price, Quantity, Quote, RiskError};

use super::{MAX_VIEW_BYTES, VIEW_VERSION};

/// Rows of a [`GreeksView`].
pub const GREEKS_ROWS: usize = 8;
/// Rows of a [`LegGreeksView`].
pub const LEG_GREEKS_ROWS: usize = 12;

/// Mark and sensitivities; rounding as in [`risk_core::greeks`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct GreeksRecord {
    /// Value, 1e-6 USD.
    pub mark: i64,
    /// Spot delta. In rows: base units, 1e-6, by which the value moves like the underlying. In totals: those times the
    /// spot, 1e-6 USD, so that markets add up.
    pub delta: i64,
    /// Cash gamma: by how much `delta x spot` changes when spot rises 1 %, 1e-6 USD.
    pub gamma: i64,
    /// Change of value when volatility rises one point (0.01), 1e-6 USD.
    pub vega: i64,
    /// Change of value over one day, 1e-6 USD.
    pub theta: i64,
    /// Change of value when the rate rises one point (0.01), the forward fixed, 1e-6 USD.
    pub rho: i64,
}

impl GreeksRecord {
    /// The engine's Greeks as a view carries them.
    pub fn new(greeks: &Greeks) -> Self {
        Self {
            mark: greeks.mark.raw(),
            delta: greeks.delta.raw(),
            gamma: greeks.gamma.raw(),
            vega: greeks.vega.raw(),
            theta: greeks.theta.raw(),
            rho: greeks.rho.raw(),
        }
    }

    /// The Greeks of a row as the engine states them.
    pub fn greeks(&self) -> Greeks {
        Greeks {
            mark: Quote::from_raw(self.mark),
            delta: Quantity::from_raw(self.delta),
            gamma: Quote::from_raw(self.gamma),
            vega: Quote::from_raw(self.vega),
            theta: Quote::from_raw(self.theta),
            rho: Quote::from_raw(self.rho),
        }
    }

    /// Adds a row's Greeks to a total, in which delta is delta times spot, toward zero.
    fn add_at(&mut self, greeks: &Greeks, spot: Price) -> Result<(), RiskError> {
        let terms = [
            (&mut self.mark, greeks.mark),
            (&mut self.delta, greeks.delta.notional(spot)?),
            (&mut self.gamma, greeks.gamma),
            (&mut self.vega, greeks.vega),
            (&mut self.theta, greeks.theta),
            (&mut self.rho, greeks.rho),
        ];
        for (sum, term) in terms {
            *sum = Quote::from_raw(*sum).checked_add(term)?.raw();
        }
        Ok(())
    }
}

/// Net and gross.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct NetGreeksRecord {
    /// Sums with sign: long and short legs cancel.
    pub net: GreeksRecord,
    /// Sums of each leg's magnitudes: what the legs would show alone.
    pub gross: GreeksRecord,
}

impl NetGreeksRecord {
    /// The engine's Greeks as a view carries them.
    pub fn new(greeks: &NetGreeks) -> Self {
        Self {
            net: GreeksRecord::new(&greeks.net),
            gross: GreeksRecord::new(&greeks.gross),
        }
    }

    /// The Greeks of a row as the engine states them.
    pub fn greeks(&self) -> NetGreeks {
        NetGreeks {
            net: self.net.greeks(),
            gross: self.gross.greeks(),
        }
    }
}

/// What is netted in one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct GreeksRow {
    /// On the account's page the index of the market. On a market's page the Unix time of the expiry; zero for the
    /// perpetual.
    pub key: i64,
    /// Spot of the market, 1e-8 USD.
    pub spot: u64,
    /// Delta in base units.
    pub greeks: NetGreeksRecord,
}

/// Greeks of an account by market, or of a market by expiry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct GreeksView {
    /// [`VIEW_VERSION`].
    pub version: u8,
    /// Rows on this page.
    pub count: u8,
    /// Number of the first of them.
    pub first: u8,
    /// Rows on all pages.
    pub total: u8,
    /// Index of the market; `u16::MAX` on the account's page.
    pub market: u16,
    /// Zero.
    pub padding: [u16; 3],
    /// Error code of the first reason why an opening does not accept the prices behind these numbers; 0 where it does.
    pub doubt: u32,
    /// Unix time of the evaluation.
    pub now: i64,
    /// The whole account, or the whole market: all rows of all pages. Delta in 1e-6 USD.
    pub sum: NetGreeksRecord,
    /// In order; zero past `count`.
    pub rows: [GreeksRow; GREEKS_ROWS],
}

impl GreeksView {
    /// A page of which no row is known.
    pub fn new(market: u16, first: u8, now: i64) -> Self {
        Self {
            version: VIEW_VERSION,
            first,
            market,
            now,
            ..Self::default()
        }
    }

    /// Appends the next of all rows; those before or past the page are counted only.
    pub fn push(&mut self, key: i64, spot: Price, greeks: &NetGreeks) {
        let place = self.total.checked_sub(self.first).map(usize::from);
        if let Some(row) = place.and_then(|place| self.rows.get_mut(place)) {
            *row = GreeksRow {
                key,
                spot: spot.raw(),
                greeks: NetGreeksRecord::new(greeks),
            };
            self.count = self.count.saturating_add(1);
        }
        self.total = self.total.saturating_add(1);
    }

    /// Adds a market to the sum.
    ///
    /// Errors: [`RiskError::Overflow`].
    pub fn add(&mut self, greeks: &NetGreeks, spot: Price) -> Result<(), RiskError> {
        self.sum.net.add_at(&greeks.net, spot)?;
        self.sum.gross.add_at(&greeks.gross, spot)
    }
}

/// One leg of a market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct LegGreeksRow {
    /// Code of the instrument: 0 perpetual, 1 future, 2 call, 3 put.
    pub instrument: u8,
    /// Zero.
    pub padding: [u8; 7],
    /// Unix time of expiry; zero for a perpetual.
    pub expiry: i64,
    /// Strike, 1e-8 USD; zero for a perpetual.
    pub strike: u64,
    /// Signed size, 1e-6 base units.
    pub quantity: i64,
    /// Delta in base units.
    pub greeks: GreeksRecord,
}

/// Greeks of a market by leg.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct LegGreeksView {
    /// [`VIEW_VERSION`].
    pub version: u8,
    /// Rows on this page.
    pub count: u8,
    /// Number of the first of them.
    pub first: u8,
    /// Rows on all pages.
    pub total: u8,
    /// Index of the market.
    pub market: u16,
    /// Zero.
    pub padding: [u16; 3],
    /// Error code of the first reason why an opening does not accept the prices behind these numbers; 0 where it does.
    pub doubt: u32,
    /// Unix time of the evaluation.
    pub now: i64,
    /// Spot of the market, 1e-8 USD.
    pub spot: u64,
    /// In the order of the account's positions; zero past `count`.
    pub rows: [LegGreeksRow; LEG_GREEKS_ROWS],
}

impl LegGreeksView {
    /// A page of which no row is known.
    pub fn new(market: u16, first: u8, now: i64) -> Self {
        Self {
            version: VIEW_VERSION,
            first,
            market,
            now,
            ..Self::default()
        }
    }

    /// Appends the next row of the page.
    pub fn push(&mut self, position: &Position, greeks: &Greeks) {
        if let Some(row) = self.rows.get_mut(usize::from(self.count)) {
            *row = LegGreeksRow {
                instrument: position.instrument as u8,
                padding: [0; 7],
                expiry: position.expiry,
                strike: position.strike.raw(),
                quantity: position.quantity.raw(),
                greeks: GreeksRecord::new(greeks),
            };
            self.count = self.count.saturating_add(1);
        }
    }
}

const _: () = assert!(core::mem::size_of::<GreeksView>() <= MAX_VIEW_BYTES);
const _: () = assert!(core::mem::size_of::<LegGreeksView>() <= MAX_VIEW_BYTES);
