//! Quotes: a maker signs off chain, a taker verifies and fills.
//!
//! The bytes that are signed are those of `portfolio_margin_interface::quote`. A signed quote travels as JSON or as it is; whoever
//! receives one verifies it against both accounts before paying for a transaction.

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use portfolio_margin_interface::args::MAX_LEGS;
use portfolio_margin_interface::quote::{QuoteMessage, QUOTE_TAG};
use portfolio_margin_interface::state::margin_account::SCOPE_TRADE;
use portfolio_margin_interface::state::{MarginAccount, QuoteNonces};
use portfolio_margin_interface::{seeds, Pubkey, ID};
use serde::{Deserialize, Serialize};
use solana_instruction::Instruction;
use solana_signature::Signature;

use crate::build::Side;
use crate::error::{ClientError, Result};
use crate::message::AnySigner;

/// The runtime's Ed25519 verifier.
pub const ED25519: Pubkey = Pubkey::from_str_const("Ed25519SigVerify111111111111111111111111111");
pub use client_core::directory::INSTRUCTIONS;

/// Where key, signature and message stand in the Ed25519 instruction: after a count, padding and seven offsets.
const KEY_AT: u16 = 16;
const SIGNATURE_AT: u16 = KEY_AT + 32;
const MESSAGE_AT: u16 = SIGNATURE_AT + 64;

/// What a maker offers, without what the client fills in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The only margin account that may take; `None`: any.
    pub taker: Option<Pubkey>,
    /// Number of the quote; quotes of one number share one count of filled lots.
    pub nonce: u64,
    /// Unix time from which the quote is void.
    pub expires: i64,
    /// Most lots over all fills.
    pub most_lots: u64,
    /// Least lots of a fill.
    pub least_lots: u64,
    /// One lot, as its taker sees it.
    pub legs: Vec<portfolio_margin_interface::args::TradeLeg>,
}

/// A quote with its signature. As JSON: `{"message": base64, "key": base58, "signature": base58}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Text", into = "Text")]
pub struct SignedQuote {
    /// The signed bytes.
    pub message: Vec<u8>,
    /// Who signed: the maker's owner or delegate.
    pub key: Pubkey,
    /// Its signature of the bytes.
    pub signature: Signature,
}

#[derive(Serialize, Deserialize)]
struct Text {
    message: String,
    key: String,
    signature: String,
}

impl From<SignedQuote> for Text {
    fn from(quote: SignedQuote) -> Self {
        Self {
            message: STANDARD.encode(&quote.message),
            key: quote.key.to_string(),
            signature: quote.signature.to_string(),
        }
    }
}

impl TryFrom<Text> for SignedQuote {
    type Error = String;

    fn try_from(text: Text) -> Result<Self, String> {
        let message = STANDARD.decode(text.message);
        let signature = text.signature.parse();
        Ok(Self {
            message: message.map_err(|why| format!("message: {why}"))?,
            key: crate::decode::key_of(&text.key)?,
            signature: signature.map_err(|why| format!("signature: {why}"))?,
        })
    }
}

/// Signs an offer of a margin account. `nonces` are the account's, open before the first quote: the session is in them.
///
/// Errors: [`ClientError::Invalid`] for an offer that nobody could fill, [`ClientError::Signature`].
pub fn sign(
    signer: &AnySigner,
    maker: &Pubkey,
    house: &Pubkey,
    nonces: &QuoteNonces,
    offer: &Offer,
) -> Result<SignedQuote> {
    let is_sized = offer.most_lots > 0 && offer.least_lots <= offer.most_lots;
    if offer.legs.is_empty() || offer.legs.len() > MAX_LEGS || !is_sized {
        let what = format!(
            "a quote needs 1 to {MAX_LEGS} legs, and lots with the least no more than the most"
        );
        return Err(ClientError::Invalid(what));
    }
    require_of(nonces, maker)?;
    if nonces.filled(offer.nonce).is_none() {
        let what = format!("quote number {} is used or cancelled", offer.nonce);
        return Err(ClientError::Invalid(what));
    }
    let message = QuoteMessage {
        tag: QUOTE_TAG,
        program: ID,
        clearinghouse: *house,
        maker: *maker,
        taker: offer.taker.unwrap_or_default(),
        session: nonces.session,
        nonce: offer.nonce,
        expires: offer.expires,
        most_lots: offer.most_lots,
        least_lots: offer.least_lots,
        legs: offer.legs.clone(),
    };
    let message = message.encode();
    let signature = signer.try_sign_message(&message);
    let key = signer.pubkey();
    Ok(SignedQuote {
        signature: signature.map_err(|error| ClientError::Signature {
            key,
            why: error.to_string(),
        })?,
        message,
        key,
    })
}

impl SignedQuote {
    /// Checks what can be checked before a fill: the signature, the program and house, both accounts, the signer's right, the expiry.
    /// Whether it is of this cluster, and what is filled or cancelled, the maker's nonces tell: see [`lots_left`].
    ///
    /// Errors: [`ClientError::Invalid`] with what is wrong.
    pub fn verify(
        &self,
        house: &Pubkey,
        maker: &Side<'_>,
        taker: &Side<'_>,
        now: i64,
    ) -> Result<QuoteMessage> {
        let wrong = |what: String| ClientError::Invalid(format!("the quote {what}"));
        let message = QuoteMessage::decode(&self.message);
        let message = message.ok_or_else(|| wrong("is none of this version".into()))?;
        if !self.signature.verify(self.key.as_ref(), &self.message) {
            return Err(wrong(format!("is not signed by {}", self.key)));
        }
        if message.program != ID || message.clearinghouse != *house {
            return Err(wrong(format!("is of house {}", message.clearinghouse)));
        }
        if message.maker != maker.key {
            return Err(wrong(format!("is of maker {}", message.maker)));
        }
        if message.taker != Pubkey::default() && message.taker != taker.key {
            return Err(wrong(format!("is for {} alone", message.taker)));
        }
        if message.maker == taker.key {
            return Err(wrong("is the taker's own".into()));
        }
        if !may_quote(&maker.account.header, &self.key, now) {
            return Err(wrong(format!("is signed by {}, who may not", self.key)));
        }
        match message.expires > now {
            true => Ok(message),
            false => Err(wrong(format!(
                "expired at {}, now is {now}",
                message.expires
            ))),
        }
    }

    /// The instruction that has the runtime verify the signature; it stands in the same transaction as the fill.
    pub fn proof(&self) -> Instruction {
        // a message beyond a packet does not fit either: the transaction is refused as too large
        let length = u16::try_from(self.message.len()).unwrap_or(u16::MAX);
        let itself = u16::MAX;
        let mut data = vec![1, 0];
        for number in [
            SIGNATURE_AT,
            itself,
            KEY_AT,
            itself,
            MESSAGE_AT,
            length,
            itself,
        ] {
            data.extend_from_slice(&number.to_le_bytes());
        }
        data.extend_from_slice(self.key.as_ref());
        data.extend_from_slice(self.signature.as_ref());
        data.extend_from_slice(&self.message);
        Instruction {
            program_id: ED25519,
            accounts: vec![],
            data,
        }
    }
}

/// Lots that are left of a quote by its maker's nonces, as read from the chain.
///
/// Errors: [`ClientError::Invalid`] for nonces of another account, a quote of another session (of another cluster, or cancelled with
/// all others), one that is cancelled or replaced, and one of which nothing is left.
pub fn lots_left(message: &QuoteMessage, nonces: &QuoteNonces) -> Result<u64> {
    require_of(nonces, &message.maker)?;
    let wrong = |what: String| ClientError::Invalid(format!("the quote {what}"));
    if message.session != nonces.session {
        let (found, open) = (message.session, nonces.session);
        return Err(wrong(format!("is of session {found}, now is {open}")));
    }
    let number = message.nonce;
    let filled = nonces.filled(number);
    let filled = filled.ok_or_else(|| wrong(format!("{number} is cancelled or replaced")))?;
    match message.most_lots.saturating_sub(filled) {
        0 => Err(wrong(format!("{number} is filled"))),
        left => Ok(left),
    }
}

fn require_of(nonces: &QuoteNonces, maker: &Pubkey) -> Result<()> {
    match nonces.margin_account == *maker {
        true => Ok(()),
        false => Err(ClientError::Invalid(format!(
            "the nonces are those of {}, not of {maker}",
            nonces.margin_account
        ))),
    }
}

/// Whether a key may sign quotes of an account: its owner, or its delegate with that right until the delegation ends.
fn may_quote(header: &MarginAccount, key: &Pubkey, now: i64) -> bool {
    let is_delegate = header.delegate == *key && *key != Pubkey::default();
    let is_in_time = now < header.delegate_expires;
    let has_right = header.delegate_scope & SCOPE_TRADE != 0;
    header.owner == *key || (is_delegate && is_in_time && has_right)
}

/// Address of an account's quote nonces.
pub fn nonces_of(account: &Pubkey) -> Pubkey {
    seeds::quotes(account)
}

#[cfg(test)]
mod tests {
    use super::*;
    use client_core::AccountData;
    use portfolio_margin_interface::args::TradeLeg;
    use portfolio_margin_interface::state::quotes::{QuoteSlot, QUOTE_SLOTS};
    use portfolio_margin_interface::AccountLayout;
    use solana_keypair::Keypair;
    use solana_signer::Signer;

    const NOW: i64 = 1_800_000_000;

    fn account(owner: Pubkey) -> AccountData {
        let mut bytes = MarginAccount::ACCOUNT_DISCRIMINATOR.to_vec();
        bytes.resize(MarginAccount::ACCOUNT_LEN, 0);
        let mut account = AccountData::read(&bytes).unwrap();
        account.header.owner = owner;
        account
    }

    fn nonces(account: Pubkey) -> QuoteNonces {
        QuoteNonces {
            version: 1,
            bump: 255,
            padding: [0; 6],
            margin_account: account,
            slots: [QuoteSlot::default(); QUOTE_SLOTS],
            least_nonce: 0,
            session: 77,
            sequence: 0,
            reserved: [0; 2],
        }
    }

    fn offer(legs: usize) -> Offer {
        let leg = TradeLeg {
            market: 0,
            instrument: 0,
            expiry: 0,
            strike: 0,
            quantity: 1_000_000,
            price: 1,
        };
        Offer {
            taker: None,
            nonce: 5,
            expires: NOW + 10,
            most_lots: 8,
            least_lots: 1,
            legs: vec![leg; legs],
        }
    }

    struct Scene {
        key: Keypair,
        house: Pubkey,
        maker: Pubkey,
        taker: Pubkey,
        account: AccountData,
    }

    fn scene() -> Scene {
        let key = Keypair::new_from_array([7; 32]);
        Scene {
            house: seeds::clearinghouse(1),
            maker: Pubkey::from([1; 32]),
            taker: Pubkey::from([2; 32]),
            account: account(key.pubkey()),
            key,
        }
    }

    impl Scene {
        fn signed(&self, offer: &Offer) -> SignedQuote {
            let nonces = nonces(self.maker);
            sign(&self.key, &self.maker, &self.house, &nonces, offer).unwrap()
        }

        fn verify(
            &self,
            quote: &SignedQuote,
            [house, maker, taker]: [Pubkey; 3],
            now: i64,
        ) -> bool {
            let side = |key| Side {
                key,
                account: &self.account,
            };
            let verified = quote.verify(&house, &side(maker), &side(taker), now);
            verified.is_ok()
        }
    }

    #[test]
    fn a_quote_verifies_for_whom_it_is_meant_until_it_expires_and_for_nobody_else() {
        let scene = scene();
        let (house, maker, taker) = (scene.house, scene.maker, scene.taker);
        let quote = scene.signed(&offer(2));
        assert!(scene.verify(&quote, [house, maker, taker], NOW + 9));
        assert!(!scene.verify(&quote, [house, maker, taker], NOW + 10));
        for wrong in [
            [seeds::clearinghouse(2), maker, taker],
            [house, taker, maker],
            [house, maker, maker],
        ] {
            assert!(!scene.verify(&quote, wrong, NOW), "{wrong:?}");
        }
        let named = Offer {
            taker: Some(maker),
            ..offer(2)
        };
        assert!(!scene.verify(&scene.signed(&named), [house, maker, taker], NOW));
        let other = Scene {
            account: account(taker),
            ..scene
        };
        assert!(
            !other.verify(&quote, [house, maker, taker], NOW),
            "not its owner"
        );
    }

    #[test]
    fn a_delegate_signs_with_that_right_until_it_ends_and_nobody_for_none() {
        let mut scene = scene();
        let parties = [scene.house, scene.maker, scene.taker];
        let quote = scene.signed(&offer(1));
        let delegate = scene.key.pubkey();
        for (key, scope, expires, is_good) in [
            (delegate, SCOPE_TRADE, NOW + 1, true),
            (delegate, SCOPE_TRADE, NOW, false),
            (delegate, !SCOPE_TRADE, NOW + 1, false),
            (scene.taker, SCOPE_TRADE, NOW + 1, false),
        ] {
            let header = &mut scene.account.header;
            header.owner = Pubkey::from([3; 32]);
            (header.delegate, header.delegate_scope) = (key, scope);
            header.delegate_expires = expires;
            let verified = scene.verify(&quote, parties, NOW);
            assert_eq!(verified, is_good, "{key} {scope} {expires}");
        }
        // no delegate is no key
        let header = &scene.account.header;
        let nobody = MarginAccount {
            delegate: Pubkey::default(),
            delegate_scope: SCOPE_TRADE,
            ..*header
        };
        assert!(!may_quote(&nobody, &Pubkey::default(), NOW));
    }

    #[test]
    fn no_byte_of_a_quote_can_be_changed() {
        let scene = scene();
        let parties = [scene.house, scene.maker, scene.taker];
        let quote = scene.signed(&offer(2));
        for at in 0..quote.message.len() {
            let mut changed = quote.clone();
            changed.message[at] ^= 1;
            assert!(!scene.verify(&changed, parties, NOW), "byte {at}");
        }
        for at in 0..64 {
            let mut bytes: [u8; 64] = quote.signature.into();
            bytes[at] ^= 1;
            let changed = SignedQuote {
                signature: bytes.into(),
                ..quote.clone()
            };
            assert!(!scene.verify(&changed, parties, NOW), "byte {at}");
        }
        for length in [0, 188, quote.message.len() - 1] {
            let mut cut = quote.clone();
            cut.message.truncate(length);
            assert!(!scene.verify(&cut, parties, NOW), "{length} bytes");
        }
    }

    #[test]
    fn nonces_tell_another_session_and_what_is_cancelled_or_filled() {
        let scene = scene();
        let message = QuoteMessage::decode(&scene.signed(&offer(1)).message).unwrap();
        let mut open = nonces(scene.maker);
        assert_eq!(lots_left(&message, &open).unwrap(), 8);
        open.set_filled(5, 7);
        assert_eq!(lots_left(&message, &open).unwrap(), 1);
        open.set_filled(5, 8);
        assert!(lots_left(&message, &open).is_err(), "filled");
        let mut cancelled = nonces(scene.maker);
        cancelled.cancel(5);
        let mut below = nonces(scene.maker);
        below.cancel_below(6);
        let mut elsewhere = nonces(scene.maker);
        elsewhere.session = 78;
        for wrong in [cancelled, below, elsewhere, nonces(scene.taker)] {
            assert!(lots_left(&message, &wrong).is_err());
        }
    }

    #[test]
    fn what_nobody_could_fill_is_not_signed() {
        let scene = scene();
        let sign = |nonces: &QuoteNonces, offer: &Offer| {
            sign(&scene.key, &scene.maker, &scene.house, nonces, offer)
        };
        let open = nonces(scene.maker);
        assert!(sign(&open, &offer(MAX_LEGS)).is_ok());
        for legs in [0, MAX_LEGS + 1] {
            assert!(sign(&open, &offer(legs)).is_err(), "{legs} legs");
        }
        let [nothing, more] = [(0, 0), (8, 9)].map(|(most_lots, least_lots)| Offer {
            most_lots,
            least_lots,
            ..offer(1)
        });
        assert!(sign(&open, &nothing).is_err() && sign(&open, &more).is_err());
        assert!(
            sign(&nonces(scene.taker), &offer(1)).is_err(),
            "of another account"
        );
        let mut cancelled = open;
        cancelled.cancel(5);
        assert!(sign(&cancelled, &offer(1)).is_err());
    }
}
