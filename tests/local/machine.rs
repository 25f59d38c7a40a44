//! What all of a user's projects share on this machine: the cache, and running processes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};

use super::{Answer, Stage};

/// Creates a separate cache, so that no other test's processes are stopped; the emulator in it is
/// the shared one.
fn cache_with_the_emulator() -> tempfile::TempDir {
    let shared = Stage::new();
    shared.start();
    shared.stop();
    let cache = tempfile::tempdir().unwrap();
    for found in fs::read_dir(&shared.cache).unwrap() {
        let found = found.unwrap();
        let name = found.file_name().into_string().unwrap();
        if name.starts_with("ministack-") && found.path().is_dir() {
            std::os::unix::fs::symlink(found.path(), cache.path().join(&name)).unwrap();
        }
    }
    cache
}

/// Runs a command without a project.
fn anywhere(cache: &Path, arguments: &[&str]) -> Answer {
    let nowhere = tempfile::tempdir().unwrap();
    let mut command = Command::new(snapbox::cmd::cargo_bin!("cargo-agentcore"));
    command
        .arg("agentcore")
        .args(arguments)
        .current_dir(nowhere.path())
        .env("CARGO_AGENTCORE_CACHE_DIR", cache);
    Answer::of(command.output().unwrap())
}

fn all(cache: &Path) -> Vec<Value> {
    let answer = anywhere(cache, &["local", "status", "--all", "--output", "json"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let document: Value = serde_json::from_str(&answer.stdout).unwrap();
    document["all"].as_array().unwrap().clone()
}

#[test]
fn everything_that_runs_is_shown_and_stopped_from_anywhere() {
    let cache = cache_with_the_emulator();
    let [one, other] = [(); 2].map(|()| Stage::with_cache(cache.path().to_owned()));
    let urls = [one.start(), other.start()];
    let mut workspaces = [&one, &other].map(|stage| fs::canonicalize(stage.dir.path()).unwrap());

    // Our own records beside the cached folders belong to us.
    assert!(cache.path().join("local-homes").is_dir());
    let cached = anywhere(cache.path(), &["cache", "--output", "json"]);
    let cached: Value = serde_json::from_str(&cached.stdout).unwrap();
    let others = cached["others"].as_array().unwrap();
    assert!(!others.contains(&json!("local-homes")), "{others:?}");

    let shown = anywhere(cache.path(), &["local", "status", "--all"]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    for (url, workspace) in urls.iter().zip(&workspaces) {
        let line = format!(
            "{url}  local AgentCore of `{}` (process ",
            workspace.display()
        );
        assert!(shown.stdout.contains(&line), "{line} in {}", shown.stdout);
    }
    workspaces.sort();
    let found: Vec<Value> = all(cache.path());
    let found: Vec<&Value> = found.iter().map(|one| &one["workspace"]).collect();
    assert_eq!(
        found,
        workspaces
            .iter()
            .map(|path| json!(path))
            .collect::<Vec<_>>()
            .iter()
            .collect::<Vec<_>>()
    );

    // An emulator that was stopped separately is no longer listed.
    one.stop();
    assert_eq!(all(cache.path()).len(), 1);
    assert_eq!(
        fs::read_dir(cache.path().join("running")).unwrap().count(),
        1
    );

    let stopped = anywhere(cache.path(), &["local", "stop", "--all"]);
    assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
    assert!(
        stopped.stderr.contains(&format!("at {}", urls[1])),
        "{}",
        stopped.stderr
    );
    assert_eq!(other.status()["running"], json!(false));
    let nothing = anywhere(cache.path(), &["local", "status", "--all"]);
    assert_eq!(
        (nothing.code, nothing.stderr.trim()),
        (Some(0), "nothing is running")
    );
    let again = anywhere(cache.path(), &["local", "stop", "--all"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
}

#[test]
fn a_note_that_leads_elsewhere_is_removed_and_all_goes_with_status_and_stop() {
    let cache = tempfile::tempdir().unwrap();
    let running = cache.path().join("running");
    fs::create_dir(&running).unwrap();
    fs::write(running.join("0123.json"), "{}").unwrap();
    assert_eq!(all(cache.path()), Vec::<Value>::new());
    assert_eq!(fs::read_dir(&running).unwrap().count(), 0);

    let start = anywhere(cache.path(), &["local", "start", "--all"]);
    assert_eq!(start.code, Some(2), "{}", start.stderr);
    assert!(
        start
            .stderr
            .contains("`--all` can only be used with `status` and `stop`"),
        "{}",
        start.stderr
    );
}

const KEY: &str = "0123456789abcdef0123456789abcdef";

/// A cache with an entry of each kind, and other files.
struct Shelf {
    cache: tempfile::TempDir,
    elsewhere: tempfile::TempDir,
}

impl Shelf {
    fn new() -> Self {
        let shelf = Self {
            cache: tempfile::tempdir().unwrap(),
            elsewhere: tempfile::tempdir().unwrap(),
        };
        shelf.put(&format!("dependencies/{KEY}/dependencies.zip"), 3_000_000);
        shelf.put(&format!("dependencies/{KEY}.lock"), 0);
        shelf.put(&format!("local-packages-{KEY}/boto3/__init__.py"), 2_000);
        shelf.put(&format!("local-packages-{KEY}.lock"), 0);
        shelf.put(&format!("programs/{KEY}.json"), 10);
        shelf.put("confirmed/0123", 5);
        shelf.put("notes.txt", 5);
        shelf.put("dependencies/mine/kept.txt", 5);
        fs::write(shelf.elsewhere.path().join("kept.txt"), "kept").unwrap();
        let link = shelf.path(&format!("ministack-1.0-{}", &KEY[..12]));
        std::os::unix::fs::symlink(shelf.elsewhere.path(), link).unwrap();
        shelf
    }

    fn path(&self, name: &str) -> PathBuf {
        self.cache.path().join(name)
    }

    fn put(&self, name: &str, size: usize) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![b'x'; size]).unwrap();
    }

    fn used(&self, lock: &str, ago: Duration) {
        let file = fs::File::options()
            .write(true)
            .open(self.path(lock))
            .unwrap();
        file.set_modified(SystemTime::now() - ago).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Answer {
        let answer = anywhere(self.cache.path(), &[&["cache"], arguments].concat());
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
        answer
    }

    #[track_caller]
    fn keeps_what_is_not_its_own(&self) {
        for name in ["confirmed/0123", "notes.txt", "dependencies/mine/kept.txt"] {
            assert!(self.path(name).exists(), "{name}");
        }
        assert!(self.elsewhere.path().join("kept.txt").exists());
    }
}

#[test]
fn the_cache_is_shown_by_kind_and_as_a_document() {
    let shelf = Shelf::new();
    shelf.used(
        &format!("dependencies/{KEY}.lock"),
        Duration::from_hours(50),
    );
    let shown = shelf.run(&[]);
    let lines: Vec<&str> = shown.stdout.lines().skip(1).collect();
    assert_eq!(
        lines,
        [
            "    3.0 MB  1 set of dependencies, last used 2 days ago",
            "    2.0 kB  1 set of packages for `--local` and `dev`, last used within the hour",
            "  10 bytes  1 record of an installed program, last used within the hour",
        ],
        "{}",
        shown.stdout
    );
    assert!(shown.stderr.contains("`notes.txt`"), "{}", shown.stderr);

    let document: Value = serde_json::from_str(&shelf.run(&["--output", "json"]).stdout).unwrap();
    assert_eq!(document["bytes"], json!(3_002_010));
    assert_eq!(document["entries"].as_array().unwrap().len(), 3);
    assert_eq!(document["entries"][0]["kind"], json!("dependencies"));
}

#[test]
fn what_was_not_used_for_long_is_removed_and_nothing_else() {
    let shelf = Shelf::new();
    let lock = format!("dependencies/{KEY}.lock");
    shelf.used(&lock, Duration::from_hours(24 * 31));
    let dry = shelf.run(&["prune", "--dry-run"]);
    assert!(
        dry.stderr.contains("Would free 3.0 MB, 1 entry"),
        "{}",
        dry.stderr
    );
    assert!(shelf.path(&format!("dependencies/{KEY}")).exists());

    let kept = shelf.run(&["prune", "--older-than", "60d"]);
    assert!(kept.stderr.contains("Removed nothing"), "{}", kept.stderr);
    let pruned = shelf.run(&["prune"]);
    assert!(
        pruned.stderr.contains("Removed 3.0 MB, 1 entry"),
        "{}",
        pruned.stderr
    );
    assert!(!shelf.path(&format!("dependencies/{KEY}")).exists());
    assert!(shelf.path(&format!("local-packages-{KEY}")).exists());
    shelf.keeps_what_is_not_its_own();
}

#[test]
fn what_is_in_use_stays_even_with_all() {
    let shelf = Shelf::new();
    let lock = shelf.path(&format!("local-packages-{KEY}.lock"));
    let held = fs::File::open(&lock).unwrap();
    held.lock_shared().unwrap();
    let document = shelf.run(&["prune", "--all", "--output", "json"]).stdout;
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(
        document["removed"].as_array().unwrap().len(),
        2,
        "{document}"
    );
    assert_eq!(
        document["in_use"][0]["kind"],
        json!("local-packages"),
        "{document}"
    );
    assert!(shelf.path(&format!("local-packages-{KEY}/boto3")).exists());
    drop(held);
    shelf.run(&["prune", "--all"]);
    assert!(!shelf.path(&format!("local-packages-{KEY}")).exists());
    assert!(!lock.exists());
    assert!(!shelf.path(&format!("dependencies/{KEY}.lock")).exists());
    shelf.keeps_what_is_not_its_own();
}

#[test]
fn what_an_interrupted_run_left_is_no_entry_and_always_removed() {
    let shelf = Shelf::new();
    let left = format!("dependencies/{KEY}.building-x1y2z3");
    shelf.put(&format!("{left}/entry/boto3.py"), 1_000);
    // The lock of an entry that an earlier version removed.
    let stray = format!("dependencies/{}.lock", KEY.replace('0', "1"));
    shelf.put(&stray, 0);
    let shown = shelf.run(&[]).stdout;
    for line in [
        "1 set of dependencies, ",
        "1 unfinished set of dependencies, last used within the hour",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    let pruned = shelf.run(&["prune"]);
    assert!(
        pruned.stderr.contains("Removed 1.0 kB, 1 entry"),
        "{}",
        pruned.stderr
    );
    assert!(!shelf.path(&left).exists() && !shelf.path(&stray).exists());
    let entry = format!("dependencies/{KEY}");
    assert!(shelf.path(&entry).exists() && shelf.path(&format!("{entry}.lock")).exists());
}

#[test]
fn an_age_that_is_none_is_a_usage_error() {
    let cache = tempfile::tempdir().unwrap();
    let answer = anywhere(cache.path(), &["cache", "prune", "--older-than", "soon"]);
    assert_eq!(answer.code, Some(2), "{}", answer.stderr);
    assert!(
        answer.stderr.contains("expected an age such as `30d`"),
        "{}",
        answer.stderr
    );
}
