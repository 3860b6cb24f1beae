//! What a client computes without I/O.
