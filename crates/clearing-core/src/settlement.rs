//! The settlement average: one sample a minute over the last half hour.
