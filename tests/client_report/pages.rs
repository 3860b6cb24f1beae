//! The client's Greeks and risk matrix of an account are those of the program, byte for byte, and so are its refusals.

use anchor_lang::prelude::Pubkey;
use client_core::view::{expiry_greeks, greeks, leg_greeks, risk_matrix};
use client_core::{AccountData, Directory, Inputs, PageError};
use portfolio_margin_interface::args::GreeksPage;
use portfolio_margin_interface::errors::ErrorCode;
use portfolio_margin_interface::instructions::{ViewGreeks, ViewRiskMatrix};
use sandbox::World;
use solana_instruction::Instruction;

/// How many pages were shown and refused.
#[derive(Debug, Default)]
pub struct Pages {
    pub shown: usize,
    pub refused: usize,
    /// Of the refused: pages behind the last row, and markets that are not held.
    pub out_of_range: usize,
    /// Rows of Greeks, and matrices that lose something in a scenario.
    pub rows: usize,
    pub scans: usize,
}

/// One account with what its check reads.
pub struct Subject<'a> {
    pub key: Pubkey,
    pub account: &'a AccountData,
    pub inputs: &'a Inputs,
    pub directory: &'a Directory,
}

impl Subject<'_> {
    /// Compares all pages of the account, and of each market of the house some.
    pub fn compare(&self, world: &mut World, pages: &mut Pages) {
        let (header, positions) = (&self.account.header, &self.account.positions[..]);
        let shown = greeks(header, positions, self.inputs);
        pages.rows += shown.map_or(0, |page| page.count.into());
        let ours = shown
            .map(|page| bytemuck::bytes_of(&page).to_vec())
            .map_err(PageError::from);
        self.judge(world, &self.greeks_ix(GreeksPage::Account), ours, pages);
        for market in self.directory.markets.keys().copied() {
            for first in [0, 1, 7] {
                let page = GreeksPage::Market { market, first };
                let ours = expiry_greeks(header, positions, self.inputs, (market, first));
                let ours = ours.map(|page| bytemuck::bytes_of(&page).to_vec());
                self.judge(world, &self.greeks_ix(page), ours, pages);
                let page = GreeksPage::Legs { market, first };
                let ours = leg_greeks(header, positions, self.inputs, (market, first));
                let ours = ours.map(|page| bytemuck::bytes_of(&page).to_vec());
                self.judge(world, &self.greeks_ix(page), ours, pages);
            }
            let ours = risk_matrix(header, positions, self.inputs, market);
            pages.scans += usize::from(ours.is_ok_and(|matrix| matrix.scan < 0));
            let ours = ours.map(|matrix| bytemuck::bytes_of(&matrix).to_vec());
            self.judge(world, &self.matrix_ix(market), ours, pages);
        }
    }

    fn greeks_ix(&self, page: GreeksPage) -> Instruction {
        let named = ViewGreeks {
            clearinghouse: self.directory.house,
            margin_account: self.key,
        };
        let metas = self.directory.margin_metas(&self.account.scope());
        named.instruction(page, &[], &metas.expect("listed accounts"))
    }

    fn matrix_ix(&self, market: u16) -> Instruction {
        let named = ViewRiskMatrix {
            clearinghouse: self.directory.house,
            margin_account: self.key,
        };
        let metas = self.directory.margin_metas(&self.account.scope());
        named.instruction(market, &[], &metas.expect("listed accounts"))
    }

    fn judge(
        &self,
        world: &mut World,
        ix: &Instruction,
        ours: Result<Vec<u8>, PageError>,
        pages: &mut Pages,
    ) {
        let outcome = world.simulate(std::slice::from_ref(ix), &[]);
        if outcome.error.is_none() {
            let ours = ours.expect("what the program shows");
            let (shown, cut) = ours.split_at(outcome.return_data.len());
            assert_eq!(shown, outcome.return_data, "{}", self.key);
            assert!(cut.iter().all(|byte| *byte == 0));
            pages.shown += 1;
            return;
        }
        let code = outcome.error_code().and_then(ErrorCode::from_code);
        let code = code.unwrap_or_else(|| panic!("{:?}", outcome.logs));
        let error = ours.expect_err("what the program refuses");
        assert_eq!(error.code(), code, "{error}\n{}", outcome.logs.join("\n"));
        pages.refused += 1;
        pages.out_of_range += usize::from(code == ErrorCode::ViewOutOfRange);
    }
}
