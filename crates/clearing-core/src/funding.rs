//! Funding of perpetuals: a premium measured on fills becomes a rate, the rate an index.
