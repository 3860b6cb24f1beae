//! Measured volatility of a market: bounded samples, fast and slow variance, factors on its scenarios.
