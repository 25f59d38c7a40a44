//! Links, names that are not UTF-8, and rules that exclude them.

use std::os::unix::{ffi::OsStrExt as _, fs::symlink};

use super::*;

#[test]
fn a_link_to_a_secret_is_not_copied_and_said() {
    let place = Place::new(&[
        ("ws/src/main.py", "x"),
        ("ws/src/.env", "S=1"),
        ("ws/src/.aws/config", "k"),
    ]);
    symlink(".env", place.path("ws/src/settings.txt")).unwrap();
    symlink("settings.txt", place.path("ws/src/again.txt")).unwrap();
    symlink(".aws", place.path("ws/src/cloud")).unwrap();
    symlink(".aws/config", place.path("ws/src/cloud.txt")).unwrap();
    let source = place.observe_with("ws/src", &["settings.txt"]).unwrap();
    assert_eq!(source.files.into_keys().collect::<Vec<_>>(), ["a/main.py"]);
    let said: Vec<String> = source.warnings.into_iter().map(|said| said.what).collect();
    assert_eq!(said.len(), 4, "{said:?}");
    assert!(
        said.contains(
            &"`a/settings.txt` is a link to the secret `.env` and is not copied".to_owned()
        ),
        "{said:?}"
    );
}

#[test]
fn a_link_to_a_key_under_an_innocent_name_is_not_copied() {
    let place = Place::new(&[
        ("ws/src/main.py", "x"),
        (
            "ws/src/deploy_key",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nx",
        ),
        ("ws/src/server.pem", "note\n-----BEGIN PRIVATE KEY-----\nx"),
    ]);
    symlink("deploy_key", place.path("ws/src/key.py")).unwrap();
    symlink("server.pem", place.path("ws/src/cert.txt")).unwrap();
    let source = place.observe_with("ws/src", &[]).unwrap();
    assert_eq!(source.files.into_keys().collect::<Vec<_>>(), ["a/main.py"]);
    // One for each link, and one for the keys.
    assert_eq!(source.warnings.len(), 3, "{:?}", source.warnings);
}

#[test]
fn a_link_to_something_hidden_is_not_copied_unless_include_names_it() {
    let place = Place::new(&[("ws/src/main.py", "x"), ("ws/src/.data/d.txt", "y")]);
    symlink(".data", place.path("ws/src/data")).unwrap();
    let source = place.observe_with("ws/src", &[]).unwrap();
    assert_eq!(source.files.into_keys().collect::<Vec<_>>(), ["a/main.py"]);
    assert!(
        source.notes[0].contains("`a/data` (a link to `.data`)"),
        "{:?}",
        source.notes
    );
    assert_eq!(
        place.names(&[".data"]),
        ["a/.data/d.txt", "a/data/d.txt", "a/main.py"]
    );
}

#[test]
fn links_are_followed_inside_the_source_only() {
    let place = Place::new(&[
        ("ws/src/main.py", "x"),
        ("ws/src/data/d.txt", "y"),
        ("outside.txt", "z"),
    ]);
    symlink("data", place.path("ws/src/alias")).unwrap();
    assert_eq!(
        place.names(&[]),
        ["a/alias/d.txt", "a/data/d.txt", "a/main.py"]
    );
    symlink("../../outside.txt", place.path("ws/src/out")).unwrap();
    symlink("nowhere", place.path("ws/src/broken")).unwrap();
    symlink(".", place.path("ws/src/data/loop")).unwrap();
    let problems = place.refusal("ws/src");
    assert_eq!(problems.len(), 4, "{problems:?}");
    assert!(
        problems
            .iter()
            .any(|what| what.contains("leads out of the source, to `../../outside.txt`"))
    );
    assert!(problems.iter().any(|what| what.contains("is broken")));
    assert!(problems.iter().any(|what| what.contains("leads back")));
}

#[test]
fn what_a_rule_leaves_out_may_lead_anywhere() {
    let place = Place::new(&[
        ("ws/.gitignore", ".venv/\ndata/\nlinks/\n.#*\n*.lnk\n"),
        ("ws/src/main.py", "x"),
        ("ws/src/data/d.txt", "x"),
        ("outside/lib.py", "x"),
    ]);
    for (target, link) in [
        ("../../outside", ".venv"),
        ("nowhere", "links"),
        ("../../outside/lib.py", "out.lnk"),
        ("ann@desk.4711", ".#main.py"),
        ("nowhere", "data/broken"),
        ("../../../outside", "data/out"),
        ("..", "data/circle"),
    ] {
        symlink(target, place.path("ws/src").join(link)).unwrap();
    }
    let source = place.observe_with("ws/src", &[]).unwrap();
    assert_eq!(source.files.into_keys().collect::<Vec<_>>(), ["a/main.py"]);
    assert!(source.warnings.is_empty(), "{:?}", source.warnings);

    // An explicit `include` is an error.
    let asked = place.observe_with("ws/src", &["data/broken"]).unwrap_err();
    let what = &asked.messages[0].what;
    assert!(what.contains("broken: there is no `nowhere`"), "{what}");
}

#[test]
fn a_link_that_no_rule_leaves_out_is_refused_beside_one_that_a_rule_does() {
    let place = Place::new(&[
        ("ws/.gitignore", "*.lnk\n!kept.lnk\n"),
        ("ws/src/main.py", "x"),
    ]);
    for link in ["gone.lnk", "kept.lnk"] {
        symlink("nowhere", place.path("ws/src").join(link)).unwrap();
    }
    let problems = place.refusal("ws/src");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("kept.lnk"), "{problems:?}");
}

#[test]
fn an_ignored_link_inside_the_source_is_followed_for_what_include_names() {
    let place = Place::new(&[
        ("ws/.gitignore", "alias\n"),
        ("ws/src/main.py", "x"),
        ("ws/src/data/d.csv", "x"),
    ]);
    symlink("data", place.path("ws/src/alias")).unwrap();
    assert_eq!(place.names(&[]), ["a/data/d.csv", "a/main.py"]);
    assert_eq!(
        place.names(&["alias/*.csv"]),
        ["a/alias/d.csv", "a/data/d.csv", "a/main.py"]
    );
}

#[test]
fn a_linked_environment_or_cache_is_passed_over_wherever_it_is() {
    let place = Place::new(&[
        ("ws/src/main.py", "x"),
        ("venvs/a/pyvenv.cfg", ""),
        ("modules/x.js", ""),
    ]);
    symlink("../../venvs/a", place.path("ws/src/env")).unwrap();
    symlink("../../modules", place.path("ws/src/node_modules")).unwrap();
    assert_eq!(place.names(&[]), ["a/main.py"]);
}

#[test]
fn a_name_that_is_not_utf8_is_an_error_unless_a_rule_ignores_it() {
    let place = Place::new(&[("ws/src/main.py", "x")]);
    for name in [&b"b\xff.py"[..], b"bad\xff.txt"] {
        fs::write(place.path("ws/src").join(OsStr::from_bytes(name)), "").unwrap();
    }
    fs::create_dir_all(place.path("ws/src").join(OsStr::from_bytes(b"d\xff/e"))).unwrap();
    let problems = place.refusal("ws/src");
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems[0].contains("is not UTF-8"));
    fs::write(
        place.path("ws/src/.agentcoreignore"),
        "b?.py\nbad*.txt\nd?/\n",
    )
    .unwrap();
    assert_eq!(place.names(&[]), ["a/main.py"]);
}
