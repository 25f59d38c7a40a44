//! (stub) source
