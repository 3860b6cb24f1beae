//! Anchor and the interface agree on how an account is recognised, and what is none does not read. The offsets are on file in
//! crates/interface/tests/layouts.txt.

use anchor_lang::Discriminator;
use portfolio_margin_interface::state::{
    Clearinghouse, CollateralBank, MarginAccount, Market, QuoteNonces, Venue, VolBoard,
};
use portfolio_margin_interface::AccountLayout;

#[test]
fn anchor_and_the_interface_agree_on_discriminators() {
    fn check<T: AccountLayout + Discriminator>(name: &str) {
        assert_eq!(T::DISCRIMINATOR, T::ACCOUNT_DISCRIMINATOR, "{name}");
        assert_eq!(T::ACCOUNT_LEN, 8 + size_of::<T>(), "{name}");
    }
    check::<Clearinghouse>("Clearinghouse");
    check::<CollateralBank>("CollateralBank");
    check::<Market>("Market");
    check::<MarginAccount>("MarginAccount");
    check::<VolBoard>("VolBoard");
    check::<Venue>("Venue");
    check::<QuoteNonces>("QuoteNonces");
}

#[test]
fn accounts_that_are_cut_or_of_another_type_do_not_read() {
    let mut data = vec![0u64; 200];
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut data);
    bytes[..8].copy_from_slice(&MarginAccount::ACCOUNT_DISCRIMINATOR);
    let two = MarginAccount::space(2);
    assert!(MarginAccount::read_with_positions(&bytes[..two]).is_some());
    assert!(MarginAccount::read_with_positions(&bytes[..two - 1]).is_none());
    assert!(MarginAccount::read(&bytes[..MarginAccount::ACCOUNT_LEN - 1]).is_none());
    assert!(MarginAccount::read(&[]).is_none());
    assert!(Clearinghouse::read(bytes).is_none());
    // more positions than there is room for
    bytes[8 + std::mem::offset_of!(MarginAccount, position_count)] = 3;
    assert!(MarginAccount::read_with_positions(&bytes[..two]).is_none());
}
