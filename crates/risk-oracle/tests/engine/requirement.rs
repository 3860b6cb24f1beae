//! 100,000 random accounts: the requirement is never below the exact one, nor above it by more than stated.

use crate::compare::{compare, Compared};
use crate::draw::Drawn;
use crate::random::Random;

const ACCOUNTS: u64 = 100_000;
const SEED: u64 = 301;
const KINDS: [&str; 2] = ["maintenance", "initial"];

/// One requirement of one account.
#[derive(Clone, Copy, Debug)]
struct Error {
    account: u64,
    /// Engine less exact, 1e-6 USD; negative is unsafe.
    over: f64,
    /// Gross notional as the engine bounds it, 1e-6 USD, at least a unit.
    gross: f64,
    /// Of what is allowed.
    share: f64,
}

#[derive(Default)]
struct Tally {
    refused: u64,
    legs: u64,
    prices: u64,
    errors: [Vec<Error>; 2],
    /// Exact health less the engine's where it is negative.
    health_over: Vec<(u64, f64)>,
}

impl Error {
    fn relative(&self) -> f64 {
        self.over / self.gross
    }
}

impl Tally {
    fn run(first: u64, step: u64) -> Self {
        let mut tally = Self::default();
        for account in (first..).step_by(step as usize) {
            if tally.errors[0].len() as u64 >= ACCOUNTS.div_ceil(step) {
                break;
            }
            let drawn = Drawn::any(&mut Random::of(SEED, account));
            match compare(&drawn) {
                None => tally.refused += 1,
                Some(compared) => tally.see(account, &drawn, &compared),
            }
        }
        tally
    }

    fn see(&mut self, account: u64, drawn: &Drawn, compared: &Compared) {
        for book in &drawn.books {
            self.legs += book.positions.len() as u64;
            self.prices += (book.positions.len() * book.scenarios.len()) as u64;
        }
        let gross = (compared.report.gross_notional.raw() as f64).max(1.0);
        for (kind, errors) in self.errors.iter_mut().enumerate() {
            let over = compared.over[kind];
            errors.push(Error {
                account,
                over,
                gross,
                share: over / compared.most[kind],
            });
            if compared.health_under[kind] < 0.0 {
                self.health_over
                    .push((account, compared.health_under[kind]));
            }
        }
    }

    fn merge(mut self, other: Self) -> Self {
        self.refused += other.refused;
        self.legs += other.legs;
        self.prices += other.prices;
        for (errors, others) in self.errors.iter_mut().zip(other.errors) {
            errors.extend(others);
        }
        self.health_over.extend(other.health_over);
        self
    }
}

/// Prints the distribution of one requirement's error; returns its least and the largest share of what is allowed.
fn report(name: &str, errors: &[Error]) -> (Error, Error) {
    // below a dollar the rounding of charges to units is all there is
    let sized = errors.iter().filter(|error| error.gross >= 1e6);
    let mut relative: Vec<f64> = sized.map(Error::relative).collect();
    relative.sort_by(f64::total_cmp);
    let at = |share: f64| relative[((relative.len() - 1) as f64 * share) as usize];
    println!(
        "{name}: error / gross notional: least {:.1e}, 1 % {:.1e}, median {:.1e}, 90 % {:.1e}, 99 % {:.1e}, largest {:.1e}",
        at(0.0), at(0.01), at(0.5), at(0.9), at(0.99), at(1.0)
    );
    let by = |key: fn(&Error) -> f64| {
        let order = |a: &&Error, b: &&Error| key(a).total_cmp(&key(b));
        let [least, most] = [errors.iter().min_by(order), errors.iter().max_by(order)];
        (*least.unwrap(), *most.unwrap())
    };
    let (least, most) = by(|error| error.over);
    println!(
        "{name}: worst unsafe error {:.6} USD; worst over-margining {:.2} USD ({:.1e} of gross, account {})",
        (-least.over).max(0.0) / 1e6, most.over / 1e6, most.relative(), most.account
    );
    let (_, nearest) = by(|error| error.share);
    println!("{name}: nearest to the bound on over-margining {nearest:?}");
    (least, nearest)
}

#[test]
fn no_requirement_is_below_the_exact_one() {
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let tally = std::thread::scope(|scope| {
        let run = |first| scope.spawn(move || Tally::run(first, threads));
        let handles: Vec<_> = (0..threads).map(run).collect();
        let tallies = handles.into_iter().map(|handle| handle.join().unwrap());
        tallies.fold(Tally::default(), Tally::merge)
    });
    println!(
        "{} accounts, {} positions, {} scenario prices, {} refused",
        tally.errors[0].len(),
        tally.legs,
        tally.prices,
        tally.refused
    );
    let worst: Vec<_> = KINDS
        .iter()
        .zip(&tally.errors)
        .map(|(name, errors)| report(name, errors))
        .collect();
    assert!(tally.errors[0].len() as u64 >= ACCOUNTS);
    assert!(
        tally.refused < ACCOUNTS / 50,
        "most of what is drawn is priced"
    );
    for (least, nearest) in worst {
        assert!(least.over >= 0.0, "below the exact requirement: {least:?}");
        assert!(nearest.share <= 1.0, "above what is stated: {nearest:?}");
    }
    assert_eq!(tally.health_over, [], "health above the exact one");
}
