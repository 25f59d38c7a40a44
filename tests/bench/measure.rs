//! The cost of commands compared with the same work done in Python: `cargo bench`.
//!
//! Each measurement runs both programs in turn against one emulator and compares medians, so that a
//! slow or busy machine slows both. Prints a report in Markdown to stdout. `cargo bench --
//! prepare`, and the same with `deploy`, `dev`, `rust` and `push`, measures a part.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a benchmark runs programs and prints"
)]

mod cost;
mod deploying;
#[cfg(target_os = "linux")]
mod developing;
mod preparing;
#[cfg(target_os = "linux")]
mod rust_agents;
#[path = "../support/mod.rs"]
mod support;

const RUNS: usize = 15;
/// A hundred agents take long, but their runs vary less.
const RUNS_OF_MANY: usize = 7;
const MANY: usize = 100;
/// A run of the toolkit's deployment takes many seconds.
const RUNS_OF_DEPLOY: usize = 5;
/// The toolkit takes seconds to notice an edit and restart.
const RUNS_OF_DEV: usize = 9;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --all-targets` also runs this, but a debug build measures nothing.
    if !arguments.iter().any(|argument| argument == "--bench") {
        eprintln!("benchmarks run with `cargo bench`");
        return;
    }
    let wanted = |part: &str| {
        let mut named = arguments.iter().filter(|word| !word.starts_with('-'));
        named.clone().next().is_none() || named.any(|word| word == part)
    };
    if wanted("prepare") {
        preparing::measure();
    }
    if wanted("deploy") {
        deploying::measure();
    }
    #[cfg(target_os = "linux")]
    if wanted("dev") {
        developing::measure();
    }
    #[cfg(target_os = "linux")]
    if wanted("rust") {
        rust_agents::measure();
    }
    #[cfg(target_os = "linux")]
    if wanted("push") {
        rust_agents::measure_push();
    }
    println!(
        "Medians of {RUNS} runs ({RUNS_OF_MANY} for {MANY} agents, {RUNS_OF_DEPLOY} for deployments, {RUNS_OF_DEV} for edits) after a warm-up \
         run, both sides in turn, whole processes from start to exit, against one ministack on this \
         machine ({} cores).",
        std::thread::available_parallelism().map_or(0, usize::from)
    );
}
