//! The store against the emulators, and against a proxy for behavior that the emulators lack.

mod archives;
mod buckets;
mod faults;
pub(in crate::effects::aws) mod world;

// The test bed of the integration tests: the same emulators and server.
#[path = "../../../../../tests/support/bed.rs"]
#[expect(
    dead_code,
    clippy::disallowed_methods,
    clippy::format_collect,
    reason = "the store needs a part of the test bed, and tests touch the world"
)]
mod bed;
#[path = "../../../../../tests/support/emulator.rs"]
#[expect(
    dead_code,
    clippy::disallowed_methods,
    reason = "the store needs a part of the test bed, and tests touch the world"
)]
pub(in crate::effects::aws) mod emulator;
#[path = "../../../../../tests/support/server.rs"]
#[expect(
    dead_code,
    reason = "the store needs a part of the test bed, and tests touch the world"
)]
pub(in crate::effects::aws) mod server;
#[path = "../../../../../tests/support/waiting.rs"]
#[allow(
    dead_code,
    clippy::disallowed_methods,
    reason = "the emulator needs a part of it"
)]
mod waiting;
