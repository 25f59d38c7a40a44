//! (stub) manifest
