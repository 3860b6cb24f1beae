//! A small generator with a fixed seed per account, so that threads do not change what is drawn.

/// SplitMix64 (G. Steele, D. Lea, C. Flood, 2014).
pub struct Random(u64);

impl Random {
    /// The generator of account `index`.
    pub fn of(seed: u64, index: u64) -> Self {
        let mut random = Self(seed ^ index.wrapping_mul(0xd134_2543_de82_ef95));
        random.bits();
        random
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `0..most`.
    pub fn below(&mut self, most: usize) -> usize {
        (self.bits() % most as u64) as usize
    }

    /// True once in `n` draws.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.bits().is_multiple_of(n)
    }

    /// Uniform in `[low, high)`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.bits() >> 11) as f64 * 2f64.powi(-53)
    }

    /// Log-uniform in `[low, high)`.
    pub fn log_between(&mut self, low: f64, high: f64) -> f64 {
        self.between(low.ln(), high.ln()).exp()
    }

    /// Uniform, with the ends as likely as what is between them.
    pub fn with_ends(&mut self, low: f64, high: f64) -> f64 {
        match self.below(6) {
            0 => low,
            1 => high,
            _ => self.between(low, high),
        }
    }
}
