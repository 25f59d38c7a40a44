#![expect(clippy::disallowed_methods, reason = "tests write what is read")]

use std::fs;

use super::*;

struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    fn observe(&self, name: &str) -> Result<Wanted, Failure> {
        observe(&self.0.path().join(name), &Checkout::around(self.0.path()))
    }

    fn digest(&self, name: &str) -> String {
        self.observe(name).expect("it can be read").digest
    }

    fn problems(&self, name: &str) -> Vec<String> {
        let failure = self.observe(name).expect_err("there are problems");
        assert_eq!(failure.exit, Exit::Config);
        failure
            .messages
            .iter()
            .map(|message| {
                let at = message.at.as_ref().expect("it is pointed at");
                format!("{}: {}", &at.text[at.span.clone()], message.what)
            })
            .collect()
    }
}

#[test]
fn the_digest_follows_includes_and_wheels_to_their_content() {
    let desk = Desk::new();
    desk.write("requirements.txt", "-r more.txt\n./a-1-py3-none-any.whl\n");
    desk.write("more.txt", "boto3\n");
    desk.write("a-1-py3-none-any.whl", "one");
    let digest = || desk.digest("requirements.txt");
    let first = digest();
    assert_eq!(digest(), first);
    desk.write("more.txt", "boto3==1\n");
    let second = digest();
    assert_ne!(second, first);
    desk.write("a-1-py3-none-any.whl", "two");
    assert_ne!(digest(), second);
}

#[test]
fn the_same_requirements_are_the_same_in_every_project_until_one_brings_settings() {
    let desks = [Desk::new(), Desk::new()];
    for desk in &desks {
        desk.write("requirements.txt", "boto3\n");
    }
    let digests = || desks.each_ref().map(|desk| desk.digest("requirements.txt"));
    let [one, other] = digests();
    assert_eq!(one, other);
    for desk in &desks {
        desk.write("uv.toml", "[[index]]\nurl = \"https://h/simple\"\n");
    }
    let [with, another] = digests();
    assert_ne!(with, another);
    assert_ne!(with, one);
}

#[test]
fn a_folder_of_wheels_counts_by_its_content() {
    let desk = Desk::new();
    desk.write("deployment/requirements.txt", "boto3\n");
    desk.write("pyproject.toml", "[tool.uv]\nfind-links = [\"wheels\"]\n");
    desk.write("wheels/a-1-py3-none-any.whl", "one");
    let first = desk.digest("deployment/requirements.txt");
    desk.write("wheels/a-1-py3-none-any.whl", "two");
    assert_ne!(desk.digest("deployment/requirements.txt"), first);
}

#[test]
fn every_requirement_that_cannot_be_shipped_is_pointed_at() {
    let desk = Desk::new();
    desk.write("lib/x.py", "");
    desk.write("lib.zip", "");
    desk.write(
        "requirements.txt",
        "-e lib\n.././lib.zip\n-r missing.txt\na @ git+https://u:p@h/a\n-r https://h/r.txt\n--wat\n",
    );
    let problems = desk.problems("requirements.txt");
    assert_eq!(problems.len(), 6, "{problems:?}");
    assert!(problems[3].contains("h/a` would have to be built"));
}

#[test]
fn a_pinned_source_is_never_replaced_by_a_name() {
    let desk = Desk::new();
    desk.write(
        "pyproject.toml",
        "[project]\nname = \"app\"\ndependencies = [\"shared\", \"g\", \"u\", \"p[x]\", \"i\", \"t\", \"gone\"]\n\
         [tool.uv.sources]\nshared = { workspace = true }\ng = { git = \"https://h/g\" }\n\
         u = { url = \"https://h/u-1-py3-none-any.whl\" }\np = { path = \"libs/p\" }\n\
         i = { index = \"corp\" }\nt = { path = \"libs/p\", marker = \"m\" }\ngone = { workspace = true }\n\
         [tool.uv.workspace]\nmembers = [\"packages/*\"]\n\
         [[tool.uv.index]]\nname = \"corp\"\nurl = \"https://h/simple\"\nexplicit = true\n",
    );
    desk.write(
        "packages/shared/pyproject.toml",
        "[project]\nname = \"Shared\"\nversion = \"1.2\"\ndependencies = [\"markdown\"]\n",
    );
    desk.write("packages/shared/src/shared/__init__.py", "");
    desk.write(
        "libs/p/pyproject.toml",
        "[project]\nname = \"p\"\n[project.optional-dependencies]\nx = [\"six\"]\n",
    );
    desk.write("libs/p/p.py", "");
    let problems = desk.problems("pyproject.toml");
    assert_eq!(problems.len(), 3, "{problems:?}");
    for (problem, words) in problems.iter().zip([
        "`git+https://h/g` would have to be built",
        "the source of `t` depends on more",
        "no member of the workspace is called `gone`",
    ]) {
        assert!(problem.contains(words), "{problem}");
    }

    // The same names in a requirements file mean the same packages.
    desk.write("requirements.txt", "shared\nu\np[x]\ni>=1\n");
    let wanted = desk.observe("requirements.txt").expect("it can be read");
    let names: Vec<&str> = wanted
        .inputs
        .requirements
        .iter()
        .map(|(text, _)| text.as_str())
        .collect();
    assert_eq!(
        names,
        ["markdown", "u @ https://h/u-1-py3-none-any.whl", "six"]
    );
    let pinned = ("i>=1".to_owned(), "{ index = \"corp\" }".to_owned());
    assert_eq!(wanted.inputs.pinned, [pinned]);
    let beside: Vec<(&str, &str)> = wanted
        .beside
        .iter()
        .map(|beside| (beside.name.as_str(), beside.parts[0].path.as_str()))
        .collect();
    assert_eq!(beside, [("shared", "src/shared"), ("p", "p.py")]);
}

#[test]
fn a_project_outside_the_checkout_is_not_shipped() {
    let elsewhere = Desk::new();
    elsewhere.write("lib/pyproject.toml", "[project]\nname = \"lib\"\n");
    elsewhere.write("lib/lib.py", "");
    let desk = Desk::new();
    let path = elsewhere.0.path().join("lib");
    desk.write("requirements.txt", &format!("{}\n", path.display()));
    let problems = desk.problems("requirements.txt");
    assert!(
        problems[0].contains("is outside the project"),
        "{problems:?}"
    );
}

#[test]
fn what_only_a_build_can_lay_out_is_refused_and_says_why() {
    let desk = Desk::new();
    desk.write("requirements.txt", "./lib\n");
    for (file, content, why) in [
        (
            "lib/pyproject.toml",
            "[project]\nname = \"lib\"\n",
            "neither `src/lib` nor `lib`",
        ),
        ("lib/lib/native.pyx", "", "has to be compiled"),
        (
            "lib/setup.py",
            "setup(ext_modules=[])",
            "`setup.py` builds more",
        ),
    ] {
        desk.write(file, content);
        let failure = desk
            .observe("requirements.txt")
            .expect_err("it cannot be laid out");
        let notes = failure.messages[0].notes.join("\n");
        assert!(notes.contains(why), "{why}: {notes}");
    }
}

#[test]
fn a_new_token_is_the_same_index() {
    assert_eq!(
        without_credentials("https://aws:t0ken@host/simple https://other/x"),
        "https://host/simple https://other/x"
    );
    assert_eq!(
        without_credentials("index = [{ url = \"https://u:p@h\" }]"),
        "index = [{ url = \"https://h\" }]"
    );
}
