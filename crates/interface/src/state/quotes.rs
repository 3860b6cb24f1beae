//! Layout of an account's quote nonces: what makes a signed quote single use.

#[cfg(feature = "anchor")]
use anchor_lang::prelude::*;

#[cfg(not(feature = "anchor"))]
use crate::Pubkey;

/// Nonces that can be open at once.
pub const QUOTE_SLOTS: usize = 128;

/// One slot: a nonce `n` lives in slot `n mod 128` with generation `n div 128`. A higher generation replaces a lower one for
/// good.
#[cfg_attr(feature = "anchor", zero_copy)]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct QuoteSlot {
    /// The generation in use.
    pub generation: u64,
    /// Lots filled of it; all ones: cancelled.
    pub filled: u64,
}

/// The nonces of one margin account; PDA `[quotes, margin account]`. It is never closed, so that no signed quote is good
/// twice.
#[cfg_attr(feature = "anchor", account(zero_copy))]
#[cfg_attr(
    not(feature = "anchor"),
    derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)
)]
#[derive(Debug)]
#[repr(C)]
pub struct QuoteNonces {
    /// Layout version.
    pub version: u8,
    /// Bump of this account's address.
    pub bump: u8,
    /// Zero.
    pub padding: [u8; 6],
    /// The margin account.
    pub margin_account: Pubkey,
    /// The slots.
    pub slots: [QuoteSlot; QUOTE_SLOTS],
    /// Nonces below this are void: cancels everything older at once.
    pub least_nonce: u64,
    /// Which quotes the nonces are of: a quote names it. The slot at which it began, so that no other cluster has the same.
    pub session: u64,
    /// Raised by every change.
    pub sequence: u64,
    /// Zero.
    pub reserved: [u64; 2],
}

/// [`QuoteSlot::filled`] of a cancelled nonce.
const CANCELLED: u64 = u64::MAX;

impl QuoteNonces {
    /// Lots filled of a nonce; `None` where it is void: filled to the last lot that there can be, cancelled, replaced by a
    /// higher one of its slot, or below the least.
    pub fn filled(&self, nonce: u64) -> Option<u64> {
        let (place, generation) = place_of(nonce);
        let slot = self.slots.get(place)?;
        if nonce < self.least_nonce || slot.generation > generation {
            return None;
        }
        match slot.generation == generation {
            true => Some(slot.filled).filter(|filled| *filled != CANCELLED),
            false => Some(0),
        }
    }

    /// Notes lots of a nonce that [`QuoteNonces::filled`] has shown to be good; lower ones of its slot are void from then on.
    pub fn set_filled(&mut self, nonce: u64, filled: u64) {
        let (place, generation) = place_of(nonce);
        if let Some(slot) = self.slots.get_mut(place) {
            *slot = QuoteSlot { generation, filled };
        }
    }

    /// Makes a nonce void; returns whether it was good.
    pub fn cancel(&mut self, nonce: u64) -> bool {
        let was_good = self.filled(nonce).is_some();
        if was_good {
            self.set_filled(nonce, CANCELLED);
        }
        was_good
    }

    /// Makes every nonce below `nonce` void; returns whether that changed anything.
    pub fn cancel_below(&mut self, nonce: u64) -> bool {
        let is_higher = nonce > self.least_nonce;
        self.least_nonce = self.least_nonce.max(nonce);
        is_higher
    }

    /// Begins a session at a slot of the cluster: every quote of the one before is void, every nonce is free.
    ///
    /// Returns false, and changes nothing, when sessions have run out.
    pub fn begin_session(&mut self, slot: u64) -> bool {
        let Some(next) = self.session.checked_add(1) else {
            return false;
        };
        self.session = next.max(slot);
        self.slots = [QuoteSlot::default(); QUOTE_SLOTS];
        self.least_nonce = 0;
        true
    }
}

/// Slot and generation of a nonce.
const fn place_of(nonce: u64) -> (usize, u64) {
    const SLOTS: u64 = QUOTE_SLOTS as u64;
    ((nonce % SLOTS) as usize, nonce / SLOTS)
}

impl crate::AccountLayout for QuoteNonces {
    const ACCOUNT_DISCRIMINATOR: [u8; 8] = [198, 68, 96, 88, 83, 23, 87, 235];
}

const _: () = assert!(core::mem::size_of::<QuoteNonces>() == 2_128);

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;

    #[test]
    fn a_nonce_is_good_until_it_is_cancelled_replaced_or_below_the_least() {
        let mut nonces = QuoteNonces::zeroed();
        assert_eq!(nonces.filled(5), Some(0));
        nonces.set_filled(5, 3);
        assert_eq!(nonces.filled(5), Some(3));
        assert_eq!(nonces.filled(5 + 128), Some(0)); // looking changes nothing
        nonces.set_filled(5 + 2 * 128, 1);
        assert_eq!((nonces.filled(5), nonces.filled(5 + 128)), (None, None));
        assert_eq!(nonces.filled(5 + 2 * 128), Some(1));
        assert!(nonces.cancel(5 + 2 * 128));
        assert!(!nonces.cancel(5 + 2 * 128));
        assert!(!nonces.cancel(5)); // void already, and the higher one stays
        assert_eq!(nonces.filled(5 + 2 * 128), None);
        assert_eq!(nonces.filled(5 + 3 * 128), Some(0));
        assert!(nonces.cancel_below(7));
        assert!(!nonces.cancel_below(7) && !nonces.cancel_below(6));
        assert_eq!((nonces.filled(6), nonces.filled(7)), (None, Some(0)));
        assert_eq!(nonces.filled(u64::MAX), Some(0));
        assert!(nonces.cancel_below(u64::MAX));
        assert_eq!(nonces.filled(u64::MAX - 1), None);
    }

    #[test]
    fn a_session_never_comes_back() {
        let mut nonces = QuoteNonces::zeroed();
        assert!(nonces.begin_session(1_000));
        nonces.cancel_below(u64::MAX);
        assert!(nonces.cancel(u64::MAX));
        assert!(nonces.begin_session(1_000)); // twice in one slot
        assert_eq!((nonces.session, nonces.filled(u64::MAX)), (1_001, Some(0)));
        assert_eq!(nonces.filled(0), Some(0));
        nonces.session = u64::MAX;
        assert!(!nonces.begin_session(2_000));
    }
}
