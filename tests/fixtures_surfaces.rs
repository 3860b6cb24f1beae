//! Smiles fitted to a real market come into force, on a board of one as on a board of five.
//!
//! Reads `options/fitted_svi_sabr_btc_20260121.csv`: raw SVI per expiry, fitted to every BTC option on Deribit at one moment.

use portfolio_margin::error::MarginError;
use portfolio_margin::event::SurfacePosted;
use portfolio_margin_interface::args::SurfaceArgs;
use risk_core::scenario::MAJOR_GRID;
use sandbox::{dollars, posters, rules_of, World};

use crate::folder;

/// Seconds to expiry and a smile, as an instruction takes it.
fn fitted() -> Vec<(i64, SurfaceArgs)> {
    let path = folder("options").join("fitted_svi_sabr_btc_20260121.csv");
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    let mut lines = text.lines();
    let names: Vec<_> = lines.next().expect("a header").split(',').collect();
    let rows = lines.filter_map(|line| {
        let cells: Vec<_> = line.split(',').collect();
        let number = |name: &str| {
            let at = names.iter().position(|other| *other == name);
            cells[at.unwrap_or_else(|| panic!("no column {name}"))].parse::<f64>()
        };
        // the first row is the moment itself and has no smile
        let level = number("a").ok()?;
        let number = |name| number(name).expect("a number");
        let tenor = (number("years_to_expiry") * 31_536_000.0).round() as i64;
        let args = SurfaceArgs {
            expiry: 0,
            forward_basis: (number("years_to_expiry") * 50_000_000.0) as i32,
            rate: 40_000,
            svi_a: (level * 1e12).round() as i64,
            svi_b: (number("b") * 1e12).round() as u64,
            svi_rho: (number("rho_y") * 1e6).round() as i32,
            svi_m: (number("m") * 1e6).round() as i32,
            svi_s: (number("sigma") * 1e6).round() as u32,
            reference_tenor: tenor as u32,
            confidence: 1_000_000,
        };
        Some((tenor, args))
    });
    rows.collect()
}

#[test]
fn the_smiles_of_a_real_market_come_into_force_in_sequence() {
    let rows = fitted();
    assert_eq!(rows.len(), 11);
    for count in [1, 5] {
        let mut world = World::new();
        let posters = posters(count);
        let args = world.market_args("BTC", [7; 32], &MAJOR_GRID);
        let market = world.list_market_with(world.house, args, rules_of(&posters));
        world.set_price(&market, dollars(89_000));
        let now = world.now();
        for (tenor, _) in &rows {
            world.add_expiry(&market, now + tenor);
        }
        let (mut most, mut in_force) = (0, 0);
        for _ in 0..2 {
            for (tenor, args) in &rows {
                for poster in &posters {
                    let args = SurfaceArgs {
                        expiry: now + tenor,
                        ..args.clone()
                    };
                    let outcome = world.post_as(poster, &market, args).ok();
                    let units = outcome.compute_units_of("post_vol_surface");
                    most = most.max(units.expect("a post"));
                    let event = &outcome.events::<SurfacePosted>()[0];
                    let quorum = usize::from(event.fresh) > count / 2;
                    let refusal = match quorum {
                        true => 0,
                        false => u32::from(MarginError::SurfaceQuorum),
                    };
                    assert_eq!(event.refusal, refusal, "{tenor}");
                    in_force += usize::from(quorum);
                }
            }
        }
        assert_eq!(in_force, 11 * (2 * count - count / 2));
        println!("a post on a board of {count}, 11 expiries: at most {most} CU");
        assert!(most < 60_000);
        for (tenor, args) in &rows {
            let slot = world.expiry_slot(&market, now + tenor);
            assert_eq!((slot.svi_b, slot.svi_rho), (args.svi_b, args.svi_rho));
        }
    }
}
