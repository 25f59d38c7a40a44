//! What a command costs beside the same work done in Python: `cargo bench`.
//!
//! Each measure runs both programs in turn against one emulator and compares medians, so that a slow
//! or busy machine slows both. The report on stdout is Markdown.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a benchmark runs programs and prints"
)]

#[path = "../support/mod.rs"]
mod support;

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use support::{Cli, Emulator, Ministack, Project, bed, emulator};

const RUNS: usize = 15;
/// A hundred agents take long, and their runs differ less.
const RUNS_OF_MANY: usize = 7;
const MANY: usize = 100;

fn main() {
    // `cargo test --all-targets` runs this as well, and a debug build measures nothing.
    if !std::env::args().any(|argument| argument == "--bench") {
        eprintln!("benchmarks run with `cargo bench`");
        return;
    }
    let emulator = Ministack::start();
    let bench = Bench {
        python: bed::program(&bed::emulators(), "python"),
        toolkit: bed::program(&bed::agents(), "agentcore"),
        sample: Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/sample.py"),
        emulator,
    };
    println!("| measure | cargo agentcore | Python | ratio | aim |");
    println!("|---|---:|---:|---:|---|");
    bench.start_up();
    bench.new_project();
    bench.first_prepare();
    bench.unchanged_prepare();
    println!();
    println!("| `prepare` of {MANY} agents | 1 agent | {MANY} agents | ratio | aim |");
    println!("|---|---:|---:|---:|---|");
    bench.many_first();
    bench.many_unchanged();
    println!();
    println!(
        "Medians of {RUNS} runs ({RUNS_OF_MANY} for {MANY} agents) after a warm-up run, both sides in turn, whole \
         processes from start to exit, against one ministack on this machine ({} cores). Python is \
         `tests/bench/sample.py` (argparse and boto3) and, in the second row, the starter toolkit's \
         `agentcore`. `cargo agentcore` is the binary itself: cargo's own way to it is the row that says so.",
        std::thread::available_parallelism().map_or(0, usize::from)
    );
}

struct Bench {
    python: PathBuf,
    toolkit: PathBuf,
    sample: PathBuf,
    emulator: Emulator,
}

impl Bench {
    fn start_up(&self) {
        let project = Project::new();
        let help = || time(&mut Cli::new(&project).arg("--help").prepared());
        let sample = || time(&mut self.sample(&project, &["--help"]));
        row(
            "start-up (`--help`), beside the sample",
            "",
            RUNS,
            help,
            sample,
        );
        let toolkit = || {
            let mut command = Command::new(&self.toolkit);
            self.surround(&mut command, &project);
            time(command.arg("--help"))
        };
        row(
            "start-up, beside `agentcore --help` of the starter toolkit",
            "≤ 1/50",
            RUNS,
            help,
            toolkit,
        );
        row(
            "start-up through cargo (`cargo agentcore --help`), beside the same",
            "",
            RUNS,
            || time(&mut through_cargo(&Cli::new(&project).arg("--help"))),
            toolkit,
        );
    }

    fn new_project(&self) {
        let project = Project::new();
        for (what, vcs) in [
            ("`new --vcs none`", "none"),
            ("`new` with `git init`", "git"),
        ] {
            row(
                what,
                "< 20 ms",
                RUNS,
                || {
                    let new = ["new", "my-agent", "--yes", "--vcs", vcs];
                    let taken = time(&mut Cli::new(&project).args(new).prepared());
                    std::fs::remove_dir_all(project.path().join("my-agent")).unwrap();
                    taken
                },
                || {
                    let taken = time(&mut self.sample(&project, &["new", "my-agent"]));
                    std::fs::remove_dir_all(project.path().join("my-agent")).unwrap();
                    taken
                },
            );
        }
    }

    fn first_prepare(&self) {
        row(
            "first `prepare`",
            "≤ 1/8",
            RUNS,
            || {
                self.forget();
                let project = Project::new().agent("ours");
                let taken = time(&mut self.prepare(&project));
                assert!(project.has("deployment/ours/agent.py"));
                taken
            },
            || {
                self.forget();
                let project = Project::new().agent("theirs");
                let taken = time(&mut self.sample_prepare(&project));
                assert!(project.has("deployment/theirs/agent.py"));
                taken
            },
        );
    }

    fn unchanged_prepare(&self) {
        self.forget();
        let ours = Project::new().agent("ours");
        let theirs = Project::new().agent("theirs");
        row(
            "unchanged `prepare`",
            "≤ 1/8",
            RUNS,
            || time(&mut self.prepare(&ours)),
            || time(&mut self.sample_prepare(&theirs)),
        );
        unchanged(&mut self.prepare(&ours));
    }

    fn many_first(&self) {
        let first = |agents: usize| {
            self.forget();
            let project = project_of(agents);
            time(&mut self.prepare(&project))
        };
        many_row("first", || first(1), || first(MANY));
    }

    fn many_unchanged(&self) {
        self.forget();
        let one = project_of(1);
        let many = project_of(MANY);
        many_row(
            "unchanged",
            || time(&mut self.prepare(&one)),
            || time(&mut self.prepare(&many)),
        );
        unchanged(&mut self.prepare(&many));
    }

    /// The emulator holds nothing, as at its start.
    fn forget(&self) {
        let answer = self.emulator.post("/_ministack/reset", "");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    fn prepare(&self, project: &Project) -> Command {
        Cli::new(project)
            .args(["prepare", "--region", "us-west-2"])
            .on(&self.emulator)
            .prepared()
    }

    fn sample_prepare(&self, project: &Project) -> Command {
        let prepare = ["prepare", "--source-dir", "theirs", "--region", "us-west-2"];
        self.sample(project, &prepare)
    }

    fn sample(&self, project: &Project, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(&self.sample).args(arguments);
        self.surround(&mut command, project);
        command
    }

    /// What our own runs have around them.
    fn surround(&self, command: &mut Command, project: &Project) {
        command
            .current_dir(project.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", project.home())
            .env("AWS_ENDPOINT_URL", self.emulator.url())
            .env("AWS_ACCESS_KEY_ID", emulator::ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", emulator::SECRET_KEY)
            .env("AWS_EC2_METADATA_DISABLED", "true");
    }
}

fn project_of(agents: usize) -> Project {
    (0..agents).fold(Project::new(), |project, number| {
        project.agent(&format!("agent_{number}"))
    })
}

/// The same run as a user starts it: cargo looks for the subcommand on PATH.
fn through_cargo(cli: &Cli) -> Command {
    let direct = cli.prepared();
    let mut command = Command::new("cargo");
    command.args(direct.get_args()).env_clear().envs(
        direct
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    if let Some(directory) = direct.get_current_dir() {
        command.current_dir(directory);
    }
    let program = Path::new(direct.get_program()).parent().map(Path::to_owned);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = program.into_iter().chain(std::env::split_paths(&path));
    command.env("PATH", std::env::join_paths(paths).unwrap());
    command
}

/// The wall time of a run that must succeed.
fn time(command: &mut Command) -> Duration {
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

/// What was measured as unchanged was that.
fn unchanged(prepare: &mut Command) {
    let output = prepare
        .arg("--check")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "something would change:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Medians of both, run in turn after one run of each that is not counted.
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

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn row(
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

fn many_row(what: &str, one: impl FnMut() -> Duration, many: impl FnMut() -> Duration) {
    let (one, many) = medians(RUNS_OF_MANY, one, many);
    let ratio = many.as_secs_f64() / one.as_secs_f64();
    println!(
        "| {what} | {} | {} | {ratio:.1} × | ≤ 12 × |",
        shown(one),
        shown(many)
    );
}

fn shown(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
