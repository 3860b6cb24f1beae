//! Leading zeros without a count instruction: the Solana VM has none, and the compiler's replacement costs 38
//! instructions against 24 here.

// Kernel: the table index is masked to the table's length.
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

/// A multiplier that sends the 64 numbers `2^n - 1`, n >= 1, to 64 different top six bits (a de Bruijn sequence:
/// C. Leiserson, H. Prokop, K. Randall, Using de Bruijn sequences to index a 1 in a computer word, MIT 1998).
const DE_BRUIJN: u64 = 0x03f7_9d71_b4cb_0a89;

/// `63 - n` at the place where `2^(n+1) - 1` lands.
static ZEROS: [u8; 64] = {
    let mut table = [0xff; 64];
    let mut n = 0u8;
    while n < 64 {
        let place = ((u64::MAX >> (63 - n)).wrapping_mul(DE_BRUIJN) >> 58) as usize;
        assert!(table[place] == 0xff, "two numbers share a place");
        table[place] = 63 - n;
        n += 1;
    }
    table
};

/// Number of leading zeros of `x`; 63 for 0. `x << leading_zeros(x)` has its top bit set for `x > 0`.
#[inline(always)]
pub(crate) const fn leading_zeros(x: u64) -> u32 {
    let x = x | 1;
    let x = x | x >> 1;
    let x = x | x >> 2;
    let x = x | x >> 4;
    let x = x | x >> 8;
    let x = x | x >> 16;
    let x = x | x >> 32;
    ZEROS[(x.wrapping_mul(DE_BRUIJN) >> 58 & 63) as usize] as u32
}

#[cfg(test)]
mod tests {
    use super::leading_zeros;

    #[test]
    fn counts_as_the_processor_does() {
        assert_eq!(leading_zeros(0), 63);
        for n in 0..64 {
            for x in [
                1u64 << n,
                u64::MAX >> n,
                (1 << n) | (1 << (n / 2)),
                (1 << n) | 1,
            ] {
                assert_eq!(leading_zeros(x), x.leading_zeros(), "{x}");
            }
        }
    }
}
