//! All tests of the program in one binary, on the SBF build in LiteSVM: one module per instruction, then what spans
//! them. Names that begin with `case_NN` are the numbered cases of the safety plan, `inv_NN` its invariants.

mod add_expiry;
mod bid_liquidation;
mod bid_liquidation_refusals;
mod deposit_collateral;
mod events;
mod futures;
mod groups;
mod initialize_bank;
mod initialize_clearinghouse;
mod initialize_market;
mod layouts;
mod open_margin_account;
mod oracle;
mod parity;
mod post_vol_surface;
mod set_tier;
mod soak;
mod start_liquidation;
mod status;
mod stop_liquidation;
mod story;
mod trade;
mod trade_refusals;
mod update_market;
mod update_quote_price;
mod view_doubt;
mod view_greeks;
mod view_legs;
mod view_limits;
mod view_margin;
mod view_risk_matrix;
mod view_tiers;
mod whole_listings;
mod whole_model;
mod withdraw_collateral;
