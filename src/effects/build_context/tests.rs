#![expect(clippy::disallowed_methods, reason = "tests write files")]

use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

/// A workspace with a Dockerfile.
struct World {
    home: tempfile::TempDir,
}

impl World {
    fn new(dockerignore: &str) -> Self {
        let world = Self {
            home: tempfile::tempdir().expect("a directory"),
        };
        world.write("w/Dockerfile", "FROM scratch\n");
        world.write("w/.dockerignore", dockerignore);
        world
    }

    fn path(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a file has one")).expect("a directory");
        fs::write(path, content).expect("a file");
    }

    fn link(&self, target: &str, path: &str) {
        symlink(target, self.path(path)).expect("a link");
    }

    fn observe(&self, context: &str) -> Result<Context, Failure> {
        observe(&Request {
            agent: "a".to_owned(),
            dockerfile: Dockerfile {
                context: context.into(),
                ..Dockerfile::default()
            },
            directory: self.path("w"),
            workspace: self.path("w"),
            target: self.path("w/target"),
        })
    }

    fn paths(&self) -> Vec<String> {
        let context = self.observe(".").expect("it can be read");
        context
            .entries
            .into_iter()
            .map(|entry| entry.path)
            .collect()
    }
}

#[test]
fn what_dockerignore_keeps_is_sent_but_never_a_repository_output_of_cargo_or_a_secret() {
    let world = World::new("*.log\n!.git\n!target\n!.env\n!**/id_rsa\nskipped/*\n!skipped/kept\n");
    for path in [
        "w/src/main.rs",
        "w/a.log",
        "w/skipped/other",
        "w/skipped/kept",
        "w/.git/config",
        "w/sub/.git/config",
        "w/target/debug/agent",
        "w/.env",
        "w/keys/id_rsa",
        "w/.aws/credentials",
    ] {
        world.write(path, "x");
    }
    world.write("w/part/target/CACHEDIR.TAG", "x");
    world.write("w/part/target/debug", "x");
    world.write("w/other/target/main.py", "x");
    assert_eq!(
        world.paths(),
        [
            "Dockerfile",
            "keys",
            "other",
            "other/target",
            "other/target/main.py",
            "part",
            "skipped",
            "skipped/kept",
            "src",
            "src/main.rs",
            "sub",
        ]
    );
    let notes = world.observe(".").expect("it can be read").notes.join("\n");
    for name in [".env", "id_rsa", ".aws/"] {
        assert!(notes.contains(name), "{notes}");
    }
}

#[test]
fn rules_next_to_the_dockerfile_win() {
    let world = World::new("a\n");
    world.write("w/a", "");
    world.write("w/b", "");
    assert_eq!(world.paths(), ["Dockerfile", "b"]);
    world.write("w/Dockerfile.dockerignore", "b\n*.dockerignore\n");
    assert_eq!(world.paths(), ["Dockerfile", "a"]);
}

#[test]
fn a_link_is_sent_as_a_link_if_it_stays_inside() {
    let world = World::new("");
    world.write("outside", "private");
    world.write("w/file", "x");
    world.write("w/.env", "x");
    world.link("file", "w/inside");
    world.link("../outside", "w/leads_out");
    world.link("nowhere", "w/broken");
    world.link(".env", "w/innocent");
    let absolute = world.path("w/file");
    world.link(&absolute.to_string_lossy(), "w/absolute");
    let context = world.observe(".").expect("it can be read");
    let links: Vec<_> = context
        .entries
        .iter()
        .filter(|entry| matches!(entry.kind, Kind::Link(_)))
        .collect();
    assert_eq!(
        links,
        [&Entry {
            path: "inside".to_owned(),
            kind: Kind::Link("file".to_owned()),
        }]
    );
    let notes = context.notes.join("\n");
    for name in ["leads_out", "broken", "innocent", "absolute"] {
        assert!(notes.contains(name), "{notes}");
    }
}

#[test]
fn nothing_outside_the_workspace_is_read() {
    let world = World::new("");
    world.write("other/file", "private");
    for context in ["..", "../other", "missing", "Dockerfile"] {
        world.observe(context).expect_err("it is refused");
    }
    world.link("../other", "w/link");
    world.observe("link").expect_err("it is refused");
    let dockerfile = world.path("w/Dockerfile");
    fs::remove_file(&dockerfile).expect("it is there");
    world.observe(".").expect_err("it is refused");
    world.link("../other/file", "w/Dockerfile");
    world.observe(".").expect_err("it is refused");
}

#[test]
fn a_copy_has_the_same_content_rights_times_and_links() {
    let world = World::new("");
    world.write("w/run.sh", "#!/bin/sh\n");
    let program = fs::Permissions::from_mode(0o755);
    fs::set_permissions(world.path("w/run.sh"), program).expect("it is ours");
    fs::create_dir(world.path("w/empty")).expect("a directory");
    world.link("run.sh", "w/link");
    let context = world.observe(".").expect("it can be read");
    let folder = crate::effects::folder::Folder::private(world.path("copies")).join("a");
    stage(&context, &folder).expect("it can be copied");
    let copied = folder.path().join(CONTEXT);
    let of = |path: PathBuf| fs::metadata(path).expect("it is there");
    let (there, here) = (of(copied.join("run.sh")), of(world.path("w/run.sh")));
    assert_eq!(there.permissions(), here.permissions());
    assert_eq!(there.modified().ok(), here.modified().ok());
    assert!(copied.join("empty").is_dir());
    assert_eq!(
        fs::read_link(copied.join("link")).ok(),
        Some("run.sh".into())
    );
    assert!(folder.path().join(DOCKERFILE).is_file());
}
