//! Price accounts of the oracle that Pyth retired: genuine bytes, never taken for a price.

use portfolio_margin::error::MarginError;
use portfolio_margin::oracle::pyth_legacy::LEGACY_PROGRAM;
use pyth_sdk_solana::state::{
    load_price_account, AccountType, PriceStatus, PriceType, SolanaPriceAccount, MAGIC, VERSION_2,
};
use sandbox::{instructions, perpetual, User, BASE, BTC_START, START};
use solana_program_test::tokio;

use crate::transactions::pair;

/// BTC/USD as the legacy program published it: trading, fresh, 5 basis points of confidence.
fn legacy_btc(slot: u64) -> Vec<u8> {
    // Words, so that the account is aligned; zeroed, so that padding is defined.
    let mut words = vec![0u64; size_of::<SolanaPriceAccount>() / size_of::<u64>()];
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
    let length = u32::try_from(bytes.len()).expect("a few kilobytes");
    let account: &mut SolanaPriceAccount = bytemuck::from_bytes_mut(bytes);
    account.magic = MAGIC;
    account.ver = VERSION_2;
    account.atype = AccountType::Price as u32;
    account.size = length;
    account.ptype = PriceType::Price;
    account.expo = -8;
    account.num = 32;
    account.num_qt = 28;
    account.last_slot = slot;
    account.valid_slot = slot;
    account.timestamp = START;
    account.min_pub = 3;
    let price = BTC_START as i64;
    account.ema_price.val = price;
    account.ema_conf.val = price / 2_000;
    account.prev_slot = slot.saturating_sub(1);
    account.prev_price = price;
    account.prev_conf = BTC_START / 2_000;
    account.prev_timestamp = START;
    account.agg.price = price;
    account.agg.conf = BTC_START / 2_000;
    account.agg.status = PriceStatus::Trading;
    account.agg.pub_slot = slot;
    bytes.to_vec()
}

#[tokio::test]
async fn a_genuine_legacy_price_account_is_refused_by_owner_and_by_layout() {
    let (mut house, alice, bob) = pair().await;
    let leg = [perpetual(&house.btc, BASE, BTC_START)];
    let trade = house.trade_ix([&alice, &bob], &leg).await;
    house
        .bank
        .send(&[trade], &[alice.user, bob.user])
        .await
        .ok();

    let slot = house.bank.clock().await.slot;
    let data = legacy_btc(slot);
    // Pyth's own reader takes it for a current price.
    let account: &SolanaPriceAccount = load_price_account(&data).expect("a legacy price account");
    assert_eq!(account.agg.status, PriceStatus::Trading);
    assert_eq!(account.agg.price, BTC_START as i64);

    let metas = house.margin_metas(&alice.account).await;
    let withdraw = house.withdraw_ix(&alice, 1).await;
    let readers = [
        instructions::view_margin(&alice.house, &alice.account, metas.clone()),
        instructions::start_liquidation(
            &alice.house,
            &bob.user.key,
            &alice.account,
            vec![0],
            metas,
        ),
        withdraw,
    ];
    let legacy = User::named("legacy price account").key;
    for (owner, error) in [
        (LEGACY_PROGRAM, MarginError::OracleOwner),
        (pyth_solana_receiver_sdk::ID, MarginError::OracleMalformed),
    ] {
        house.bank.write(legacy, owner, data.clone()).await;
        for reader in &readers {
            let mut bent = reader.clone();
            let mut replaced = 0;
            for meta in bent
                .accounts
                .iter_mut()
                .filter(|m| m.pubkey == house.btc.price)
            {
                meta.pubkey = legacy;
                replaced += 1;
            }
            assert_eq!(replaced, 1);
            let signers: Vec<User> = [alice.user, bob.user]
                .into_iter()
                .filter(|user| {
                    bent.accounts
                        .iter()
                        .any(|m| m.is_signer && m.pubkey == user.key)
                })
                .collect();
            let outcome = house.bank.send(&[bent], &signers).await;
            let code = u32::from(error);
            assert_eq!(outcome.error_code(), Some(code), "{:?}", outcome.logs);
        }
    }
    // with the account that belongs there, the same instructions stand or fail for another reason
    let [view, start, withdraw] = readers;
    house.bank.send(&[view], &[]).await.ok();
    let healthy = house.bank.send(&[start], &[bob.user]).await;
    healthy.refused(MarginError::AccountHealthy);
    house.bank.send(&[withdraw], &[alice.user]).await.ok();
}
