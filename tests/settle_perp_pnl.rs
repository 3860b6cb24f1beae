//! `settle_perp_pnl`.
