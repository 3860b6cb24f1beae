//! `examples/explicit-volatility.json` computed from the published formulas in floating point, apart from the engine.

const DAY: f64 = 86_400.0;
const SPOT: f64 = 1500.0;
const RATE: f64 = 0.06;

/// What the report must say, to what floats can.
pub struct Wanted {
    pub pnl: Vec<f64>,
    pub worst: usize,
    pub mark: f64,
    pub basis: f64,
    pub scan: f64,
    pub maintenance_health: f64,
    pub initial_health: f64,
}

struct Leg {
    is_call: bool,
    strike: f64,
    quantity: f64,
    volatility: f64,
}

struct Expiry {
    days: f64,
    forward: f64,
    legs: Vec<Leg>,
}

impl Expiry {
    fn years(&self) -> f64 {
        self.days / 365.0
    }

    /// `(30 d / seconds)^p`, up or down.
    fn shocked(&self, volatility: f64, shock: &str) -> f64 {
        let seconds = (self.days * DAY).max(DAY);
        let power = if self.days <= 30.0 { 0.3 } else { 0.13 };
        let multiplier = (30.0 * DAY / seconds).powf(power);
        match shock {
            "up" => volatility * (1.0 + 0.45 * multiplier),
            "down" => volatility * (1.0 - 0.3 * multiplier).max(0.0),
            _ => volatility,
        }
    }

    /// Discounted value with the forward at a multiple.
    fn value(&self, multiple: f64, shock: &str) -> f64 {
        let discount = (-RATE * self.years()).exp();
        let value = |leg: &Leg| {
            let std_dev = self.shocked(leg.volatility, shock) * self.years().sqrt();
            leg.quantity * discount * black76(leg, self.forward * multiple, std_dev)
        };
        self.legs.iter().map(value).sum()
    }

    /// With the static discounts: 0.95 and 1.05, each with the rate and 0.12.
    fn counted(&self, multiple: f64, shock: &str) -> f64 {
        let value = self.value(multiple, shock);
        let years = self.years();
        if value >= 0.0 {
            return value * 0.95 * (-years * (RATE + 0.12)).exp();
        }
        let short = 1.05 / (-years * (RATE + 0.12)).exp();
        value * short.min((RATE * years).exp())
    }
}

fn black76(leg: &Leg, forward: f64, std_dev: f64) -> f64 {
    let d1 = (forward / leg.strike).ln() / std_dev + std_dev / 2.0;
    let call = forward * normal(d1) - leg.strike * normal(d1 - std_dev);
    if leg.is_call {
        return call;
    }
    call - forward + leg.strike
}

/// N(x) by the series of its integral: N(x) = 1/2 + n(x) (x + x^3/3 + x^5/15 + ...); to 1e-15 for the `|x| < 8` here.
fn normal(x: f64) -> f64 {
    let density = (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let (mut term, mut sum) = (x, x);
    for odd in 1..200 {
        term *= x * x / f64::from(2 * odd + 1);
        sum += term;
    }
    0.5 + density * sum
}

fn expiries() -> [Expiry; 2] {
    let leg = |is_call, strike, quantity, volatility| Leg {
        is_call,
        strike,
        quantity,
        volatility,
    };
    [
        Expiry {
            days: 28.0,
            forward: 1503.25,
            legs: vec![
                leg(true, 1500.0, -3.0, 0.6012345678),
                leg(false, 1400.0, -3.0, 0.655),
            ],
        },
        Expiry {
            days: 60.0,
            forward: 1507.5,
            legs: vec![leg(true, 1700.0, 3.0, 0.62), leg(false, 1300.0, 2.0, 0.71)],
        },
    ]
}

pub fn explicit_volatility() -> Wanted {
    let expiries = expiries();
    let marks: Vec<f64> = expiries.iter().map(|e| e.value(1.0, "none")).collect();
    let mark: f64 = marks.iter().sum();
    let mut nodes = Vec::new();
    for spot in [0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15] {
        nodes.extend(["up", "none", "down"].map(|shock| (spot, shock, 1.0)));
    }
    nodes.extend([(0.5, "up", 0.3), (2.0, "up", 0.2)]);
    let pnl = |(spot, shock, damping): &(f64, &str, f64)| {
        let counted: f64 = expiries.iter().map(|e| e.counted(*spot, shock)).sum();
        damping * (counted - mark)
    };
    let pnl: Vec<f64> = nodes.iter().map(pnl).collect();
    let basis = expiries.iter().zip(&marks).map(|(expiry, mark)| {
        let moved = |multiple| expiry.value(multiple, "none") - mark;
        let loss = moved(1.05).min(moved(0.95)).min(0.0);
        loss * (0.25 + 0.01 * expiry.years())
    });
    let basis: f64 = basis.sum();
    let least = pnl.iter().copied().fold(0.0, f64::min);
    let scan = least.min(basis);
    // Naked shorts: three calls at 1500 and three puts at 1400, half a percent of spot in both requirements, half more initial.
    let naked = 6.0 * SPOT * 0.005;
    let equity = mark + 2000.0;
    Wanted {
        worst: pnl
            .iter()
            .position(|value| *value <= least)
            .unwrap_or(usize::MAX),
        pnl,
        mark,
        basis,
        scan,
        maintenance_health: equity + 0.8 * scan - naked,
        initial_health: equity + 1.25 * scan - 2.0 * naked,
    }
}
