//! The binary: `cargo agentcore …`, which cargo runs as `cargo-agentcore agentcore …`.

use std::process::ExitCode;

fn main() -> ExitCode {
    cargo_agentcore::run(std::env::args_os())
}
