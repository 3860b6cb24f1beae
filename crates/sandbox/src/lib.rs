//! A whole clearing house in one process: LiteSVM, the SBF build of the program, the real SPL token program, price
//! accounts in Pyth's own format. Tests, the demo and the benchmarks run in it; nothing in it is simulated but time.
//!
//! ```
//! use sandbox::{perpetual, World, BASE, BTC_START, USDC};
//!
//! let mut world = World::new();
//! let alice = world.trader("alice", 50_000 * USDC);
//! let bob = world.trader("bob", 50_000 * USDC);
//! let btc = world.btc;
//! world.trade(&alice, &bob, &[perpetual(&btc, BASE, BTC_START)]).ok();
//! let (view, _) = world.view_margin(&alice.account);
//! assert_eq!(view.report(), world.report(&alice.account).margin);
//! assert!(world.reconcile().is_exact());
//! ```

pub mod accounts;
pub mod actions;
pub mod bankruptcy;
pub mod board;
pub mod deleverage;
pub mod insolvency;
pub mod instructions;
pub mod keys;
pub mod lifecycle;
pub mod listing;
pub mod money;
pub mod native;
pub mod oracle;
pub mod plant;
pub mod quotes;
pub mod reconcile;
pub mod settlement;
pub mod table;
pub mod takeover;
pub mod third;
pub mod transaction;
pub mod units;
pub mod venue;
pub mod views;
pub mod widest;
pub mod world;

pub use accounts::{Scope, Trader};
pub use actions::{call, future, perpetual, put};
pub use board::{posters, rules_of};
pub use keys::User;
pub use listing::{crypto_smile, Bank, Market};
pub use native::{MarketReport, NativeReport};
pub use oracle::{PriceFields, VerificationLevel};
pub use reconcile::Reconciliation;
pub use takeover::{share_of_legs, take_of, Outlook};
pub use third::{ETH_FEED, ETH_START};
pub use transaction::Outcome;
pub use units::{dollars, BASE, BTC_START, DAY, SOL, SOL_START, START, USDC};
pub use world::{Model, World, WorldBuilder};
