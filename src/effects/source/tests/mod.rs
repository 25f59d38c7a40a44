#[cfg(unix)]
mod links;

use tempfile::TempDir;

use super::*;

struct Place {
    root: TempDir,
    prefix: &'static str,
}

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let place = Self {
            root: TempDir::new().unwrap(),
            prefix: "a/",
        };
        for (path, text) in files {
            let path = place.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        place
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn observe_with(&self, source: &str, include: &[&str]) -> Result<Source, Failure> {
        let include: Vec<String> = include
            .iter()
            .map(|pattern| (*pattern).to_owned())
            .collect();
        observe(&SourceRequest {
            shown: Path::new(source),
            path: &self.path(source),
            seen_from: "`source` is relative to the Cargo.toml",
            include: &include,
            deployment: Some(&self.path("ws/deployment")),
            others: &[self.path("ws/src/other-deployment")].into(),
            target: &self.path("ws/target"),
            workspace_root: &self.path("ws"),
            home: Some(&self.path("home")),
            prefix: self.prefix,
        })
    }

    fn names(&self, include: &[&str]) -> Vec<String> {
        self.observe_with("ws/src", include)
            .unwrap()
            .files
            .into_keys()
            .collect()
    }

    fn refusal(&self, source: &str) -> Vec<String> {
        let failure = self.observe_with(source, &[]).unwrap_err();
        assert_eq!(failure.exit, Exit::Config);
        failure
            .messages
            .into_iter()
            .map(|message| message.what)
            .collect()
    }
}

#[test]
fn a_source_that_is_the_projects_directory_ships_nothing_that_is_the_projects() {
    let mut place = Place::new(&[
        ("ws/Cargo.toml", ""),
        ("ws/Cargo.lock", ""),
        ("ws/README.md", ""),
        ("ws/readme_ja.md", ""),
        ("ws/LICENSE-MIT", ""),
        ("ws/CHANGELOG.md", ""),
        ("ws/AGENTS.md", ""),
        ("ws/pyproject.toml", ""),
        ("ws/uv.lock", ""),
        ("ws/tests/test_main.py", ""),
        ("ws/build.rs", ""),
        ("ws/src/lib.rs", ""),
        ("ws/deployment/invoke.py", ""),
        ("ws/src/other-deployment/invoke.py", ""),
        ("ws/target/agentcore/x.py", ""),
        ("ws/.venv/pyvenv.cfg", ""),
        ("ws/.venv/lib/x.py", ""),
        ("ws/.bedrock_agentcore.yaml", ""),
        ("ws/main.py", ""),
        ("ws/requirements.txt", ""),
        ("ws/src/README.md", ""),
        ("ws/src/tests/data.py", ""),
    ]);
    let shipped = |place: &Place, include: &[&str]| -> Vec<String> {
        let source = place.observe_with("ws", include).unwrap();
        assert!(source.warnings.is_empty(), "{:?}", source.warnings);
        source.files.into_keys().collect()
    };
    let own = [
        "main.py",
        "requirements.txt",
        "src/README.md",
        "src/tests/data.py",
    ];
    place.prefix = "";
    assert_eq!(shipped(&place, &[]), own);
    let included = shipped(&place, &["README.md", "tests/"]);
    assert!(included.contains(&"README.md".to_owned()), "{included:?}");
    assert!(
        included.contains(&"tests/test_main.py".to_owned()),
        "{included:?}"
    );
    fs::write(place.path("ws/.agentcoreignore"), "!/uv.lock\n").unwrap();
    assert!(shipped(&place, &[]).contains(&"uv.lock".to_owned()));
    fs::remove_file(place.path("ws/.agentcoreignore")).unwrap();
    place.prefix = "a/";
    assert_eq!(shipped(&place, &[]), own.map(|path| format!("a/{path}")));
}

#[test]
fn sub_packages_and_data_are_copied_and_caches_and_secrets_are_not() {
    let place = Place::new(&[
        ("ws/src/__init__.py", ""),
        ("ws/src/sub/deep/tool.py", "x"),
        ("ws/src/data/prices.json", "{}"),
        ("ws/src/__pycache__/x.pyc", ""),
        ("ws/src/.venv/pyvenv.cfg", ""),
        ("ws/src/.venv/lib/x.py", ""),
        ("ws/src/.env", "SECRET=1"),
        ("ws/src/.env.production", "SECRET=1"),
        ("ws/src/prod.env", "SECRET=1"),
        ("ws/src/.env.example", "SECRET="),
        ("ws/src/server.key", "k"),
        ("ws/src/ca.pem", "-----BEGIN CERTIFICATE-----"),
        ("ws/src/private.pem", "-----BEGIN RSA PRIVATE KEY-----"),
        ("ws/src/notes.txt", "-----BEGIN OPENSSH PRIVATE KEY-----\nx"),
        ("ws/src/.aws/credentials", "x"),
        ("ws/src/.git/config", "x"),
    ]);
    assert_eq!(
        place.names(&[]),
        [
            "a/__init__.py",
            "a/ca.pem",
            "a/data/prices.json",
            "a/sub/deep/tool.py"
        ]
    );
}

#[test]
fn ignore_files_hold_with_and_without_a_repository_and_include_wins() {
    let files = [
        ("ws/.gitignore", "*.log\nlib/\n"),
        ("ws/src/main.py", ""),
        ("ws/src/x.log", ""),
        ("ws/src/lib/core.py", ""),
        ("ws/src/lib/table.csv", ""),
        ("ws/src/.agentcoreignore", "notes/\n!keep.log\n"),
        ("ws/src/notes/a.txt", ""),
        ("ws/src/keep.log", ""),
    ];
    let place = Place::new(&files);
    let without = place.names(&[]);
    assert_eq!(without, ["a/keep.log", "a/main.py"]);
    fs::create_dir_all(place.path("ws/.git")).unwrap();
    assert_eq!(place.names(&[]), without);
    assert_eq!(
        place.names(&["lib/"]),
        [
            "a/keep.log",
            "a/lib/core.py",
            "a/lib/table.csv",
            "a/main.py"
        ]
    );

    let warnings = place.observe_with("ws/src", &[]).unwrap().warnings;
    assert_eq!(warnings.len(), 1);
    let what = &warnings[0].what;
    assert!(
        what.contains("`lib/`") && what.contains("a/lib/core.py") && what.contains(".gitignore"),
        "{what}"
    );
}

#[test]
fn a_secret_is_never_copied_even_where_include_names_it() {
    let place = Place::new(&[("ws/src/main.py", ""), ("ws/src/.env", "S=1")]);
    let source = place.observe_with("ws/src", &[".env"]).unwrap();
    assert_eq!(source.files.len(), 1);
    assert!(source.warnings[0].what.contains("looks like a secret"));
}

#[test]
fn hidden_files_are_left_out_unless_include_names_them() {
    let place = Place::new(&[
        ("ws/src/main.py", ""),
        ("ws/src/.prompts/system.md", ""),
        ("ws/src/.prompts/.deep/more.md", ""),
        ("ws/src/.chainlit", ""),
        ("ws/src/.vscode/settings.json", ""),
        ("ws/src/data/.index", ""),
        ("ws/src/mirror/HEAD", ""),
        ("ws/src/mirror/objects/x", ""),
        ("ws/src/mirror/refs/x", ""),
    ]);
    let source = place.observe_with("ws/src", &["*"]).unwrap();
    assert_eq!(source.files.into_keys().collect::<Vec<_>>(), ["a/main.py"]);
    assert_eq!(
        source.notes,
        [
            "not shipped, because hidden files are only shipped if `include` names them: `a/.chainlit`, `a/.prompts`, `a/data/.index`"
        ]
    );
    for (include, more) in [
        (
            ".prompts/",
            &["a/.prompts/.deep/more.md", "a/.prompts/system.md"][..],
        ),
        (".prompts/*.md", &["a/.prompts/system.md"]),
        ("a/.prompts/system.md", &["a/.prompts/system.md"]),
        (".index", &["a/data/.index"]),
        ("data/.*", &["a/data/.index"]),
    ] {
        let mut wanted = [more, &["a/main.py"]].concat();
        wanted.sort_unstable();
        assert_eq!(place.names(&[include]), wanted, "{include}");
    }
}

#[test]
fn sources_that_cannot_be_are_refused_with_the_reason() {
    let place = Place::new(&[
        ("ws/src/main.py", ""),
        ("ws/empty/readme.txt", ""),
        ("ws/deployment/invoke.py", ""),
        ("home/x.py", ""),
    ]);
    assert_eq!(
        place.refusal("ws/scr"),
        ["the source `ws/scr` does not exist"]
    );
    assert_eq!(
        place.refusal("ws/empty"),
        ["the source `ws/empty` contains no Python files"]
    );
    assert_eq!(
        place.refusal("ws/src/main.py"),
        ["the source `ws/src/main.py` is a file"]
    );
    assert_eq!(
        place.refusal("home"),
        ["the source `home` is a home or root directory"]
    );
    assert_eq!(
        place.refusal("ws/deployment"),
        ["the source `ws/deployment` is the deployment folder itself"]
    );
    let failure = place.observe_with("ws/scr", &[]).unwrap_err();
    assert_eq!(
        failure.messages[0].help,
        ["there is a directory `src` beside it"]
    );
}

#[test]
fn a_source_outside_the_workspace_is_said() {
    let place = Place::new(&[("ws/x", ""), ("elsewhere/main.py", "")]);
    assert_eq!(place.observe_with("elsewhere", &[]).unwrap().notes.len(), 1);
}

#[test]
fn a_source_inside_the_deployment_folder_is_refused_and_a_deployment_folder_inside_is_left_out() {
    let place = Place::new(&[
        ("ws/main.py", "x"),
        ("ws/deployment/pkg/main.py", "x"),
        ("ws/deployment-two/.cargo-agentcore", ""),
        ("ws/deployment-two/two/main.py", "x"),
    ]);
    assert_eq!(
        place.refusal("ws/deployment/pkg"),
        ["the source `ws/deployment/pkg` is in the deployment folder"]
    );
    let source = place.observe_with("ws", &[]).unwrap();
    assert_eq!(source.files.into_keys().collect::<Vec<_>>(), ["a/main.py"]);
}

#[test]
fn what_cargo_builds_is_no_source() {
    let place = Place::new(&[
        ("ws/main.py", "x"),
        ("ws/target/agentcore/p/a/deployment.zip", "x"),
        ("ws/data/target/kept.txt", "x"),
    ]);
    let source = place.observe_with("ws", &["**/*.zip"]).unwrap();
    let files: Vec<String> = source.files.into_keys().collect();
    assert_eq!(files, ["a/data/target/kept.txt", "a/main.py"]);
    assert_eq!(
        place.refusal("ws/target/agentcore"),
        ["the source `ws/target/agentcore` is in cargo's target directory"]
    );
}

#[test]
fn the_target_directory_is_where_cargo_says_and_no_larger() {
    let place = Place::new(&[("shared/agent/main.py", "x"), ("ws/agent/main.py", "x")]);
    let judged = |source: &str, target: &str| {
        let (root, workspace) = (place.path(source), place.path("ws"));
        let root = real_path(root).unwrap();
        lasting(Path::new(source), &root, &workspace, &place.path(target)).is_ok()
    };
    assert!(judged("ws/agent", "ws/target"));
    assert!(!judged("shared/agent", "shared"));
    assert!(!judged("ws/agent", "ws/agent"));
    // For example `CARGO_TARGET_DIR=/tmp` for a project in /tmp.
    assert!(judged("ws/agent", ""));
}

#[test]
fn what_is_never_copied_is_no_source_and_neither_is_what_lies_in_it() {
    let place = Place::new(&[
        ("ws/node_modules/pack/main.py", "x"),
        ("ws/env/pyvenv.cfg", ""),
        ("ws/env/lib/pack/main.py", "x"),
        ("elsewhere/env/pyvenv.cfg", ""),
        ("elsewhere/env/main.py", "x"),
        ("ws/.GIT/main.py", "x"),
    ]);
    for (source, within) in [
        ("ws/node_modules", "ws/node_modules"),
        ("ws/node_modules/pack", "ws/node_modules"),
        ("ws/env", "ws/env"),
        ("ws/env/lib/pack", "ws/env"),
        ("elsewhere/env", "elsewhere/env"),
        ("ws/.GIT", "ws/.GIT"),
    ] {
        let within = real_path(place.path(within)).unwrap();
        let said = format!(
            "the source `{source}` is in `{}`, which is never copied",
            within.display()
        );
        assert_eq!(place.refusal(source), [said]);
    }
    // A virtual environment around the project does not affect the agent in it.
    let place = Place::new(&[("ws/pyvenv.cfg", ""), ("ws/src/main.py", "x")]);
    assert_eq!(place.names(&[]), ["a/main.py"]);
    place.observe_with("ws", &[]).unwrap();
}

#[test]
fn secrets_are_known_whatever_the_case_of_their_names() {
    let place = Place::new(&[
        ("ws/src/main.py", "x"),
        ("ws/src/.ENV", "S=1"),
        ("ws/src/.envrc", "export S=1"),
        ("ws/src/ID_RSA", "k"),
        ("ws/src/server.KEY", "k"),
        ("ws/src/.AWS/credentials", "k"),
    ]);
    assert_eq!(place.names(&[]), ["a/main.py"]);
}

#[cfg(unix)]
#[test]
fn a_pipe_or_a_socket_is_left_out_and_named_unless_a_rule_ignores_it() {
    let place = Place::new(&[
        ("ws/src/main.py", "x"),
        ("ws/src/.agentcoreignore", "quiet\n"),
    ]);
    for name in ["pipe", "quiet"] {
        let made = std::process::Command::new("mkfifo")
            .arg(place.path("ws/src").join(name))
            .status();
        assert!(made.unwrap().success());
    }
    let _socket = std::os::unix::net::UnixListener::bind(place.path("ws/src/server.sock")).unwrap();
    let source = place.observe_with("ws/src", &[]).unwrap();
    assert_eq!(source.files.into_keys().collect::<Vec<_>>(), ["a/main.py"]);
    assert_eq!(source.warnings.len(), 1, "{:?}", source.warnings);
    assert_eq!(source.warnings[0].notes, ["a/pipe, a/server.sock"]);
}

#[cfg(unix)]
#[test]
fn a_name_that_the_record_could_not_hold_is_an_error_unless_a_rule_ignores_it() {
    let place = Place::new(&[
        ("ws/src/main.py", "x"),
        ("ws/src/a\nb.py", "x"),
        ("ws/src/c\\d.py", "x"),
    ]);
    assert_eq!(
        place.refusal("ws/src"),
        [
            "the name of `a/a\\nb.py` contains a backslash or a control character",
            "the name of `a/c\\\\d.py` contains a backslash or a control character"
        ]
    );
    fs::write(place.path("ws/src/.agentcoreignore"), "a?b.py\nc*d.py\n").unwrap();
    assert_eq!(place.names(&[]), ["a/main.py"]);
}
