//! A client over RPC.
