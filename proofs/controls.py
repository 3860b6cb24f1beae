"""Negative controls: edits of the source, each of which the named claim must refute. They show that the proofs can fail.

Each is (what was changed, the claim, (text, text in its place)); the text must stand in the sources exactly once.
"""

CONTROLS = [
    ("the de Bruijn multiplier with its last digit changed", "leading zeros", ("0x03f7_9d71_b4cb_0a89", "0x03f7_9d71_b4cb_0a88")),
    ("the two-product path of mul_shift_wide up to 2^46", "mul_shift_wide::<38>", ("if a >> 40 == 0", "if a >> 46 == 0")),
    ("mul_shift with a mask of one bit less", "mul_shift::<38> exact", ("(1i64 << half) - 1", "(1i64 << (half - 1)) - 1")),
    ("ln with the excess shifted one bit further", "ln_q56", ("(excess << 8) / mean", "(excess << 9) / mean")),
    ("exp accepted up to 18", "exp", ("17 << 38", "18 << 38")),
    ("ln 2 / 256 wrong in the fifth digit", "exp_neg_scaled", ("195103586505167", "195113586505167")),
    ("a slope in N's table four times too steep", "cdf_in_range, 1024 rows", ("[116997468765,6734352209,", "[116997468765,26937408836,")),
    ("N without its last bit of table range", "cdf", ("x_q36 >= HALF_RANGE_Q36", "x_q36 > HALF_RANGE_Q36")),
    ("the root's last digit one bit longer", "sqrt_normalised", ("(rest << 31)", "(rest << 32)")),
    ("digits of 25 bits in the smile's quotients", "quotient", ("left.min(24)", "left.min(25)")),
    ("moneyness and deviation clamped at 256 in place of 64", "black76 price", ("(64 << 40) - 1", "(64 << 42) - 1")),
    ("the grid saturating at 9 deviations", "grid loop, IN_TABLE true", ("SATURATION: i64 = 7", "SATURATION: i64 = 9")),
    ("the table used up to v = 3", "grid loop, IN_TABLE true", ("WIDE_V: i64 = 2 << 36", "WIDE_V: i64 = 3 << 36")),
    ("weights of 41 bits", "ExpiryGrid::open", ("WEIGHT_BITS: u32 = 39", "WEIGHT_BITS: u32 = 41")),
    ("the fast notional up to 2^39", "notional, both paths", ("quantity < 1 << 36", "quantity < 1 << 39")),
    ("the fast ratio up to 2^63", "mul_ratio_floor, both paths", ("magnitude >= 1 << 57", "magnitude >= 1 << 63")),
]
