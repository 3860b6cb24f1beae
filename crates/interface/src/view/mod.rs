//! What the views return: plain little-endian data with a version, through return data, which holds 1,024 bytes.
//!
//! The runtime cuts trailing zeros off; a reader fills them up to the size of the type. Amounts are 1e-6 USD where nothing
//! else is said.

pub mod greeks;
pub mod margin;
pub mod risk_matrix;

pub use greeks::{
    GreeksRecord, GreeksRow, GreeksView, LegGreeksRow, LegGreeksView, NetGreeksRecord,
};
pub use margin::{ContingencyView, MarginView, MarketView};
pub use risk_matrix::RiskMatrixView;

/// Version of every view: they change together.
pub const VIEW_VERSION: u8 = 3;
/// Most markets that one view describes.
pub const MAX_VIEW_MARKETS: usize = 8;
/// Most bytes of return data.
pub const MAX_VIEW_BYTES: usize = 1_024;

/// A view whose version the program sets.
pub trait View: bytemuck::Pod {
    /// Reads return data, filling up the zeros that the runtime cut off; `None` for data that is longer than the view.
    fn read(data: &[u8]) -> Option<Self> {
        let mut view = Self::zeroed();
        bytemuck::bytes_of_mut(&mut view)
            .get_mut(..data.len())?
            .copy_from_slice(data);
        Some(view)
    }
}

impl View for MarginView {}
impl View for GreeksView {}
impl View for LegGreeksView {}
impl View for RiskMatrixView {}
