//! Posted volatility surfaces: arbitrage, steps, and the median in force.
