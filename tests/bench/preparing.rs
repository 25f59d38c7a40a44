//! `new` and `prepare` compared with the Python sample's way of doing the same work.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    MANY, RUNS,
    cost::{many_row, row, time},
    support::{Cli, Emulator, Ministack, Project, bed, emulator},
};

pub fn measure() {
    let bench = Bench {
        python: bed::program(&bed::emulators(), "python"),
        toolkit: bed::program(&bed::agents(), "agentcore"),
        sample: Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/sample.py"),
        emulator: Ministack::start(),
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
    bench.many_listed();
    println!();
    println!(
        "Python is `tests/bench/sample.py` (argparse and boto3) and, in the second row, the starter \
         toolkit's `agentcore`. `cargo agentcore` is the binary itself: cargo's own way to it is the row \
         that says so."
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

    /// Measures how long it takes to find what `clean` would delete.
    fn many_listed(&self) {
        self.forget();
        let one = project_of(1);
        let many = project_of(MANY);
        time(&mut self.prepare(&many));
        let listed = |project: &Project| time(&mut self.does(project, &["clean", "--dry-run"]));
        many_row(
            "`clean --dry-run` afterwards",
            || listed(&one),
            || listed(&many),
        );
    }

    /// Empties the emulator.
    fn forget(&self) {
        let answer = self.emulator.post("/_ministack/reset", "");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    fn prepare(&self, project: &Project) -> Command {
        self.does(project, &["prepare"])
    }

    fn does(&self, project: &Project, words: &[&str]) -> Command {
        Cli::new(project)
            .args(words)
            .args(["--region", "us-west-2"])
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

    /// Sets the environment for our own runs.
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

/// Returns the same run as started by a user: cargo finds the subcommand on PATH.
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

/// Checks that the measured run changed nothing.
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
