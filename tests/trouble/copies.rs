//! The copied sources: edits are kept, a refused write is reported, a dry run writes nothing.

use super::{
    prepare, project,
    support::{Cli, Ministack, listing},
};

#[cfg(unix)]
#[test]
fn a_directory_that_may_not_be_written_is_named_and_nothing_is_made() {
    use std::os::unix::fs::PermissionsExt;
    let emulator = Ministack::start();
    let project = project();
    let before = listing(&emulator);
    // The rest is writable for the lock: only the deployment folder refuses.
    let deployment = project.path().join("deployment");
    std::fs::set_permissions(&deployment, std::fs::Permissions::from_mode(0o555)).unwrap();
    let refused = Cli::new(&project)
        .on(&emulator)
        .unprivileged()
        .arg("prepare")
        .run()
        .exits(1);
    std::fs::set_permissions(&deployment, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(
        refused.stderr.contains("deployment") && refused.stderr.contains("ermission denied"),
        "{}",
        refused.stderr
    );
    assert_eq!(listing(&emulator), before, "files come before the role");
}

#[cfg(unix)]
#[test]
fn what_a_rule_leaves_out_may_be_broken_unreadable_or_elsewhere() {
    use std::{
        ffi::OsStr,
        fs,
        os::unix::{
            ffi::OsStrExt as _,
            fs::{PermissionsExt as _, symlink},
        },
    };
    let emulator = Ministack::start();
    let project = project();
    let one = project.path().join("one");
    let run = || {
        Cli::new(&project)
            .on(&emulator)
            .unprivileged()
            .arg("prepare")
            .run()
    };
    symlink("/usr/lib", one.join("shared")).unwrap();
    project.write("one/data/d.txt", "x");
    symlink("nowhere", one.join("data/broken")).unwrap();
    fs::write(one.join(OsStr::from_bytes(b"bad\xff.txt")), "x").unwrap();
    project.write("one/database/base", "x");
    let closed = fs::Permissions::from_mode(0o000);
    fs::set_permissions(one.join("database"), closed).unwrap();
    let refused = run().exits(3);
    refused.says(&[
        "leads out of the source, to `/usr/lib`",
        "is broken: there is no `nowhere`",
        "is not UTF-8",
        "one/database`: Permission denied",
    ]);
    let rules = "shared\ndata/\nbad*.txt\ndatabase/\n";
    project.write("one/.gitignore", rules);
    let quiet = run().succeeds();
    assert!(!quiet.stderr.contains("warning"), "{}", quiet.stderr);
    for left_out in ["shared", "data", "database"] {
        assert!(
            !project.has(&format!("deployment/one/{left_out}")),
            "{left_out}"
        );
    }

    let manifest = project.read("Cargo.toml");
    let source = "source = \"one\"\n";
    let asking = format!("{source}include = [\"database/base\"]\n");
    project.write("Cargo.toml", manifest.replace(source, &asking));
    let asked = run().succeeds();
    assert!(
        asked
            .stderr
            .contains("what `include` names in it is not copied"),
        "{}",
        asked.stderr
    );
}

#[test]
fn the_copy_of_a_package_that_was_renamed_goes() {
    let emulator = Ministack::start();
    let project = project();
    prepare(&project, &emulator).succeeds();
    assert!(project.has("deployment/one/agent.py"));
    let manifest = project.read("Cargo.toml");
    let renamed = manifest.replace("agents.one]", "agents.two]");
    project.write("Cargo.toml", &renamed);
    let same = prepare(&project, &emulator).succeeds();
    assert!(!same.stderr.contains("Copying"), "{}", same.stderr);
    assert!(project.has("deployment/one/agent.py"));

    let named = renamed.replace(
        "source = \"one\"",
        "source = \"one\"\nimport-name = \"two\"",
    );
    project.write("Cargo.toml", named);
    prepare(&project, &emulator).succeeds();
    assert!(project.has("deployment/two/agent.py"));
    assert!(
        !project.has("deployment/one"),
        "{:?}",
        project.tree().keys()
    );
}

#[test]
fn an_edited_copy_is_kept_unless_forced_and_removed_sources_go() {
    let emulator = Ministack::start();
    let project = project();
    prepare(&project, &emulator).succeeds();
    let tree = project.tree();
    let copied = tree
        .keys()
        .find(|path| path.starts_with("deployment/one/") && path.ends_with("__init__.py"))
        .unwrap()
        .clone();
    project.write(&copied, "edited = True\n");
    let source = copied.strip_prefix("deployment/").unwrap();
    project.write(source, "changed = True\n");
    let kept = prepare(&project, &emulator).succeeds();
    let source_path = project.path().join(source);
    kept.says(&[
        "copied files were edited in the deployment folder and are kept",
        &format!("is a copy of `{}`", source_path.display()),
        "Unchanged agent `one`, except for the copies",
    ]);
    assert_eq!(project.read(&copied), "edited = True\n");
    Cli::new(&project)
        .on(&emulator)
        .args(["prepare", "--check"])
        .run()
        .exits(5);
    Cli::new(&project)
        .on(&emulator)
        .args(["prepare", "--force"])
        .run()
        .succeeds();
    assert_eq!(project.read(&copied), "changed = True\n");

    // A file is replaced with a directory of the same name, and the reverse.
    project.write("one/data", "x");
    prepare(&project, &emulator).succeeds();
    std::fs::remove_file(project.path().join("one/data")).unwrap();
    project.write("one/data/table.csv", "x");
    prepare(&project, &emulator).succeeds();
    assert!(project.has("deployment/one/data/table.csv"));
    std::fs::remove_dir_all(project.path().join("one/data")).unwrap();
    project.write("one/data", "y");
    prepare(&project, &emulator).succeeds();
    assert_eq!(project.read("deployment/one/data"), "y");

    project.write("one/extra.py", "");
    prepare(&project, &emulator).succeeds();
    assert!(project.has("deployment/one/extra.py"));
    std::fs::remove_file(project.path().join("one/extra.py")).unwrap();
    prepare(&project, &emulator).succeeds();
    assert!(!project.has("deployment/one/extra.py"));
}

#[test]
fn a_dry_run_changes_nothing_on_disk_or_in_aws() {
    let emulator = Ministack::start();
    let project = project();
    let (tree, account) = (project.tree(), listing(&emulator));
    let dry = Cli::new(&project)
        .on(&emulator)
        .args(["prepare", "--dry-run"])
        .run()
        .succeeds();
    assert!(
        dry.stderr.contains("Would create role `AgentCoreRole-one`"),
        "{}",
        dry.stderr
    );
    Cli::new(&project)
        .on(&emulator)
        .args(["prepare", "--check"])
        .run()
        .exits(5);
    assert_eq!(project.tree(), tree);
    assert_eq!(listing(&emulator), account);
}
