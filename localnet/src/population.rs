//! The population: margin accounts that were opened, funded and traded by real instructions, of which a known few fall below
//! maintenance at the bottom of the crash.
//!
//! Each account's deposit is computed from what the engine says of its book before the crash and at its bottom; afterwards every
//! account, also those of the named users and of the other sides, is evaluated again from its bytes.

use std::collections::BTreeMap;

use portfolio_margin_interface::args::{MarginAccountArgs, TradeLeg};
use portfolio_margin_interface::seeds;
use portfolio_margin_interface::state::margin_account::MIN_CAPACITY;
use portfolio_margin_interface::state::{MarginAccount, PositionRecord};
use portfolio_margin_interface::Pubkey;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use risk_core::margin::MarginReport;
use risk_core::position::Instrument;
use risk_core::tier::Tier;
use sandbox::accounts::{writable_markets, Scope};
use sandbox::native::{evaluate, Inputs, NativeReport};
use sandbox::{instructions, Trader, User, SOL, USDC};

use crate::error::Error;
use crate::scenario::{bottom, START_PRICES};
use crate::series::{self, Series};
use crate::settings::Settings;
use crate::stage::{Stage, MINIMUM_EQUITY};

/// Accounts of one owner, and of one other side: notionals have a limit.
const PER_OWNER: usize = 250;
const PER_MAKER: usize = 1_250;
/// Most positions of an account, and what the books of failing ones are worth, whole dollars; those of others may be smaller.
const MOST_POSITIONS: usize = 12;
const FAILING_NOTIONAL: std::ops::Range<u64> = 60_000..200_000;
const OTHER_NOTIONAL: std::ops::Range<u64> = 5_000..120_000;
/// Equity over the maintenance requirement at the bottom, per cent: of those that fail, and least of the others.
const FAILING_COVER: std::ops::Range<i64> = 45..80;
const OTHER_COVER: std::ops::Range<i64> = 140..400;
/// Cover of the initial requirement when the account is opened, per cent.
const OPENING_COVER: i64 = 110;
/// Least cover of the maintenance requirement of everybody else, per cent.
const COMFORT: i64 = 120;
/// Quote tokens that remain after premiums: the house lends nothing, 1e-6 USD.
const LEAST_CASH: i64 = 100_000_000;
/// Books that are thrown away before giving up on one.
const TRIES: usize = 200;
/// Quote tokens of an owner of the population, native units.
const PURSE: u64 = 10_000_000_000 * USDC;

/// A planned account.
struct Plan {
    legs: Vec<TradeLeg>,
    tier: Tier,
    /// Native units of USDC and of SOL.
    deposit: u64,
    coins: u64,
}

/// Reads of the house, by what an account holds; the same bytes serve thousands of accounts.
pub(crate) struct Reader<'a> {
    stage: &'a Stage,
    known: BTreeMap<(Vec<u16>, Vec<u16>), Inputs>,
}

impl<'a> Reader<'a> {
    pub fn new(stage: &'a Stage) -> Self {
        Self {
            stage,
            known: BTreeMap::new(),
        }
    }

    /// What the engine says of an account that may not exist.
    pub fn report(
        &mut self,
        header: &MarginAccount,
        positions: &[PositionRecord],
    ) -> Result<NativeReport, Error> {
        let scope = Scope::of(header, positions);
        let key = (
            scope.banks.iter().copied().collect(),
            scope.markets.iter().copied().collect(),
        );
        let world = &self.stage.world;
        let inputs = self.known.entry(key);
        let inputs = inputs.or_insert_with(|| world.inputs(&world.house, &scope));
        evaluate(header, positions, inputs)
            .map_err(|error| Error::Population(format!("the engine refused a book: {error:?}")))
    }
}

/// The prices that a book is held against, with what is read at each.
struct Weather<'a> {
    /// When accounts are opened.
    before: Reader<'a>,
    /// On the way down.
    falling: Vec<Reader<'a>>,
    bottom: Reader<'a>,
}

impl<'a> Weather<'a> {
    fn new(stage: &'a Stage, fallen: &'a [Stage]) -> Option<Self> {
        let (bottom, falling) = fallen.split_last()?;
        Some(Self {
            before: Reader::new(stage),
            falling: falling.iter().map(Reader::new).collect(),
            bottom: Reader::new(bottom),
        })
    }
}

/// The same world with the crash's prices: on the way down, and at the bottom.
fn fallen(stage: &Stage) -> Vec<Stage> {
    let at = |thirds: u64| {
        let mut fallen = stage.clone();
        let mut prices = bottom();
        for (price, start) in prices.iter_mut().zip(START_PRICES) {
            *price = start - (start - *price) / 3 * thirds;
        }
        fallen.set_prices(if thirds == 3 { bottom() } else { prices });
        fallen
    };
    vec![at(1), at(2), at(3)]
}

/// Opens the accounts; returns those that will fail, in order.
pub(crate) fn populate(stage: &mut Stage, settings: &Settings) -> Result<Vec<Pubkey>, Error> {
    if settings.accounts == 0 {
        return Ok(vec![]);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
    let makers: Vec<Trader> = (0..settings.accounts.div_ceil(PER_MAKER))
        .map(|number| stage.open_maker(&format!("crowd maker {number}")))
        .collect();
    let owners: Vec<User> = (0..settings.accounts.div_ceil(PER_OWNER))
        .map(|number| stage.open_purse(&format!("crowd {number}"), PURSE))
        .collect();
    let plans = plan_all(stage, settings, &mut rng)?;
    let fails = spread(settings);
    let mut failing = vec![];
    let mut accounts = vec![];
    for (number, plan) in plans.iter().enumerate() {
        let (Some(owner), Some(maker)) = (
            owners.get(number / PER_OWNER),
            makers.get(number / PER_MAKER),
        ) else {
            return Err(Error::Population("an owner is missing".into()));
        };
        let sub_account = u16::try_from(number % PER_OWNER).unwrap_or(u16::MAX);
        let account = stage.settle_in(owner, sub_account, maker, plan)?;
        accounts.push(account);
        if fails(number) {
            failing.push(account);
        }
        if (number + 1) % 1_000 == 0 {
            settings.say(&format!("{} of {} accounts", number + 1, settings.accounts));
        }
    }
    accounts.extend(makers.iter().map(|maker| maker.account));
    accounts.extend(stage.people.iter().filter_map(|p| Some(p.account?.account)));
    failing.sort();
    verify(stage, &accounts, &failing)?;
    Ok(failing)
}

/// Which numbers fail: as many as wanted, evenly among the others.
fn spread(settings: &Settings) -> impl Fn(usize) -> bool {
    let (accounts, failing) = (settings.accounts, settings.failing);
    move |number| (number + 1) * failing / accounts > number * failing / accounts
}

fn plan_all(stage: &Stage, settings: &Settings, rng: &mut ChaCha8Rng) -> Result<Vec<Plan>, Error> {
    let series = series::list(stage)?;
    let fallen = fallen(stage);
    let nothing = || Error::Population("no prices".into());
    let mut weather = Weather::new(stage, &fallen).ok_or_else(nothing)?;
    let template = stage.world.account(&stage.account("carol").account).0;
    let fails = spread(settings);
    let mut plans = vec![];
    for number in 0..settings.accounts {
        let mut tries = 0;
        let plan = loop {
            let legs = book(stage, &series, fails(number), rng);
            let tier = match fails(number) || rng.random_bool(0.9) {
                true => Tier::Portfolio,
                false => Tier::Standard,
            };
            let cover = match fails(number) {
                true => rng.random_range(FAILING_COVER),
                false => rng.random_range(OTHER_COVER),
            };
            let aim = Aim {
                tier,
                is_failing: fails(number),
                cover,
            };
            match deposit(&template, &legs, &mut weather, &aim)? {
                Some(deposit) => {
                    let coins = !fails(number) && rng.random_bool(0.1);
                    let coins = u64::from(coins) * rng.random_range(1..50) * SOL;
                    break Plan {
                        legs,
                        tier,
                        deposit,
                        coins,
                    };
                }
                None if tries < TRIES => tries += 1,
                None => return Err(Error::Population(format!("no book for account {number}"))),
            }
        };
        plans.push(plan);
    }
    Ok(plans)
}

/// A random book; one that is to fail is long, in perpetuals and short puts.
fn book(stage: &Stage, series: &[Series], is_failing: bool, rng: &mut ChaCha8Rng) -> Vec<TradeLeg> {
    let range = if is_failing {
        FAILING_NOTIONAL
    } else {
        OTHER_NOTIONAL
    };
    let notional = rng.random_range(range);
    let count = rng.random_range(1..=MOST_POSITIONS);
    let mut chosen: Vec<Series> = series.choose_multiple(rng, count).copied().collect();
    if is_failing {
        // what falls is in every one of these books
        let long = series
            .iter()
            .filter(|s| s.instrument == Instrument::Perpetual);
        let long: Vec<Series> = long.copied().collect();
        chosen.truncate(MOST_POSITIONS / 2);
        chosen.retain(|s| s.instrument != Instrument::Perpetual);
        chosen.insert(0, *long.choose(rng).expect("three perpetuals"));
    }
    let markets = stage.markets();
    let legs = chosen.iter().enumerate().filter_map(|(place, series)| {
        let market = markets.get(series.market)?;
        let spot = *START_PRICES.get(series.market)?;
        // the first leg is the largest
        let dollars = notional / (1 + place as u64);
        let size = u128::from(dollars) * 100_000_000 * 1_000_000 / u128::from(spot) / 1_000 * 1_000;
        let size = i64::try_from(size).ok()?.max(1_000);
        let is_long = match (is_failing, series.instrument) {
            (false, _) => rng.random_bool(0.5),
            (true, Instrument::Put) => rng.random_bool(0.2),
            (true, Instrument::Call) => rng.random_bool(0.5),
            (true, _) => true,
        };
        Some(series.leg(market, if is_long { size } else { -size }))
    });
    legs.collect()
}

/// What a deposit is to bring about.
struct Aim {
    tier: Tier,
    is_failing: bool,
    /// Equity over the maintenance requirement at the bottom, per cent.
    cover: i64,
}

/// What the owner of a book must deposit, native units of USDC, so that it is covered so far at the bottom; none if no deposit does
/// that and opens it as well.
fn deposit(
    template: &MarginAccount,
    legs: &[TradeLeg],
    weather: &mut Weather<'_>,
    aim: &Aim,
) -> Result<Option<u64>, Error> {
    let mut header = *template;
    header.tier = aim.tier as u8;
    header.collateral = bytemuck::Zeroable::zeroed();
    let (mut positions, cash): (Vec<_>, Vec<_>) = legs.iter().map(series::position_of).unzip();
    positions.sort_by_key(|p| (p.market, p.expiry, p.strike, p.instrument));
    header.cash = cash.iter().sum();
    let now = weather.before.report(&header, &positions)?.margin;
    let initial = now.equity.raw() - now.initial_health.raw();
    let to_open = (initial * OPENING_COVER / 100).max(2 * MINIMUM_EQUITY) - now.equity.raw();
    let to_open = to_open.max(LEAST_CASH - header.cash);
    let covering = |reader: &mut Reader<'_>| -> Result<(i64, i64), Error> {
        let then = reader.report(&header, &positions)?.margin;
        let required = then.equity.raw() - then.maintenance_health.raw();
        Ok((required, required * aim.cover / 100 - then.equity.raw()))
    };
    let (maintenance, at_bottom) = covering(&mut weather.bottom)?;
    if aim.is_failing {
        let is_possible = at_bottom >= to_open && maintenance >= 4 * MINIMUM_EQUITY;
        return Ok(u64::try_from(at_bottom).ok().filter(|_| is_possible));
    }
    let mut most = at_bottom.max(to_open);
    for reader in &mut weather.falling {
        most = most.max(covering(reader)?.1);
    }
    Ok(Some(
        u64::try_from(most)
            .unwrap_or(0)
            .max(2 * MINIMUM_EQUITY as u64),
    ))
}

impl Stage {
    /// The other side of many trades.
    fn open_maker(&mut self, name: &str) -> Trader {
        let user = self.open_purse(name, PURSE);
        let trader = self.world.open(&user, crate::stage::WIDE);
        let bank = self.world.usdc;
        self.world.deposit(&trader, &bank, PURSE / 2).ok();
        trader
    }

    /// A wallet with quote tokens, and with SOL for collateral.
    fn open_purse(&mut self, name: &str, amount: u64) -> User {
        let user = self.world.user(name);
        let (usdc, sol) = (self.world.usdc, self.world.sol_bank);
        self.world.fund(&user, &usdc, amount);
        self.world.fund(&user, &sol, 1_000_000 * SOL);
        self.world
            .svm
            .airdrop(&user.key, 10_000 * SOL)
            .expect("an airdrop");
        user
    }

    /// Opens, funds and trades one account in one transaction.
    fn settle_in(
        &mut self,
        owner: &User,
        sub_account: u16,
        maker: &Trader,
        plan: &Plan,
    ) -> Result<Pubkey, Error> {
        let world = &mut self.world;
        let house = world.house;
        let args = MarginAccountArgs {
            sub_account,
            capacity: MIN_CAPACITY as u16,
            tier: plan.tier as u8,
        };
        let trader = Trader {
            user: *owner,
            house,
            account: seeds::margin_account(&house, &owner.key, sub_account),
            sub_account,
        };
        let (usdc, sol) = (world.usdc, world.sol_bank);
        let scope = Scope::default().with_legs(&plan.legs);
        let theirs = world.scope(&maker.account).with_legs(&plan.legs);
        let mut metas = writable_markets(world.leg_metas(&house, &plan.legs));
        metas.extend(world.metas(&house, &scope));
        metas.extend(world.metas(&house, &theirs));
        let mut list = vec![
            instructions::open_margin_account(&owner.key, &house, args),
            world.deposit_ix(&trader, &usdc, plan.deposit),
            instructions::trade(&trader, maker, plan.legs.clone(), metas),
        ];
        if plan.coins > 0 {
            list.push(world.deposit_ix(&trader, &sol, plan.coins));
        }
        let outcome = world.send_wide(&list, &[*owner, maker.user]);
        match outcome.error {
            None => Ok(trader.account),
            Some(error) => Err(Error::Population(format!(
                "{error}: {}",
                outcome.logs.join("; ")
            ))),
        }
    }
}

/// Holds every account against what it was made for: healthy now; at the bottom, those that fail below maintenance and solvent, the
/// others well above it, also on the way down.
fn verify(stage: &Stage, accounts: &[Pubkey], failing: &[Pubkey]) -> Result<(), Error> {
    let fallen = fallen(stage);
    let nothing = || Error::Population("no prices".into());
    let mut weather = Weather::new(stage, &fallen).ok_or_else(nothing)?;
    for account in accounts {
        let (header, positions) = stage.world.account(account);
        let now = weather.before.report(&header, &positions)?.margin;
        let then = weather.bottom.report(&header, &positions)?.margin;
        let is_right = match failing.binary_search(account) {
            Ok(_) => then.equity.raw() > 0 && then.maintenance_health.raw() < 0,
            Err(_) => {
                let falling = weather.falling.iter_mut();
                let reports = falling.map(|reader| reader.report(&header, &positions));
                let mut margins = vec![then];
                for report in reports {
                    margins.push(report?.margin);
                }
                margins.iter().all(is_comfortable)
            }
        };
        if now.initial_health.raw() < 0 || !is_right {
            return Err(Error::Population(format!(
                "{account} has an initial health of {} now, and an equity of {} and a maintenance health of {} at the bottom",
                now.initial_health.raw(),
                then.equity.raw(),
                then.maintenance_health.raw()
            )));
        }
    }
    Ok(())
}

/// Whether equity covers the maintenance requirement by a fifth.
fn is_comfortable(margin: &MarginReport) -> bool {
    let (equity, health) = (margin.equity.raw(), margin.maintenance_health.raw());
    health > 0 && equity >= (equity - health) / 100 * COMFORT
}
