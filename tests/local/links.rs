//! A checkout with links to other people's files: no command follows one.

use std::{
    collections::BTreeMap,
    os::unix::fs::{PermissionsExt as _, symlink},
};

use super::*;

/// A project, and a home directory full of other files.
struct Trap {
    stage: Stage,
    home: tempfile::TempDir,
    before: BTreeMap<PathBuf, Vec<u8>>,
}

impl Trap {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        for path in [
            ".bashrc",
            "Documents/letter.txt",
            "Documents/deployment.zip",
            "Documents/build.json",
            "Documents/deployment/letter.txt",
            "local/emulator.json",
            "local/state/letter.txt",
            "seller/letter.txt",
            "seller/deployment.zip",
        ] {
            let path = home.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "theirs").unwrap();
        }
        Self {
            stage: Stage::new().with_sources(),
            before: files(home.path()),
            home,
        }
    }

    fn file(&self, path: &str) -> PathBuf {
        self.stage.dir.path().join(path)
    }

    /// Creates a link as if the checkout contained it.
    fn link(&self, path: &str, to: &str) {
        let path = self.file(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(self.home.path().join(to), path).unwrap();
    }

    fn says(&self, command: &[&str], code: i32, said: &str) {
        let answer = self.stage.does(command, code);
        assert!(
            answer.stderr.contains(said),
            "{command:?}: {}",
            answer.stderr
        );
        self.is_untouched(&format!("{command:?}"));
    }

    fn is_untouched(&self, after: &str) {
        assert_eq!(files(self.home.path()), self.before, "after {after}");
    }
}

fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.insert(path.clone(), Vec::new());
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

const IS_A_LINK: &str = "it is a symbolic link";

const COMMANDS: [&[&str]; 8] = [
    &["clean", "--local"],
    &["clean", "--local", "--yes"],
    &["clean", "--local", "--dry-run"],
    &["deploy", "--local"],
    &["deploy", "--local", "--dry-run"],
    &["status", "--local"],
    &["invoke", "--local", "{}"],
    &["package"],
];

#[test]
fn no_command_follows_a_link_in_the_way_to_what_is_kept() {
    for (path, to) in [
        ("target/agentcore", ""),
        ("target/agentcore/shop-7k2qpx", ""),
        ("target/agentcore/shop-7k2qpx/local", "local"),
        ("target/agentcore/shop-7k2qpx/seller_local", "seller"),
        ("target/agentcore/shop-7k2qpx/seller", "seller"),
    ] {
        let trap = Trap::new();
        trap.link(path, to);
        for command in COMMANDS {
            let answer = Answer::of(trap.stage.agentcore(command).output().unwrap());
            trap.is_untouched(&format!("{command:?} with {path}"));
            let is_met = match path.rsplit('/').next() {
                Some("local") => command != ["package"],
                Some("seller_local") => command[0] == "clean" || command == ["deploy", "--local"],
                Some("seller") => command == ["package"],
                _ => true,
            };
            if is_met {
                assert_ne!(answer.code, Some(0), "{command:?} with {path}");
                assert!(
                    answer.stderr.contains(IS_A_LINK),
                    "{command:?} with {path}: {}",
                    answer.stderr
                );
            }
        }
        trap.stage.run(&["stop"]);
        trap.is_untouched(path);
    }
}

#[test]
fn an_agent_that_is_called_as_a_folder_of_the_user_takes_nothing_from_it() {
    let trap = Trap::new();
    let manifest = MANIFEST.replace("agents.seller", "agents.Documents");
    fs::write(trap.file("Cargo.toml"), manifest).unwrap();
    trap.link("target/agentcore/shop-7k2qpx", "");
    for option in ["--yes", "--dry-run"] {
        trap.says(&["clean", "--local", option], 1, IS_A_LINK);
    }
    // If it is a real folder of the checkout, only build output is removed from it.
    fs::remove_file(trap.file("target/agentcore/shop-7k2qpx")).unwrap();
    let folder = trap.file("target/agentcore/shop-7k2qpx/Documents_local");
    fs::create_dir_all(&folder).unwrap();
    for name in ["letter.txt", "build.json"] {
        fs::write(folder.join(name), "ours").unwrap();
    }
    trap.says(
        &["clean", "--local", "--yes"],
        0,
        "letter.txt`: this tool did not create it",
    );
    assert_eq!(
        files(&folder).into_keys().collect::<Vec<_>>(),
        [folder.join("letter.txt")]
    );
}

#[test]
fn no_file_of_the_emulator_is_a_link() {
    for name in [
        "emulator.json",
        "start.lock",
        "running.lock",
        "stop",
        "answered",
        "ministack.log",
        "ministack.previous.log",
        ".made-by-cargo-agentcore",
        "tmp",
        "state",
        "s3",
        "s3/bucket",
        "state/iam.json",
    ] {
        let trap = Trap::new();
        let to = if ["tmp", "state", "s3", "s3/bucket"].contains(&name) {
            "local/state"
        } else {
            ".bashrc"
        };
        trap.link(&format!("target/agentcore/shop-7k2qpx/local/{name}"), to);
        for command in [&["local", "start"][..], &["status", "--local"]] {
            let answer = Answer::of(trap.stage.agentcore(command).output().unwrap());
            trap.is_untouched(&format!("{command:?} with {name}"));
            if command[0] == "local" {
                assert_eq!(answer.code, Some(1), "{name}: {}", answer.stderr);
                assert!(
                    answer.stderr.contains(IS_A_LINK),
                    "{name}: {}",
                    answer.stderr
                );
            }
        }
    }
}

/// An earlier version wrote its record there first.
#[test]
fn the_record_is_not_written_through_a_link_either() {
    let trap = Trap::new();
    let link = "target/agentcore/shop-7k2qpx/local/emulator.json.new";
    trap.link(link, ".bashrc");
    let answer = Answer::of(trap.stage.agentcore(&["local", "start"]).output().unwrap());
    trap.is_untouched("local start");
    assert_eq!(answer.code, Some(1), "{}", answer.stderr);
    trap.stage.run(&["stop"]);
}

#[test]
fn a_target_directory_outside_is_named_by_the_user_and_not_by_the_checkout() {
    let trap = Trap::new();
    trap.link("target", "Documents");
    let leads_out = "leads out of the checkout";
    for command in COMMANDS {
        trap.says(command, 3, leads_out);
    }
    fs::remove_file(trap.file("target")).unwrap();
    // What the user names may be behind a link and anywhere.
    let built = tempfile::tempdir().unwrap();
    let link = trap.home.path().join("built");
    symlink(built.path(), &link).unwrap();
    let output = trap
        .stage
        .agentcore(&["package"])
        .env("CARGO_TARGET_DIR", &link)
        .output()
        .unwrap();
    let answer = Answer::of(output);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let archive = "agentcore/shop-7k2qpx/seller/deployment.zip";
    assert!(built.path().join(archive).exists());
    fs::remove_file(&link).unwrap();
    trap.is_untouched("package");
    // A relative path in a variable is still a path in the checkout.
    trap.link("out", "Documents");
    let output = trap
        .stage
        .agentcore(&["package"])
        .env("CARGO_TARGET_DIR", "out")
        .output()
        .unwrap();
    let answer = Answer::of(output);
    assert_eq!(answer.code, Some(3), "{}", answer.stderr);
    assert!(answer.stderr.contains(leads_out), "{}", answer.stderr);
}

#[test]
fn the_deployment_folder_is_in_the_package() {
    for link in ["deployment", "way"] {
        let trap = Trap::new();
        let folder = if link == "way" {
            "way/deployment"
        } else {
            link
        };
        let manifest = MANIFEST.replace("\"deployment\"", &format!("\"{folder}\""));
        fs::write(trap.file("Cargo.toml"), manifest).unwrap();
        fs::rename(trap.file("deployment"), trap.file("before")).unwrap();
        trap.link(link, "Documents");
        for command in [
            &["package"][..],
            &["prepare", "--local"],
            &["deploy", "--local"],
            &["clean", "--local", "--yes"],
        ] {
            trap.says(command, 3, IS_A_LINK);
        }
        trap.stage.run(&["stop"]);
    }
}

#[test]
fn a_member_of_the_workspace_is_in_the_workspace() {
    let trap = Trap::new();
    let package = "[package]\nname = \"theirs\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
                   [lib]\npath = \"letter.txt\"\n\
                   [package.metadata.agentcore.agents.theirs]\nsource = \".\"\n";
    fs::write(trap.home.path().join("Documents/Cargo.toml"), package).unwrap();
    let manifest = MANIFEST.replacen("[workspace]", "[workspace]\nmembers = [\"link\"]", 1);
    fs::write(trap.file("Cargo.toml"), manifest).unwrap();
    trap.link("link", "Documents");
    let answer = trap.stage.does(&["package"], 3);
    let said = "is behind a link that leads out of the workspace";
    assert!(answer.stderr.contains(said), "{}", answer.stderr);
}

#[test]
fn what_the_toolkit_keeps_is_not_removed_through_a_link() {
    let trap = Trap::new();
    trap.stage.does(&["deploy", "--local"], 0);
    let listed = trap
        .stage
        .does(&["status", "--local", "--output", "json"], 0);
    let status: Value = serde_json::from_str(&listed.stdout).unwrap();
    let runtime = &status["agents"][0]["runtime"];
    let (id, arn) = (&runtime["id"], &runtime["arn"]);
    let yaml = format!(
        "default_agent: seller\nagents:\n  seller:\n    name: seller\n    aws:\n      account: '000000000000'\n      region: us-east-1\n      \
         execution_role: arn:aws:iam::000000000000:role/AgentCoreRole-seller\n    bedrock_agentcore:\n      agent_id: {id}\n      agent_arn: {arn}\n"
    );
    fs::write(trap.file(".bedrock_agentcore.yaml"), &yaml).unwrap();
    trap.link(".bedrock_agentcore", "");
    trap.says(&["clean", "--local", "--yes"], 1, IS_A_LINK);
    fs::remove_file(trap.file(".bedrock_agentcore")).unwrap();
    let cache = trap.file(".bedrock_agentcore/seller/letter");
    fs::create_dir_all(cache.parent().unwrap()).unwrap();
    fs::write(&cache, "the toolkit's").unwrap();
    let listed = "remove the toolkit's cache `";
    trap.says(&["clean", "--local", "--dry-run"], 0, listed);
    let removed = "Removing the toolkit's cache `";
    trap.says(&["clean", "--local", "--yes"], 0, removed);
    assert!(!trap.file(".bedrock_agentcore").exists());
}

#[test]
fn init_adds_to_no_file_outside() {
    let trap = Trap::new();
    fs::create_dir_all(trap.file("other")).unwrap();
    fs::write(
        trap.file("other/main.py"),
        "def answer(prompt):\n    return prompt\n",
    )
    .unwrap();
    trap.link(".gitignore", ".bashrc");
    let words = [
        "init",
        "--source",
        "other",
        "--handler",
        "other.main:answer",
    ];
    trap.says(
        &[&words[..], &["--yes", "--write"]].concat(),
        1,
        "is a link that leads out of the project",
    );
    assert_eq!(
        fs::read_to_string(trap.file("Cargo.toml")).unwrap(),
        MANIFEST,
        "all of it or nothing"
    );
}

#[test]
fn what_is_kept_is_readable_by_the_user_alone() {
    let cache = tempfile::tempdir().unwrap();
    let stage = Stage::with_cache(cache.path().join("cache")).with_sources();
    fs::write(
        stage.dir.path().join("deployment/requirements.txt"),
        "six==1.17.0\n",
    )
    .unwrap();
    // As created by an earlier version.
    fs::create_dir(&stage.cache).unwrap();
    fs::set_permissions(&stage.cache, fs::Permissions::from_mode(0o755)).unwrap();
    for words in [
        "deploy --local",
        "invoke --local {}",
        "status --local",
        "package",
    ] {
        let program = stage.agentcore(&[]);
        let line = format!("umask 000; exec \"$0\" agentcore {words}");
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &line])
            .arg(program.get_program())
            .current_dir(stage.dir.path());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let answer = Answer::of(shell.output().unwrap());
        assert_eq!(answer.code, Some(0), "{words}: {}", answer.stderr);
    }
    let kept = stage.dir.path().join("target/agentcore");
    let mut looked_at = 0;
    for path in [&kept, &stage.cache] {
        looked_at += closed(path);
    }
    assert!(looked_at > 12, "{looked_at} files and directories");
    stage.stop();
}

/// Returns the number of entries, all of which must be private. A virtual environment has its
/// installer's modes, but is inside a directory of ours.
fn closed(path: &Path) -> usize {
    let found = fs::symlink_metadata(path).unwrap();
    let mode = found.permissions().mode() & 0o777;
    let expected = if found.is_dir() { 0o700 } else { 0o600 };
    let name = path.file_name().unwrap().to_string_lossy();
    let is_environment = name.starts_with("ministack-") || name.starts_with("local-python-");
    if is_environment && found.is_dir() {
        return 1;
    }
    assert_eq!(mode, expected, "{}", path.display());
    if !found.is_dir() {
        return 1;
    }
    let below = fs::read_dir(path).unwrap();
    1 + below
        .map(|entry| closed(&entry.unwrap().path()))
        .sum::<usize>()
}

#[test]
fn a_cache_of_another_user_is_refused() {
    let nobody = tempfile::tempdir().unwrap();
    let cache = nobody.path().join("cache");
    fs::create_dir(&cache).unwrap();
    if std::os::unix::fs::chown(&cache, Some(65534), None).is_err() {
        // Without the permission to change owners there is nothing to test.
        return;
    }
    let stage = Stage::with_cache(cache).with_sources();
    let answer = stage.does(&["local", "start"], 1);
    assert!(
        answer.stderr.contains("belongs to another user"),
        "{}",
        answer.stderr
    );
}
