//! Pure: what is shipped: entry lists, records and hashes.
