//! What the tests share: refusals that change nothing, bent instructions, common scenes, random numbers.

pub mod bankrupt;
pub mod batch;
pub mod bend;
pub mod catalogue;
pub mod client;
pub mod conserved;
pub mod deleverage;
pub mod event_log;
pub mod insolvent;
pub mod ledger;
pub mod naked;
pub mod prices;
pub mod random;
pub mod refusal;
pub mod remaining;
pub mod rules;
pub mod scene;

pub use bankrupt::{give_insurance, prove, Defaults, Scene, OWED};
pub use batch::{assert_batch_fails, assert_batch_refused};
pub use bend::Bend;
pub use catalogue::{account_names, instruction_names, known, Known};
pub use conserved::{assert_conserved, assert_losses, value};
pub use ledger::{record, rewrite, write_book};
pub use naked::{held, total_equity, Book, Naked, BOOKS};
pub use prices::{assert_every_byte_counts, Genuine};
pub use random::Random;
pub use refusal::{assert_logged, assert_refused, Refusal};
pub use remaining::{assert_remaining_accounts_are_checked, mixed_book};
pub use rules::{assert_open_interest, counted, pair_with, Open};
pub use scene::{
    auctioned_long, debts, failing_long, failing_long_in, foreign_account, foreign_house, health,
    liquidating_long, other_program_copy, pair, set_cash, start,
};
