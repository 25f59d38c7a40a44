//! `exclude-packages`: distributions that are installed and not shipped.

use super::{
    archive, names, package, project,
    support::{Project, wheels},
};

/// A framework that requires two packages, one of which shares a file with it.
fn framework(exclude: &str) -> Project {
    let project = Project::new().agent_with(
        "my_agent",
        &format!("runtime = \"python3.11\"\nexclude-packages = {exclude}"),
    );
    for (name, files) in [
        (
            "frame_work",
            &["frame/__init__.py", "shared/__init__.py"][..],
        ),
        ("Lance.DB", &["lancedb/__init__.py", "shared/__init__.py"]),
        ("lance_helper", &["lancehelper.py"]),
    ] {
        let files: Vec<(&str, &str)> = files.iter().map(|path| (*path, "")).collect();
        let wheel = wheels::plain(name, "1.0", &files);
        project.write(&format!("wheels/{name}-1.0-py3-none-any.whl"), wheel);
    }
    project.write(
        "deployment/requirements.txt",
        "--find-links ../wheels\n--no-index\nframe-work\nlance-db\nlance-helper\n",
    );
    project
}

#[test]
fn only_the_named_distributions_are_left_out() {
    let project = framework("[\"LANCE_db\"]");
    let built = package(&project).run().succeeds();
    assert!(
        built.stderr.contains("Excluded Lance.DB 1.0 ("),
        "{}",
        built.stderr
    );
    let found = names(&archive(&project));
    let has = |part: &str| found.iter().any(|name| name.starts_with(part));
    for part in [
        "frame/",
        "shared/__init__.py",
        "lancehelper.py",
        "lance_helper-1.0.dist-info/",
    ] {
        assert!(has(part), "{part}: {found:?}");
    }
    assert!(!has("lancedb") && !has("Lance.DB"), "{found:?}");

    // Neither the last archive nor the cache forgets.
    let again = package(&project)
        .args(["--output", "json"])
        .run()
        .succeeds();
    let again = again.json();
    assert_eq!(again["agents"][0]["excluded"][0]["name"], "Lance.DB");
    // The bill of materials has what is shipped.
    let bill = again["agents"][0]["sbom"].as_str().unwrap();
    let bill = std::fs::read_to_string(bill).unwrap();
    for (url, is_shipped) in [
        ("pkg:pypi/frame-work@1.0", true),
        ("pkg:pypi/lance-helper@1.0", true),
        ("pkg:pypi/lance-db@1.0", false),
    ] {
        assert_eq!(bill.contains(url), is_shipped, "{url}: {bill}");
    }
    let manifest = project.read("Cargo.toml");
    project.write("Cargo.toml", manifest.replace("[\"LANCE_db\"]", "[]"));
    let whole = package(&project).run().succeeds();
    assert!(!whole.stderr.contains("Excluded"), "{}", whole.stderr);
    assert!(names(&archive(&project)).contains(&"lancedb/__init__.py".to_owned()));
}

#[test]
fn a_name_that_is_not_installed_is_an_error_with_its_line() {
    let project = framework("[\"lancedb\", \"lance-db\", \"zzz\"]");
    let refused = package(&project).run().exits(3);
    refused.says(&[
        "the requirements install no package `lancedb`",
        "did you mean `lance-db`?",
        "the requirements install no package `zzz`",
        "Cargo.toml:",
        "exclude-packages = [",
    ]);
    let versioned = framework("[\"lance-db==1.0\"]");
    let refused = package(&versioned).run().exits(3);
    assert!(
        refused
            .stderr
            .contains("invalid package name `lance-db==1.0`"),
        "{}",
        refused.stderr
    );

    // Nothing is installed at all.
    let empty = project_without_requirements();
    let refused = package(&empty).run().exits(3);
    assert!(
        refused.stderr.contains("install no package `lancedb`"),
        "{}",
        refused.stderr
    );
}

fn project_without_requirements() -> Project {
    let project = project();
    project.write("deployment/requirements.txt", "");
    package(&project).run().succeeds();
    let manifest = project.read("Cargo.toml");
    let changed = manifest.replace(
        "runtime = \"python3.11\"",
        "runtime = \"python3.11\"\nexclude-packages = [\"lancedb\"]",
    );
    project.write("Cargo.toml", changed);
    project
}
