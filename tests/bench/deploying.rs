//! Deploying and calling an agent, compared with the Python toolkit's `agentcore deploy`, `invoke`,
//! `status`.
//!
//! Both sides use the same project, requirements, emulator and warm uv cache, and keep their own
//! state between runs. Our project ships no compiled Python files, because the toolkit never does;
//! a separate row shows what they cost.

use std::{
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::Value;

use crate::{
    RUNS_OF_DEPLOY,
    cost::{Cost, cost, middle},
    support::{Cli, Emulator, Ministack, Project, Proxy, bed, boto3, emulator},
};

const REGION: &str = "us-west-2";
const REQUIREMENTS: &str = "boto3\nbedrock-agentcore\nstrands-agents\nstrands-agents-tools\n";
/// The Python that compiles for the service, if this machine has it.
const COMPILER: &str = "python3.13";
const BUCKET: &str = "bedrock-agentcore-codebuild-sources-000000000000-us-west-2";

pub fn measure() {
    let bench = Bench {
        emulator: Ministack::start(),
        cache: tempfile::tempdir().unwrap().keep(),
        edits: AtomicUsize::new(0),
    };
    println!();
    println!("| measure | cargo agentcore | starter toolkit | wall | CPU | aim |");
    println!("|---|---:|---:|---:|---:|---|");
    let (ours, theirs) = bench.first();
    bench.again(&ours, &theirs);
    bench.talk(&ours, &theirs);
    println!();
    bench.sent(&ours);
    bench.limits(&ours);
}

/// A kind of first deployment.
#[derive(Clone, Copy)]
struct First {
    what: &'static str,
    aim: &'static str,
    bytecode: &'static str,
    /// True if uv asks the package index for new versions, which includes the network time.
    asks_index: bool,
}

const WARM: First = First {
    what: "first deploy, warm uv cache",
    aim: "3 ×",
    bytecode: "never",
    asks_index: false,
};
const ASKING: First = First {
    what: "the same, the package index asked",
    aim: "",
    asks_index: true,
    ..WARM
};
const COMPILED: First = First {
    what: "the same, our side with compiled Python files",
    aim: "",
    bytecode: "auto",
    ..WARM
};

struct Bench {
    emulator: Emulator,
    /// The state of our own runs.
    cache: PathBuf,
    edits: AtomicUsize,
}

impl Bench {
    /// Measures first deployments. Returns the last compared pair for the next measurements.
    fn first(&self) -> (Project, Project) {
        let compiles = Command::new(COMPILER)
            .args(["-c", ""])
            .output()
            .is_ok_and(|output| output.status.success());
        let compiled = compiles.then(|| self.deploy_first(COMPILED).1);
        let asking = self.deploy_first(ASKING).1;
        let (pair, warm) = self.deploy_first(WARM);
        for (first, costs) in [
            (WARM, Some(&warm)),
            (ASKING, Some(&asking)),
            (COMPILED, compiled.as_ref()),
        ] {
            let First { what, aim, .. } = first;
            let Some((ours, theirs)) = costs else {
                println!("| {what} | no {COMPILER} here | | | | |");
                continue;
            };
            row(what, aim, ours, theirs);
            println!(
                "| its peak memory | {:.0} MB | {:.0} MB | | | ≤ 120 MB |",
                megabytes(ours),
                megabytes(theirs)
            );
        }
        pair
    }

    /// Deploys new projects.
    fn deploy_first(&self, first: First) -> ((Project, Project), (Vec<Cost>, Vec<Cost>)) {
        let mut kept = None;
        let mut costs = (Vec::new(), Vec::new());
        // The first pair fills uv's cache and does not count.
        for run in 0..=RUNS_OF_DEPLOY {
            self.forget();
            let offline = !first.asks_index && run > 0;
            let within = |mut command: Command| {
                if offline {
                    command.env("UV_OFFLINE", "1");
                }
                command
            };
            let ours = project(first.bytecode);
            let cold = cost(&within(self.ours(&ours, &["deploy"])));
            let theirs = self.configured();
            let toolkit = cost(&within(self.toolkit(&theirs, &["deploy"])));
            if run > 0 {
                costs.0.push(cold);
                costs.1.push(toolkit);
            }
            if run < RUNS_OF_DEPLOY {
                std::fs::remove_dir_all(&self.cache).unwrap();
            }
            kept = Some((ours, theirs));
        }
        (kept.expect("there was a run"), costs)
    }

    fn again(&self, ours: &Project, theirs: &Project) {
        let (mut mine, mut other) = (Vec::new(), Vec::new());
        for run in 0..=RUNS_OF_DEPLOY {
            self.edit(ours, "my_agent/agent.py");
            self.edit(theirs, "deployment/my_agent/agent.py");
            let pair = (
                cost(&self.ours(ours, &["deploy"])),
                cost(&self.toolkit(theirs, &["deploy", "--auto-update-on-conflict"])),
            );
            if run > 0 {
                mine.push(pair.0);
                other.push(pair.1);
            }
        }
        row(
            "redeploy, a line of code changed",
            "20 ×, CPU 20 ×",
            &mine,
            &other,
        );
        Self::pairs(
            "deploy, nothing changed",
            "50 ×",
            || self.ours(ours, &["deploy"]),
            || self.toolkit(theirs, &["deploy", "--auto-update-on-conflict"]),
        );
    }

    fn talk(&self, ours: &Project, theirs: &Project) {
        Self::pairs(
            "`invoke`",
            "15 ×",
            || self.ours(ours, &["invoke", r#"{"prompt":"hi"}"#]),
            || self.toolkit(theirs, &["invoke", r#"{"prompt":"hi"}"#]),
        );
        Self::pairs(
            "`status`",
            "15 ×",
            || self.ours(ours, &["status"]),
            || self.toolkit(theirs, &["status"]),
        );
    }

    fn pairs(what: &str, aim: &str, ours: impl Fn() -> Command, theirs: impl Fn() -> Command) {
        let pairs: Vec<(Cost, Cost)> = (0..=RUNS_OF_DEPLOY)
            .map(|_| (cost(&ours()), cost(&theirs())))
            .skip(1)
            .collect();
        let (ours, theirs): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        row(what, aim, &ours, &theirs);
    }

    /// Measures what the deployment of a changed line sends, in bytes on the wire.
    #[expect(
        clippy::cast_precision_loss,
        reason = "megabytes and percents are for people"
    )]
    fn sent(&self, ours: &Project) {
        let proxy = Proxy::to(&self.emulator);
        self.edit(ours, "my_agent/agent.py");
        let outcome = Cli::new(ours)
            .args(["deploy", "--output", "json"])
            .env("CARGO_AGENTCORE_CACHE_DIR", &self.cache)
            .env(
                "PATH",
                with_agents(&std::env::var_os("PATH").unwrap_or_default()),
            )
            .env("UV_CACHE_DIR", bed::directory().join("uv-cache"))
            .at(&proxy.url())
            .run()
            .succeeds();
        let document = outcome.json();
        let archive = archive_size(ours);
        let sent = proxy.bytes();
        println!(
            "A changed line sends {sent} bytes in {} requests, their bodies, {:.2}% of the archive of {:.1} MB (aim: at most \
             2%); the document says `{}`.",
            proxy.count(),
            100.0 * sent as f64 / archive as f64,
            archive as f64 / 1e6,
            document["agents"][0]["upload"]["bytes_sent"],
        );
    }

    /// Measures the lower limits: uv alone, and one upload alone.
    fn limits(&self, ours: &Project) {
        let target = tempfile::tempdir().unwrap();
        let mut uv = Command::new(bed::program(&bed::agents(), "uv"));
        uv.args([
            "pip",
            "install",
            "--quiet",
            "--python-platform",
            "aarch64-manylinux2014",
            "--python-version",
            "3.13",
            "--only-binary",
            ":all:",
            "--target",
        ])
        .arg(target.path())
        .arg("--requirements")
        .arg(ours.path().join("deployment/requirements.txt"));
        self.surround(&mut uv, ours);
        let install = cost(&uv);
        let archive = ours.path().join(archive_path());
        let upload = format!(
            "import time\nbody = open({:?}, 'rb').read()\ns3 = client('s3', '{REGION}')\nstart = time.monotonic()\n\
             s3.put_object(Bucket='{BUCKET}', Key='limit', Body=body)\nprint(time.monotonic() - start)",
            archive.display().to_string()
        );
        let upload: f64 = boto3(&self.emulator, &upload).trim().parse().unwrap();
        println!(
            "The limits: uv alone installs the requirements in {:.2} s, one upload of the archive alone takes {upload:.2} s.",
            install.wall
        );
    }

    /// Empties the emulator.
    fn forget(&self) {
        let answer = self.emulator.post("/_ministack/reset", "");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// Creates a project configured for the toolkit, with the role made by our own `prepare`.
    fn configured(&self) -> Project {
        let project = Project::new()
            .metadata(&format!(
                "region = \"{REGION}\"\nrole.name = \"their-{{runtime}}\""
            ))
            .agent("my_agent");
        project.write("deployment/requirements.txt", REQUIREMENTS);
        let prepared = Cli::new(&project)
            .args(["prepare", "--output", "json"])
            .on(&self.emulator)
            .run()
            .succeeds();
        let document: Value = prepared.json();
        let role = document["agents"][0]["role"]["arn"]
            .as_str()
            .unwrap()
            .to_owned();
        let configure = [
            "configure",
            "--entrypoint",
            "deployment/invoke.py",
            "--name",
            "their_agent",
            "--execution-role",
            &role,
            "--requirements-file",
            "deployment/requirements.txt",
            "--non-interactive",
            "--deployment-type",
            "direct_code_deploy",
            "--runtime",
            "PYTHON_3_13",
            "--disable-memory",
            "--region",
            REGION,
        ];
        cost(&self.toolkit(&project, &configure));
        project
    }

    /// Adds a new line.
    fn edit(&self, project: &Project, path: &str) {
        let edit = self.edits.fetch_add(1, Ordering::Relaxed);
        let text = project.read(path);
        project.write(path, format!("{text}EDIT_{edit} = {edit}\n"));
    }

    fn ours(&self, project: &Project, arguments: &[&str]) -> Command {
        let mut command = Cli::new(project)
            .args(arguments)
            .env("CARGO_AGENTCORE_CACHE_DIR", &self.cache)
            .on(&self.emulator)
            .prepared();
        let path = command
            .get_envs()
            .find(|(name, _)| *name == "PATH")
            .and_then(|(_, value)| value)
            .unwrap_or_default()
            .to_owned();
        command.env("PATH", with_agents(&path));
        command.env("UV_CACHE_DIR", bed::directory().join("uv-cache"));
        command
    }

    fn toolkit(&self, project: &Project, arguments: &[&str]) -> Command {
        let mut command = Command::new(bed::program(&bed::agents(), "agentcore"));
        command.args(arguments);
        self.surround(&mut command, project);
        command
    }

    /// Sets the environment for our own runs, plus what the toolkit needs.
    fn surround(&self, command: &mut Command, project: &Project) {
        let url = self.emulator.url();
        command
            .current_dir(project.path())
            .env_clear()
            .env(
                "PATH",
                with_agents(&std::env::var_os("PATH").unwrap_or_default()),
            )
            .env("HOME", project.home())
            .env("UV_CACHE_DIR", bed::directory().join("uv-cache"))
            .env("AWS_ENDPOINT_URL", &url)
            .env("BEDROCK_AGENTCORE_CP_ENDPOINT", &url)
            .env("BEDROCK_AGENTCORE_DP_ENDPOINT", &url)
            .env("AWS_ACCESS_KEY_ID", emulator::ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", emulator::SECRET_KEY)
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AGENTCORE_SUPPRESS_RECOMMENDATION", "1");
        for (name, value) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if ["PIP_", "UV_INDEX", "UV_DEFAULT", "SSL_"]
                .iter()
                .any(|known| text.starts_with(known))
            {
                command.env(name, value);
            }
        }
    }
}

fn project(bytecode: &str) -> Project {
    let project = Project::new()
        .metadata(&format!("region = \"{REGION}\""))
        .agent_with("my_agent", &format!("bytecode = \"{bytecode}\""));
    project.write("deployment/requirements.txt", REQUIREMENTS);
    project
}

fn archive_path() -> PathBuf {
    PathBuf::from("target/agentcore/test-project-7k2qpx/my_agent/deployment.zip")
}

fn archive_size(project: &Project) -> u64 {
    std::fs::metadata(project.path().join(archive_path()))
        .unwrap()
        .len()
}

fn with_agents(path: &std::ffi::OsStr) -> std::ffi::OsString {
    let agents = bed::agents().join("bin");
    std::env::join_paths(std::iter::once(agents).chain(std::env::split_paths(path))).unwrap()
}

fn row(what: &str, aim: &str, ours: &[Cost], theirs: &[Cost]) {
    let (ours, theirs) = (middle(ours), middle(theirs));
    println!(
        "| {what} | {} | {} | {:.1} × | {:.1} × | {aim} |",
        shown(ours),
        shown(theirs),
        theirs.wall / ours.wall,
        theirs.cpu / ours.cpu
    );
}

fn shown(cost: Cost) -> String {
    format!("{:.3} s, CPU {:.3} s", cost.wall, cost.cpu)
}

fn megabytes(costs: &[Cost]) -> f64 {
    middle(costs).peak * 1024.0 / 1e6
}
