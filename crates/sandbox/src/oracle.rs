//! Pyth price accounts in their genuine format, every field under control.

use anchor_lang::prelude::Pubkey;
use anchor_lang::{AccountDeserialize, AccountSerialize};
use portfolio_margin::oracle::pyth_legacy::LEGACY_PROGRAM;
use portfolio_margin_interface::state::oracle::PYTH_PULL;
use pyth_sdk_solana::state::{
    AccountType, PriceStatus, PriceType, SolanaPriceAccount, MAGIC, VERSION_2,
};
use pyth_solana_receiver_sdk::price_update::{PriceFeedMessage, PriceUpdateV2};
use solana_account::Account;

pub use client_core::price_address as price_account;
pub use pyth_solana_receiver_sdk::price_update::VerificationLevel;

use crate::listing::Market;
use crate::world::World;

/// BTC/USD.
pub const BTC_FEED: [u8; 32] =
    feed(b"e62df6c8b4a85fe1a67db44dc12de5db330f7ac66b72dc658afedf0f4a415b43");
/// SOL/USD.
pub const SOL_FEED: [u8; 32] =
    feed(b"ef0d8b6fda2ceba41da15d4095d1da392a0d2f8ed0c6c7bc0f4cfac8c280b56d");

/// USDC/USD.
pub const USDC_FEED: [u8; 32] =
    feed(b"eaa020c61cc479712813461ce153894a96a6c00b21ed0cfc2798d1f9a9e9c94a");

/// Share of price that [`PriceFields::fresh`] states as confidence: 5 basis points.
const CONFIDENCE_SHARE: u64 = 2_000;

const fn feed(hex: &[u8; 64]) -> [u8; 32] {
    const fn digit(c: u8) -> u8 {
        match c {
            b'0'..=b'9' => c - b'0',
            b'a'..=b'f' => c - b'a' + 10,
            _ => panic!("feed ids are lower-case hex"),
        }
    }
    let mut bytes = [0; 32];
    let mut at = 0;
    while at < 32 {
        bytes[at] = digit(hex[2 * at]) * 16 + digit(hex[2 * at + 1]);
        at += 1;
    }
    bytes
}

/// Everything that a price account says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PriceFields {
    /// Program that owns the account.
    pub owner: Pubkey,
    /// Status of a legacy price account, 1 while it trades; `None`: an update of the pull oracle.
    pub legacy_status: Option<u8>,
    /// How much of the guardian set signed; of the pull oracle alone.
    pub verification: VerificationLevel,
    /// Pyth feed; of the pull oracle alone.
    pub feed_id: [u8; 32],
    /// Price, in units of ten to the `exponent` USD.
    pub price: i64,
    /// Half-width of the confidence interval, same unit.
    pub confidence: u64,
    /// Decimal exponent.
    pub exponent: i32,
    /// Unix time.
    pub publish_time: i64,
}

impl PriceFields {
    /// A fully verified price of the moment, 1e-8 USD, with a confidence of 5 basis points.
    pub fn fresh(feed_id: [u8; 32], price: u64, now: i64) -> Self {
        Self {
            owner: pyth_solana_receiver_sdk::ID,
            legacy_status: None,
            verification: VerificationLevel::Full,
            feed_id,
            price: i64::try_from(price).expect("a price below 9.2e10 USD"),
            confidence: price / CONFIDENCE_SHARE,
            exponent: -8,
            publish_time: now,
        }
    }

    /// The same as a legacy price account that trades.
    pub fn fresh_legacy(price: u64, now: i64) -> Self {
        Self {
            owner: LEGACY_PROGRAM,
            legacy_status: Some(PriceStatus::Trading as u8),
            ..Self::fresh([0; 32], price, now)
        }
    }

    /// The account's data in its genuine format.
    pub fn data(&self) -> Vec<u8> {
        match self.legacy_status {
            None => self.update(),
            Some(status) => self.legacy(status),
        }
    }

    /// 3,312 bytes, as the legacy program leaves them.
    fn legacy(&self, status: u8) -> Vec<u8> {
        let mut account = Box::new(SolanaPriceAccount {
            magic: MAGIC,
            ver: VERSION_2,
            atype: AccountType::Price as u32,
            size: size_of::<SolanaPriceAccount>() as u32,
            ptype: PriceType::Price,
            expo: self.exponent,
            timestamp: self.publish_time,
            prev_timestamp: self.publish_time.saturating_sub(1),
            prev_price: self.price,
            prev_conf: self.confidence,
            ..SolanaPriceAccount::default()
        });
        (account.ema_price.val, account.agg.price) = (self.price, self.price);
        account.agg.conf = self.confidence;
        let mut data = bytemuck::bytes_of(account.as_ref()).to_vec();
        // written as a byte: it may be a status that the legacy program does not know
        data[std::mem::offset_of!(SolanaPriceAccount, agg.status)] = status;
        data
    }

    /// 133 of 134 bytes in use where fully verified, as Pyth's receiver leaves them.
    fn update(&self) -> Vec<u8> {
        let update = PriceUpdateV2 {
            write_authority: Pubkey::default(),
            verification_level: self.verification,
            price_message: PriceFeedMessage {
                feed_id: self.feed_id,
                price: self.price,
                conf: self.confidence,
                exponent: self.exponent,
                publish_time: self.publish_time,
                prev_publish_time: self.publish_time.saturating_sub(1),
                ema_price: self.price,
                ema_conf: self.confidence,
            },
            posted_slot: 1,
        };
        let mut data = Vec::with_capacity(PriceUpdateV2::LEN);
        update
            .try_serialize(&mut data)
            .expect("writing to a vector");
        data.resize(PriceUpdateV2::LEN, 0);
        data
    }
}

/// The push oracle's address of a feed, shard 0: the account that the network keeps up to date.
pub fn price_address(feed_id: &[u8; 32]) -> Pubkey {
    price_account(PYTH_PULL, feed_id)
}

/// A fresh price as the account of a feed states it, by whether it is the legacy kind's.
fn fresh(account: &Pubkey, feed_id: &[u8; 32], price: u64, now: i64) -> PriceFields {
    match account.to_bytes() == *feed_id {
        true => PriceFields::fresh_legacy(price, now),
        false => PriceFields::fresh(*feed_id, price, now),
    }
}

/// Price, confidence and exponent of a price account of either kind, unchecked.
pub(crate) fn decode(data: &[u8]) -> Option<(i64, u64, i32)> {
    if data.len() == size_of::<SolanaPriceAccount>() {
        let read = |at: usize| data[at..at + 8].try_into().expect("eight bytes");
        let expo = std::mem::offset_of!(SolanaPriceAccount, expo);
        let expo = data[expo..expo + 4].try_into().expect("four bytes");
        let price = read(std::mem::offset_of!(SolanaPriceAccount, agg.price));
        let confidence = read(std::mem::offset_of!(SolanaPriceAccount, agg.conf));
        return Some((
            i64::from_le_bytes(price),
            u64::from_le_bytes(confidence),
            i32::from_le_bytes(expo),
        ));
    }
    let message = PriceUpdateV2::try_deserialize(&mut &data[..]).ok()?;
    let message = message.price_message;
    Some((message.price, message.conf, message.exponent))
}

impl World {
    /// Publishes a fresh price of a market's underlying, 1e-8 USD; banks of the same feed see it too.
    pub fn set_price(&mut self, market: &Market, price: u64) {
        let fields = fresh(&market.price, &market.feed_id, price, self.now());
        self.set_price_update(market.price, fields);
    }

    /// Publishes a fresh price of the quote asset, 1e-8 USD; checks know it once it is stored.
    pub fn set_quote_price(&mut self, price: u64) {
        let account = price_account(self.settings().rules.quote_oracle_kind, &USDC_FEED);
        let fields = fresh(&account, &USDC_FEED, price, self.now());
        self.set_price_update(account, fields);
    }

    /// Writes a price account as told, good or bad.
    pub fn set_price_update(&mut self, account: Pubkey, fields: PriceFields) {
        self.set_price_bytes(account, fields.owner, fields.data());
        self.prices.insert(account, fields);
    }

    /// Writes any bytes where a price account is expected.
    pub fn set_price_bytes(&mut self, account: Pubkey, owner: Pubkey, data: Vec<u8>) {
        let account_data = Account {
            lamports: self.svm.minimum_balance_for_rent_exemption(data.len()),
            data,
            owner,
            executable: false,
            rent_epoch: u64::MAX,
        };
        self.svm
            .set_account(account, account_data)
            .expect("writing a price account");
    }

    /// What was last written to a price account by [`World::set_price_update`].
    pub fn price(&self, account: &Pubkey) -> PriceFields {
        *self.prices.get(account).expect("a price that was set")
    }

    /// Publishes every price again, unchanged, with the time of the clock.
    pub fn refresh_prices(&mut self) {
        let now = self.now();
        for (account, fields) in self.prices.clone() {
            let fields = PriceFields {
                publish_time: now,
                ..fields
            };
            self.set_price_update(account, fields);
        }
    }
}
