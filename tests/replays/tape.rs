//! Prices and surfaces as a replay moves them, all by the program's own instructions.

use portfolio_margin_interface::args::SurfaceArgs;
use sandbox::{crypto_smile, Market, World};

use super::paths::{Point, ONE};

/// Which assets there are, in the order of a point.
fn markets(world: &World) -> [Market; 2] {
    [world.btc, world.sol]
}

/// Goes to the time of a point and publishes its prices, its surfaces and what follows from them.
pub fn move_to(world: &mut World, point: &Point, time: i64) {
    world.set_time(time);
    let settings = world.settings();
    let starts = [settings.btc_price, settings.sol_price];
    let volatilities = [settings.btc_volatility, settings.sol_volatility];
    for (asset, market) in markets(world).into_iter().enumerate() {
        let price = starts[asset] as i64 / ONE * point.spot[asset];
        world.set_price(&market, price as u64);
        let volatility = i64::from(volatilities[asset]) * point.volatility[asset] / ONE;
        post(world, &market, volatility as u32);
    }
    refresh(world);
    for market in markets(world) {
        world.update_market(&market).ok();
    }
}

/// Publishes the same prices again at the time of the clock.
pub fn refresh(world: &mut World) {
    world.refresh_prices();
    let house = world.house;
    world.update_quote_price(&house).ok();
}

/// Posts the surfaces of a market; one that the board refuses for its neighbour's sake is posted after that neighbour.
fn post(world: &mut World, market: &Market, volatility: u32) {
    let smile = |expiry, now| crypto_smile(expiry, now, volatility);
    let now = world.now();
    let (week, month) = (smile(world.week, now), smile(world.month, now));
    if !try_post(world, market, &month) {
        assert!(try_post(world, market, &week), "a surface that may come");
        assert!(try_post(world, market, &month), "a surface that may come");
        return;
    }
    assert!(try_post(world, market, &week), "a surface that may come");
}

fn try_post(world: &mut World, market: &Market, args: &SurfaceArgs) -> bool {
    let poster = world.surface_authority;
    world.post_as(&poster, market, args.clone()).error.is_none()
}
