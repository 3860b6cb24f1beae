//! `pm` on line.
mod amount;
mod calendar;
mod config;
mod failure;
mod key;
mod output;
mod series;
