//! `settle_expiry`.
