//! (stub) local
