//! (stub) files
