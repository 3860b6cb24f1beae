//! The story: a stage, three books, a crash, a keeper, and the accounts at the end.

mod audit;
mod books;
pub mod cast;
mod crash;
mod keeper;
mod stage;

use std::time::Instant;

use portfolio_margin_interface::state::MarginAccount;
use risk_core::RiskError;
use sandbox::{NativeReport, Outcome, Trader, World};

use crate::render::Screen;
use crate::report::Report;

/// Something that the story claims and that was not so.
#[derive(Debug)]
pub struct Broken(pub String);

impl From<RiskError> for Broken {
    fn from(error: RiskError) -> Self {
        Broken(format!("the risk engine refused its input: {error:?}"))
    }
}

/// Fails the story unless `claim` holds.
pub fn ensure(claim: bool, otherwise: impl FnOnce() -> String) -> Result<(), Broken> {
    if claim {
        Ok(())
    } else {
        Err(Broken(otherwise()))
    }
}

/// What every part of the story works with.
pub struct Story {
    pub world: World,
    pub screen: Screen,
    /// In the order of [`cast::CAST`].
    pub traders: Vec<Trader>,
    pub report: Report,
    /// How often the engine evaluated an account natively, and how long that took in sum.
    pub evaluations: (u32, std::time::Duration),
    /// How often the program's own view was compared with the native one.
    pub compared: u32,
}

impl Story {
    /// Tells it from beginning to end.
    pub fn tell(screen: Screen) -> Result<Report, Broken> {
        let begun = Instant::now();
        let mut story = stage::set(screen)?;
        story.show_books()?;
        let opening = [story.snapshot(cast::NAKED)?, story.snapshot(cast::KEEPER)?];
        story.crash()?;
        story.audit(begun, &opening)?;
        Ok(story.report)
    }

    /// The engine's verdict on an account, from its bytes, as a keeper computes it.
    pub fn evaluate(&mut self, actor: usize) -> Result<NativeReport, Broken> {
        let begun = Instant::now();
        let report = self.world.try_report(&self.traders[actor].account)?;
        self.evaluations.0 += 1;
        self.evaluations.1 += begun.elapsed();
        Ok(report)
    }

    /// Has the program compute the same on chain and insists on the same bits (INV-11).
    pub fn compare_with_chain(&mut self, actor: usize) -> Result<(), Broken> {
        let account = self.traders[actor].account;
        let native = self.evaluate(actor)?.margin;
        let (view, _) = self.world.view_margin(&account);
        self.compared += 1;
        ensure(view.report() == native, || {
            let name = cast::CAST[actor].name;
            format!("{name}: on chain {:?}, natively {native:?}", view.report())
        })
    }

    /// Header of an actor's account.
    pub fn header(&self, actor: usize) -> MarginAccount {
        self.world.read(&self.traders[actor].account)
    }
}

/// Insists that a transaction went through.
pub fn done(outcome: Outcome, what: &str) -> Result<Outcome, Broken> {
    match &outcome.error {
        None => Ok(outcome),
        Some(error) => Err(Broken(format!(
            "{what} failed: {error:?}\n{}",
            outcome.logs.join("\n")
        ))),
    }
}

/// Insists that the program refused a transaction with the error of that name.
pub fn refused(outcome: &Outcome, name: &str) -> Result<(), Broken> {
    let named = outcome.log_contains(&format!("Error Code: {name}."));
    ensure(outcome.error.is_some() && named, || {
        format!("{name} was expected:\n{}", outcome.logs.join("\n"))
    })
}
