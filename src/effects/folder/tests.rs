#![expect(
    clippy::disallowed_methods,
    reason = "tests set their stage and look at what became of it"
)]

use std::{fs, path::PathBuf};

use super::*;
use crate::effects::files::Attempt;

struct Stage {
    _dir: tempfile::TempDir,
    base: PathBuf,
    elsewhere: PathBuf,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (base, elsewhere) = (dir.path().join("base"), dir.path().join("elsewhere"));
        fs::create_dir(&base).unwrap();
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join("file"), "theirs").unwrap();
        Self {
            _dir: dir,
            base,
            elsewhere,
        }
    }

    fn folder(&self) -> Folder {
        Folder::private(self.base.clone()).join("a/b")
    }

    /// Calls every operation of a folder, by name.
    fn everything(folder: &Folder) -> Vec<(&'static str, Result<(), FileError>)> {
        vec![
            ("exists", folder.exists().map(drop)),
            ("names", folder.names().map(drop)),
            ("holds", folder.holds("file").map(drop)),
            ("read", folder.read("file").map(drop)),
            ("write", folder.write("file", b"ours")),
            ("empty file", folder.empty_file("file").map(drop)),
            ("rename", folder.rename("file", "other")),
            ("remove file", folder.remove_file("file")),
            ("remove whole", folder.remove_whole()),
            ("create", folder.create()),
            ("create marked", folder.create_marked(|_| true)),
            ("ready", folder.ready().map(drop)),
            ("links within", folder.refuse_links_within()),
            ("lock", folder.try_lock("file").map(drop)),
            ("lock file", folder.lock_file("file").map(drop)),
        ]
    }
}

#[cfg(unix)]
use std::os::unix::fs::{PermissionsExt as _, symlink};

#[cfg(unix)]
#[test]
fn no_operation_follows_a_link_on_the_way() {
    for linked in ["a", "a/b"] {
        let stage = Stage::new();
        fs::create_dir_all(stage.elsewhere.join("b")).unwrap();
        fs::write(stage.elsewhere.join("b/file"), "theirs").unwrap();
        let at = stage.base.join(linked);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        let to = if linked == "a" {
            stage.elsewhere.clone()
        } else {
            stage.elsewhere.join("b")
        };
        symlink(&to, &at).unwrap();
        for (what, done) in Stage::everything(&stage.folder()) {
            let error = done.expect_err(what).to_string();
            let expected = format!("`{}`: it is a symbolic link", at.display());
            assert!(error.contains(&expected), "{what}: {error}");
        }
        assert_eq!(
            fs::read(stage.elsewhere.join("b/file")).unwrap(),
            b"theirs",
            "{linked}"
        );
        assert_eq!(fs::read_dir(&stage.elsewhere).unwrap().count(), 2);
    }
}

#[cfg(unix)]
#[test]
fn no_file_is_reached_through_a_link() {
    let stage = Stage::new();
    let folder = stage.folder();
    folder.create().unwrap();
    symlink(stage.elsewhere.join("file"), folder.path().join("file")).unwrap();
    for (what, done) in [
        ("holds", folder.holds("file").map(drop)),
        ("read", folder.read("file").map(drop)),
        ("write", folder.write("file", b"ours")),
        ("empty file", folder.empty_file("file").map(drop)),
        ("rename", folder.rename("file", "other")),
        ("remove file", folder.remove_file("file")),
        ("ready", folder.ready().map(drop)),
        ("links within", folder.refuse_links_within()),
        ("lock", folder.try_lock("file").map(drop)),
        ("lock file", folder.lock_file("file").map(drop)),
    ] {
        let error = done.expect_err(what).to_string();
        assert!(error.contains("it is a symbolic link"), "{what}: {error}");
    }
    assert_eq!(fs::read(stage.elsewhere.join("file")).unwrap(), b"theirs");
}

#[cfg(unix)]
#[test]
fn a_folder_that_goes_whole_takes_links_and_not_what_they_lead_to() {
    let stage = Stage::new();
    let folder = stage.folder();
    folder.join("c/d").create().unwrap();
    folder.join("c").write("own", b"ours").unwrap();
    symlink(&stage.elsewhere, folder.path().join("c/d/link")).unwrap();
    folder.remove_whole().unwrap();
    assert!(!folder.exists().unwrap());
    assert!(stage.base.join("a").exists(), "its parent stays");
    assert_eq!(fs::read(stage.elsewhere.join("file")).unwrap(), b"theirs");
    folder.remove_whole().unwrap();
}

#[cfg(unix)]
#[test]
fn a_link_deep_in_a_folder_is_found() {
    let stage = Stage::new();
    let folder = stage.folder();
    folder.join("c/d").create().unwrap();
    folder.refuse_links_within().unwrap();
    let link = folder.path().join("c/d/link");
    symlink(&stage.elsewhere, &link).unwrap();
    let error = folder.refuse_links_within().unwrap_err().to_string();
    assert!(error.contains(&link.display().to_string()), "{error}");
}

#[test]
fn no_name_leads_out_of_the_folder() {
    let stage = Stage::new();
    let folder = stage.folder();
    folder.create().unwrap();
    for name in ["..", ".", "", "../x", "/etc/passwd"] {
        for done in [
            folder.write(name, b""),
            folder.remove_file(name),
            folder.read(name).map(drop),
            folder.try_lock(name).map(drop),
        ] {
            assert!(done.is_err(), "{name}");
        }
    }
    let outside = Folder::private(stage.base.clone()).join("../elsewhere");
    assert!(outside.remove_whole().is_err());
    assert!(outside.create().is_err());
    assert!(stage.elsewhere.join("file").exists());
}

#[cfg(unix)]
#[test]
fn what_is_private_is_readable_by_the_user_alone() {
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let stage = Stage::new();
    // As an earlier version left it.
    fs::create_dir(stage.base.join("a")).unwrap();
    fs::set_permissions(stage.base.join("a"), fs::Permissions::from_mode(0o755)).unwrap();
    let folder = stage.folder();
    folder.write("file", b"x").unwrap();
    let lock = folder.try_lock("lock").unwrap();
    folder.empty_file("log").unwrap();
    assert_eq!(mode(stage.base.join("a")), 0o700);
    assert_eq!(mode(folder.path()), 0o700);
    for name in ["file", "lock", "log"] {
        assert_eq!(mode(folder.path().join(name)), 0o600, "{name}");
    }
    drop(lock);
    let project = Folder::of_project(stage.base.join("project")).join("x");
    project
        .write_below("y/run", b"x", Mode::Executable)
        .unwrap();
    assert_eq!(mode(project.path().join("y/run")), 0o755);
}

#[test]
fn what_is_written_is_read_and_locks_exclude_each_other() {
    let stage = Stage::new();
    let folder = stage.folder();
    assert_eq!(folder.read("file").unwrap(), None);
    assert!(folder.names().unwrap().is_empty());
    folder.write("file", b"one").unwrap();
    folder.write("file", b"two").unwrap();
    assert_eq!(folder.read_text("file").unwrap().as_deref(), Some("two"));
    let held = folder.try_lock("lock").unwrap();
    assert!(matches!(held, Attempt::Held(_)));
    assert!(matches!(folder.try_lock("lock").unwrap(), Attempt::Busy(_)));
    drop(held);
    assert!(matches!(folder.try_lock("lock").unwrap(), Attempt::Held(_)));
    assert_eq!(folder.names().unwrap(), ["file", "lock"]);
    folder.remove_if_empty().unwrap();
    assert!(folder.exists().unwrap());
    folder.remove_file("file").unwrap();
    folder.remove_file("lock").unwrap();
    folder.remove_if_empty().unwrap();
    assert!(!folder.exists().unwrap());
}

#[test]
fn a_folder_with_other_peoples_files_gets_no_mark() {
    let stage = Stage::new();
    let folder = stage.folder();
    folder.create_marked(|name| name == "ours").unwrap();
    assert!(folder.is_marked().unwrap());
    let older = stage.folder().join("older");
    older.write("ours", b"").unwrap();
    older.create_marked(|name| name == "ours").unwrap();
    assert!(older.is_marked().unwrap());
    let foreign = stage.folder().join("foreign");
    foreign.write("letter.txt", b"").unwrap();
    foreign.create_marked(|name| name == "ours").unwrap();
    assert!(!foreign.is_marked().unwrap());
}
