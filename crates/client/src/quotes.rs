//! Quotes: a maker signs off chain, a taker verifies and fills.
//!
//! The bytes that are signed are those of `portfolio_margin_interface::quote`. A signed quote travels as JSON or as it is; whoever
//! receives one verifies it against both accounts before paying for a transaction.

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
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
/// The sysvar in which a program reads the transaction's other instructions.
pub const INSTRUCTIONS: Pubkey =
    Pubkey::from_str_const("Sysvar1nstructions1111111111111111111111111");

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
    if offer.legs.is_empty() || !is_sized {
        let what = "a quote needs legs, and lots with the least no more than the most";
        return Err(ClientError::Invalid(what.into()));
    }
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
    /// What is filled or cancelled the chain knows: see [`QuoteNonces::filled`].
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
