//! Disks that cannot be written to: a small file system that is full, and read-only directories,
//! for `new`, `init`, `prepare` and what runs locally. Also `new` in an existing directory.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests touch the world and stop where it refuses"
)]

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::{self, Cli, Ministack, Project, listing, project::collect, wheels::with_uv};

const FILLER: &str = "filler";

/// A small file system, unmounted on drop.
struct SmallDisk {
    at: PathBuf,
    size: usize,
}

impl SmallDisk {
    /// Creates one of 512 KiB.
    fn at(path: &Path) -> Self {
        Self::of(512 * 1024, path)
    }

    fn of(size: usize, path: &Path) -> Self {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(path)
            .output()
            .unwrap_or_else(|error| panic!("the tests of a full disk need `mount`: {error}"));
        assert!(
            mounted.status.success(),
            "the tests of a full disk need the right to mount a tmpfs: run them as root, in a \
             container with CAP_SYS_ADMIN; mount said: {}",
            String::from_utf8_lossy(&mounted.stderr)
        );
        Self {
            at: path.to_owned(),
            size,
        }
    }

    /// Leaves this many free pages of 4 KiB, the size of a small file.
    fn leave(&self, pages: usize) {
        let filler = self.at.join(FILLER);
        let mut size = self.size;
        while fs::write(&filler, vec![0; size]).is_err() {
            size -= 4096;
        }
        fs::write(&filler, vec![0; size - pages * 4096]).unwrap();
    }

    fn make_room(&self) {
        fs::remove_file(self.at.join(FILLER)).unwrap();
    }

    /// Returns everything on it except the filler.
    fn entries(&self) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        collect(&self.at, "", &mut found);
        found.remove(FILLER);
        found
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // If it is still mounted, removing the directory fails visibly.
        let _ = Command::new("umount").arg(&self.at).status();
    }
}

#[test]
fn new_names_what_found_no_room_and_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("disk");
    fs::create_dir(&path).unwrap();
    let disk = SmallDisk::at(&path);
    let new = || {
        Cli::in_directory(&path, root.path())
            .args(["new", "my-agent", "--template", "cost-estimator", "--yes"])
            .args(["--vcs", "none"])
            .run()
    };
    for pages in [0, 1, 5] {
        disk.leave(pages);
        let refused = new().exits(1);
        assert!(
            refused
                .stderr
                .contains(&format!("`{}/my-agent/", path.display())),
            "{}",
            refused.stderr
        );
        assert!(
            refused.stderr.contains("No space left on device"),
            "{}",
            refused.stderr
        );
        assert!(
            refused.stderr.contains("help: free disk space"),
            "{}",
            refused.stderr
        );
        assert_eq!(disk.entries(), BTreeMap::new());
    }
    disk.make_room();
    new().succeeds();
    assert!(path.join("my-agent/my_agent/estimator.py").exists());
}

#[test]
fn new_in_a_read_only_directory_leaves_nothing() {
    for (path, closed) in [(".", "."), ("deep/er", "."), ("deep/er", "deep")] {
        let project = Project::new();
        fs::create_dir_all(project.path().join(closed)).unwrap();
        let before = project.tree();
        let new = Cli::new(&project).unprivileged();
        let new = new.args(["new", path, "--name", "one", "--yes", "--vcs", "none"]);
        let closed = fs::canonicalize(project.path().join(closed)).unwrap();
        let mode = |mode| fs::set_permissions(&closed, fs::Permissions::from_mode(mode)).unwrap();
        mode(0o555);
        let refused = new.run().exits(1);
        mode(0o755);
        let said = format!(
            "cannot write into `{}`: Permission denied",
            closed.display()
        );
        assert!(refused.stderr.contains(&said), "{}", refused.stderr);
        assert_eq!(project.tree(), before);
    }
}

/// Runs the lines in one shell, which stays in its directory.
fn shell(project: &Project, lines: &str) -> std::process::Output {
    let cli = Cli::new(project).prepared();
    let mut command = Command::new("sh");
    command.args(["-c", lines, "sh"]).arg(cli.get_program());
    command.current_dir(project.path()).env_clear();
    for (name, value) in cli.get_envs() {
        command.env(name, value.unwrap());
    }
    command.output().unwrap()
}

#[test]
fn new_keeps_the_directory_that_it_is_called_in() {
    use std::os::unix::fs::MetadataExt as _;

    for mode in [0o700, 0o2770] {
        let project = Project::new();
        fs::set_permissions(project.path(), fs::Permissions::from_mode(mode)).unwrap();
        let before = fs::metadata(project.path()).unwrap();
        let output = shell(
            &project,
            "\"$1\" agentcore new . --name one --yes && \"$1\" agentcore policy && ls -A",
        );
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        let after = fs::metadata(project.path()).unwrap();
        assert_eq!(after.ino(), before.ino());
        assert_eq!(after.mode(), before.mode());
        let stdout = String::from_utf8_lossy(&output.stdout);
        let listed = ".git\n.gitignore\nAGENTS.md\nCargo.toml\nREADME.md\ndeployment\none\npyproject.toml\ntests\n";
        assert!(stdout.ends_with(listed), "{stdout}");
    }
}

#[test]
fn what_new_makes_is_as_open_as_the_umask_says() {
    for (umask, expected) in [("022", 0o755), ("027", 0o750), ("077", 0o700)] {
        let project = Project::new();
        let line = format!("umask {umask} && \"$1\" agentcore new a/one --yes");
        let output = shell(&project, &line);
        assert!(output.status.success(), "{output:?}");
        for directory in ["a", "a/one", "a/one/one"] {
            let found = fs::metadata(project.path().join(directory)).unwrap();
            assert_eq!(found.permissions().mode() & 0o7777, expected, "{directory}");
        }
    }
}

const HANDLERS: &str =
    "def answer(prompt):\n    return prompt\n\n\ndef stream(prompt):\n    yield prompt\n";

/// Returns `init` of an agent outside the project's directory.
fn init(project: &Project) -> Cli {
    project.write("../agents/est/main.py", HANDLERS);
    Cli::new(project).args([
        "init",
        "--source",
        "../agents/est",
        "--region",
        "us-east-1",
        "--write",
    ])
}

#[test]
fn init_names_what_found_no_room_and_changes_nothing() {
    for manifest in [None, Some("# mine\n[workspace]\n")] {
        let project = Project::new();
        let disk = SmallDisk::at(&project.path());
        let project = match manifest {
            None => project,
            Some(text) => project.file("Cargo.toml", text),
        };
        let before = disk.entries();
        for pages in [0, 1, 4] {
            disk.leave(pages);
            let refused = init(&project).run().exits(1);
            assert!(
                refused.stderr.contains("/project/"),
                "the path is named: {}",
                refused.stderr
            );
            refused.says(&[
                "No space left on device",
                "help: free disk space and run this again",
            ]);
            assert_eq!(disk.entries(), before, "with room for {pages} pages");
        }
        disk.make_room();
        init(&project).run().succeeds();
        assert!(project.has("deployment/invoke_async.py"));
        let after = project.read("Cargo.toml");
        assert!(after.starts_with(manifest.unwrap_or("")), "{after}");
    }
}

#[test]
fn init_in_a_read_only_directory_says_who_may_write_and_leaves_it_as_it_is() {
    // A complete project to which nothing can be added, and one whose deployment folder is
    // read-only.
    for closed in ["", "deployment"] {
        let project = Project::new().file("deployment/mine.txt", "mine");
        let before = project.tree();
        let init = init(&project).unprivileged();
        let path = project.path().join(closed);
        let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        mode(0o555);
        let refused = init.run().exits(1);
        mode(0o755);
        refused.says(&["Permission denied", "help: check who owns the path"]);
        assert!(
            refused.stderr.contains(path.to_str().unwrap()),
            "{}",
            refused.stderr
        );
        assert_eq!(project.tree(), before);
    }
}

#[test]
fn prepare_names_what_found_no_room_and_the_next_run_completes_it() {
    let emulator = Ministack::start();
    let before = listing(&emulator);
    let project = Project::new();
    let disk = SmallDisk::at(&project.path());
    let project = project.metadata("region = \"us-east-1\"").agent("one");
    let modules = ["a", "b", "c", "d", "e", "f"];
    for module in modules {
        project.write(&format!("one/{module}.py"), module.repeat(10_000));
    }
    let prepare = || Cli::new(&project).on(&emulator).arg("prepare").run();
    let before_files = disk.entries();
    for pages in [0, 1, 6] {
        disk.leave(pages);
        let refused = prepare().exits(1);
        assert!(
            refused.stderr.contains("/project/deployment/"),
            "the path is named: {}",
            refused.stderr
        );
        assert!(
            refused.stderr.contains("No space left on device"),
            "{}",
            refused.stderr
        );
        assert_eq!(listing(&emulator), before, "files come before the role");
        for (path, content) in disk.entries() {
            if before_files.contains_key(&path) || path.ends_with('/') {
                continue;
            }
            let Some(source) = path.strip_prefix("deployment/one/") else {
                assert_eq!(path, "deployment/.cargo-agentcore");
                continue;
            };
            let whole = &before_files[&format!("one/{source}")];
            assert!(&content == whole, "{path} is half-written");
        }
    }
    disk.make_room();
    prepare().succeeds();
    for module in modules {
        assert_eq!(
            project.read(&format!("deployment/one/{module}.py")),
            module.repeat(10_000)
        );
    }
    let again = prepare().succeeds();
    assert!(again.stderr.contains("Unchanged"), "{}", again.stderr);
}

/// An agent that needs only Python.
const AGENT: &str = r#"
import http.server

import one


class Agent(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.do_POST()

    def do_POST(self):
        print("asked", flush=True)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status": "Healthy", "said": "VERSION"}')


http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Agent).serve_forever()
"#;

/// Nothing deployed is lost, failures are explained, and everything works again once there is
/// space.
#[test]
fn a_full_disk_stops_no_agent_and_loses_nothing_that_was_deployed() {
    let project = Project::new();
    let disk = SmallDisk::of(8 << 20, &project.path());
    let project = project
        .agent("one")
        .file("one/__init__.py", "")
        .file("deployment/requirements.txt", "")
        .file("deployment/invoke.py", AGENT.replace("VERSION", "first"));
    let cli = |words: &[&str]| {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
        with_uv(Cli::new(&project))
            .env("CARGO_AGENTCORE_CACHE_DIR", cache)
            .limit(std::time::Duration::from_mins(5))
            .args(words)
            .run()
    };
    let invoke = |words: &[&str]| cli(&[&["invoke", "--local"], words].concat());
    let says = |outcome: &support::Outcome, version: &str| {
        let whole = format!("{{\"status\": \"Healthy\", \"said\": \"{version}\"}}");
        assert_eq!(outcome.stdout, whole, "{}", outcome.stderr);
    };
    cli(&["deploy", "--local"]).succeeds();
    says(&invoke(&["{}"]).succeeds(), "first");

    project.write("deployment/invoke.py", AGENT.replace("VERSION", "second"));
    disk.leave(0);
    // The running session continues, but a new one has no space.
    says(&invoke(&["--continue", "{}"]).succeeds(), "first");
    let refused = invoke(&["{}"]).exits(1);
    assert!(
        refused.stderr.contains("No space left on device"),
        "{}",
        refused.stderr
    );
    let refused = cli(&["deploy", "--local"]).exits(1);
    assert!(
        refused.stderr.contains("No space left on device"),
        "{}",
        refused.stderr
    );
    says(&invoke(&["--continue", "{}"]).succeeds(), "first");
    // After a stop, what was written before is still there.
    cli(&["local", "stop"]).succeeds();
    disk.make_room();
    says(&invoke(&["{}"]).succeeds(), "first");
    cli(&["deploy", "--local"]).succeeds();
    says(&invoke(&["{}"]).succeeds(), "second");
    cli(&["clean", "--local", "--yes"]).succeeds();
}
