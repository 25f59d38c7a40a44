//! Measures the cost of a run. The compared programs run in turn, so that a slow or busy machine
//! slows both.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{RUNS_OF_MANY, support::bed};

/// Returns the wall time of a run that must succeed.
pub fn time(command: &mut Command) -> Duration {
    command.stdin(Stdio::null());
    let start = Instant::now();
    let output = command.output().unwrap();
    let taken = start.elapsed();
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    taken
}

/// Returns the medians of both, run in turn. The first run of each does not count.
fn medians(
    runs: usize,
    mut first: impl FnMut() -> Duration,
    mut second: impl FnMut() -> Duration,
) -> (Duration, Duration) {
    first();
    second();
    let (mut firsts, mut seconds): (Vec<_>, Vec<_>) =
        (0..runs).map(|_| (first(), second())).unzip();
    (median(&mut firsts), median(&mut seconds))
}

pub fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

pub fn row(
    what: &str,
    aim: &str,
    runs: usize,
    ours: impl FnMut() -> Duration,
    theirs: impl FnMut() -> Duration,
) {
    let (ours, theirs) = medians(runs, ours, theirs);
    let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
    println!(
        "| {what} | {} | {} | 1/{ratio:.1} | {aim} |",
        shown(ours),
        shown(theirs)
    );
}

pub fn many_row(what: &str, one: impl FnMut() -> Duration, many: impl FnMut() -> Duration) {
    let (one, many) = medians(RUNS_OF_MANY, one, many);
    let ratio = many.as_secs_f64() / one.as_secs_f64();
    println!(
        "| {what} | {} | {} | {ratio:.1} × | ≤ 12 × |",
        shown(one),
        shown(many)
    );
}

pub fn shown(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1000.0;
    if milliseconds < 10.0 {
        return format!("{milliseconds:.2} ms");
    }
    format!("{milliseconds:.1} ms")
}

/// The cost of a run.
#[derive(Debug, Clone, Copy, Default, serde::Deserialize)]
pub struct Cost {
    /// Seconds from start to exit.
    pub wall: f64,
    /// CPU seconds of the program and everything it started.
    pub cpu: f64,
    /// The program's own peak memory in KiB.
    pub peak: f64,
}

/// Measures a program that must succeed.
pub fn cost(command: &Command) -> Cost {
    let directory = tempfile::tempdir().unwrap();
    let report = directory.path().join("report");
    let mut measured = Command::new(bed::program(&bed::emulators(), "python"));
    measured
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/bench/measured.py"
        ))
        .arg(&report)
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null());
    measured.env_clear().envs(
        command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    if let Some(directory) = command.get_current_dir() {
        measured.current_dir(directory);
    }
    let output = measured.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_str(&std::fs::read_to_string(&report).unwrap()).unwrap()
}

/// Returns the median of each figure.
pub fn middle(costs: &[Cost]) -> Cost {
    let of = |figure: fn(&Cost) -> f64| {
        let mut figures: Vec<f64> = costs.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    Cost {
        wall: of(|cost| cost.wall),
        cpu: of(|cost| cost.cpu),
        peak: of(|cost| cost.peak),
    }
}
