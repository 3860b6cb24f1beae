//! Interest on debts in the quote asset: a curve, two indices, rounding to the house.
