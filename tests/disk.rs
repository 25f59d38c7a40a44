//! A disk that is full: a small file system of its own for `new` and for `prepare`.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests touch the world and stop where it refuses"
)]

mod support;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use support::{Cli, Ministack, Project, listing, project::collect};

const FILLER: &str = "filler";

/// A file system of 512 KiB; dropping it takes it away.
struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    fn at(path: &Path) -> Self {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"])
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
        }
    }

    /// Leaves room for so many pages of 4 KiB, which is what a small file takes.
    fn leave(&self, pages: usize) {
        let filler = self.at.join(FILLER);
        let mut size = 512 * 1024;
        while fs::write(&filler, vec![0; size]).is_err() {
            size -= 4096;
        }
        fs::write(&filler, vec![0; size - pages * 4096]).unwrap();
    }

    fn make_room(&self) {
        fs::remove_file(self.at.join(FILLER)).unwrap();
    }

    /// Everything on it but the filler.
    fn entries(&self) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        collect(&self.at, "", &mut found);
        found.remove(FILLER);
        found
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What is still there is seen when the directory cannot be removed.
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
            refused.stderr.contains("help: make room on the disk"),
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
