//! Runs the command lines of README and of the topics of `help` in a shell and compares their
//! output with the texts, except for what differs between runs: numbers, times, ports and random
//! names.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

use super::{
    blocks, documents, read,
    support::{
        Emulator, Fault, Ministack, Moto, Proxy, Times, bed,
        emulator::{ACCESS_KEY, SECRET_KEY},
        listing,
    },
};

/// A command line, and the output shown below it.
#[derive(Debug, Clone)]
struct Typed {
    line: String,
    shown: Vec<String>,
}

/// Returns the command lines of a console block.
fn lines(block: &str) -> Vec<Typed> {
    let mut found: Vec<Typed> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), found.last_mut()) {
            (Some(line), _) => found.push(Typed {
                line: line.to_owned(),
                shown: Vec::new(),
            }),
            (None, Some(typed)) => typed.shown.push(line.to_owned()),
            (None, None) => panic!("a block that begins with output: {block}"),
        }
    }
    found
}

/// Returns README's walk from nothing to a running agent and back.
fn walk() -> Vec<Typed> {
    let readme = read("README.md");
    let heading = "\n## From nothing to a running agent and back\n";
    let (_, part) = readme.split_once(heading).unwrap();
    let part = part.split("\n## ").next().unwrap();
    typed_in(part)
}

/// Returns the command lines of the topics.
fn of_topics() -> Vec<Typed> {
    let topics = documents().into_iter().skip(1);
    topics.flat_map(|(_, text)| typed_in(&text)).collect()
}

fn typed_in(text: &str) -> Vec<Typed> {
    let blocks = blocks(text, "console");
    blocks.iter().flat_map(|block| lines(block)).collect()
}

/// A user's machine: an empty home, uv and the tool on `PATH`.
struct Shell {
    root: TempDir,
    directory: PathBuf,
    variables: Vec<(String, String)>,
}

impl Shell {
    fn new(variables: &[(&str, &str)]) -> Self {
        let root = TempDir::new().unwrap();
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        fs::create_dir_all(root.path().join("home")).unwrap();
        Self {
            directory: root.path().to_owned(),
            root,
            variables: variables.iter().map(owned).collect(),
        }
    }

    /// Returns both streams in order. The line must succeed.
    fn type_in(&mut self, line: &str) -> Vec<String> {
        if let Some(directory) = line.strip_prefix("cd ") {
            self.directory.push(directory);
            return Vec::new();
        }
        let printed = self.root.path().join("printed");
        let file = File::create(&printed).unwrap();
        let home = self.root.path().join("home");
        let mut command = Command::new("sh");
        command
            .args(["-c", line])
            .current_dir(&self.directory)
            .env_clear()
            .env("PATH", path())
            .env("HOME", &home)
            // Programs here take precedence over those on `PATH`.
            .env("CARGO_HOME", home.join(".cargo"))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("UV_CACHE_DIR", bed::directory().join("uv-cache"))
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file);
        for (name, value) in std::env::vars() {
            let of_the_machine = ["PIP_", "UV_", "SSL_", "RUSTUP_"];
            if of_the_machine.iter().any(|start| name.starts_with(start)) {
                command.env(name, value);
            }
        }
        if std::env::var_os("RUSTUP_HOME").is_none() {
            let home = std::env::home_dir().unwrap();
            command.env("RUSTUP_HOME", home.join(".rustup"));
        }
        let status = command.status().unwrap();
        let text = fs::read_to_string(printed).unwrap();
        assert!(status.success(), "{line}\n{text}");
        text.lines().map(str::to_owned).collect()
    }

    /// Runs the line and compares its output.
    fn shows(&mut self, typed: &Typed) {
        let printed = self.type_in(&typed.line);
        let root = self.root.path().canonicalize().unwrap();
        let root = root.display().to_string();
        let is_account = |line: &String| line.starts_with("     Account ");
        let with_account = typed.shown.iter().any(is_account);
        // A machine without the deployed Python version prints this with every answer.
        let other_python = "warning: the agent runs on Python ";
        // The account is shown only once, and a slow network adds lines.
        let printed = printed
            .iter()
            .filter(|line| with_account || !is_account(line))
            .filter(|line| !line.ends_with(" so far"))
            .filter(|line| !line.starts_with(other_python));
        let printed: Vec<String> = printed.map(|line| shape(line, &root)).collect();
        let shown: Vec<String> = typed.shown.iter().map(|line| shape(line, "")).collect();
        assert_eq!(printed, shown, "`{}`", typed.line);
    }
}

/// Returns a PATH that begins with the tool and uv.
fn path() -> String {
    let own = Path::new(env!("CARGO_BIN_EXE_cargo-agentcore")).parent();
    let uv = bed::agents().join("bin");
    let others = std::env::var("PATH").unwrap();
    format!("{}:{}:{others}", own.unwrap().display(), uv.display())
}

/// Returns a line without what differs between runs and machines.
fn shape(line: &str, root: &str) -> String {
    let line = match root {
        "" => line.to_owned(),
        root => line.replace(root, "/home/me"),
    };
    // Present if the machine has a Python of the runtime's version.
    let line = match line.split_once(", compiled by Python ") {
        Some((before, _)) => before.to_owned(),
        None => line,
    };
    let mut shape = String::new();
    let mut word = String::new();
    for c in line.chars().chain([' ']) {
        if c.is_ascii_alphanumeric() {
            word.push(c);
            continue;
        }
        shape.push_str(if differs(&word, &shape) { "#" } else { &word });
        word.clear();
        shape.push(c);
    }
    // A table's width depends on its content.
    let words: Vec<&str> = shape.split_whitespace().collect();
    let indent = shape.len() - shape.trim_start().len();
    format!("{}{}", " ".repeat(indent), words.join(" "))
}

/// Returns whether the word differs between runs: numbers, hashes, and the random parts of project
/// and runtime IDs, which may contain no digit.
fn differs(word: &str, before: &str) -> bool {
    let made_up = |start: &str, length| before.ends_with(start) && word.len() == length;
    word.chars().any(|c| c.is_ascii_digit())
        || made_up("my-agent-", 6)
        // In an address `my` is a part of another word.
        || made_up("_agent-", 10)
        || made_up("cargo-agentcore-", 12)
        || (word.len() == 8 && before.ends_with("ession "))
        || (word.len() == 4 && before.ends_with("#-") && before.contains("ession "))
        || (word.len() == 12 && before.ends_with("#-#-#-#-"))
}

#[test]
fn from_nothing_to_a_running_agent_and_back_as_it_is_shown() {
    let walk = walk();
    let mut others = of_topics();
    let mut take = |shell: &mut Shell, starts: &[&str]| {
        for start in starts {
            let at = others
                .iter()
                .position(|typed| typed.line.starts_with(start));
            shell.shows(&others.remove(at.expect(start)));
        }
    };
    let mut shell = Shell::new(&[]);
    for typed in &walk {
        shell.shows(typed);
        // The topics show output of the same walk.
        match typed.line.as_str() {
            "cargo agentcore new my-agent --yes" => {
                take(&mut shell, &["cargo agentcore new --list"]);
            }
            "cargo agentcore invoke --local --continue --prompt 'And what else?' --timing" => {
                take(
                    &mut shell,
                    &[
                        "cargo agentcore prepare --local",
                        "cargo agentcore package",
                        "cargo agentcore policy ",
                        "cargo agentcore stop-session --local",
                        "cargo agentcore local status",
                    ],
                );
                // README's walk has no `prepare`, so its `clean` finds no copy.
                shell.type_in("rm -r deployment/my_agent deployment/.cargo-agentcore");
            }
            "echo '# one more line' >> my_agent/agent.py" => {
                take(&mut shell, &["cargo agentcore deploy --local --dry-run"]);
            }
            "cargo agentcore rollback --local" => {
                take(&mut shell, &["cargo agentcore endpoint "; 2]);
            }
            _ => {}
        }
    }
    let policy = fs::read_to_string(shell.directory.join("policy.json")).unwrap();
    assert!(policy.contains("ModelProfileGlobal"), "{policy}");

    // An existing agent.
    let agent = shell.root.path().join("agents/estimator");
    fs::create_dir_all(agent.join("estimator")).unwrap();
    fs::write(agent.join("requirements.txt"), "boto3\n").unwrap();
    fs::write(agent.join("estimator/__init__.py"), "").unwrap();
    fs::write(
        agent.join("estimator/main.py"),
        "def estimate(text: str) -> str:\n    return text\n",
    )
    .unwrap();
    shell.directory = shell.root.path().join("adopted");
    fs::create_dir(&shell.directory).unwrap();
    take(&mut shell, &["cargo agentcore init "]);
    assert!(others.is_empty(), "never typed: {others:#?}");
}

#[test]
fn the_first_commands_and_the_one_that_takes_everything_down_again() {
    let readme = read("README.md");
    let first = lines(&blocks(&readme, "console")[0]);
    let [install, rest] = &first[..] else {
        panic!("{first:?}")
    };
    // This test runs the built binary instead.
    assert_eq!(install.line, "cargo install --locked --path .");
    let down = "cargo agentcore clean --local --yes";
    assert!(readme.contains(&format!("`{down}`")), "{down}");

    let mut shell = Shell::new(&[]);
    shell.directory = shell.root.path().join("checkout");
    fs::create_dir(&shell.directory).unwrap();
    let printed = shell.type_in(&rest.line);
    let is_arn = |line: &String| line.starts_with("arn:aws:bedrock-agentcore:");
    assert!(printed.iter().any(is_arn), "{printed:#?}");
    let answers = |line: &String| line.starts_with("{\"answer\": \"");
    assert!(printed.iter().any(answers), "{printed:#?}");
    shell.directory = shell.root.path().join("my-agent");
    let printed = shell.type_in(down);
    let is_cleaned = |line: &String| line.starts_with("     Cleaned ");
    assert!(printed.iter().any(is_cleaned), "{printed:#?}");
}

/// Tests "On AWS the commands are the same without `--local`": the account ends up as it was
/// before.
fn the_same_without_local(emulator: &Emulator, skipped: &[&str]) {
    let before = listing(emulator);
    let proxy = Proxy::to(emulator);
    // moto leaves an updated runtime in UPDATING forever.
    proxy.fault(
        "bedrock-agentcore:GetAgentRuntime",
        Times::Always,
        Fault::Reworded("UPDATING", "READY"),
    );
    let mut shell = Shell::new(&[
        ("CARGO_AGENTCORE_ENDPOINT_URL", &proxy.url()),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_REGION", "us-east-1"),
    ]);
    let mut deployed = 0;
    for typed in walk() {
        let line = typed.line.replace(" --local", "");
        if skipped.iter().any(|skipped| line.contains(skipped)) {
            continue;
        }
        if line.contains(" clean ") {
            assert_ne!(listing(emulator), before, "something is there");
        }
        let printed = shell.type_in(&line);
        deployed += usize::from(printed.iter().any(|line| line.starts_with("arn:aws:")));
    }
    assert_eq!(deployed, 3);
    assert_eq!(listing(emulator), before);
}

#[test]
fn the_same_lines_without_local_leave_an_account_as_it_was() {
    the_same_without_local(&Ministack::start(), &[]);
}

/// moto has no data plane, and its endpoints answer with their first version forever.
#[test]
fn the_same_lines_without_local_leave_another_account_as_it_was() {
    the_same_without_local(&Moto::start(), &[" invoke ", " rollback"]);
}
