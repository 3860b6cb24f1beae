//! What may leave a vault in a window, and how the weight of a new bank grows.
