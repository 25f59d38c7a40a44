//! Imports are judged as by the real Python.

use std::{fs, path::Path, process::Command};

use super::{
    package,
    support::{Project, bed},
};

/// Packages in wide use, and what they need to be imported.
const PACKAGES: [&str; 17] = [
    "anyio",
    "attr",
    "attrs",
    "click",
    "dateutil",
    "dotenv",
    "h11",
    "idna",
    "jinja2",
    "jmespath",
    "markdown_it",
    "markupsafe",
    "mdurl",
    "packaging",
    "six.py",
    "starlette",
    "typing_extensions.py",
];

/// Tries each module below the directory on its own path, and prints those that can be imported.
const IMPORTABLE: &str = r#"
import importlib, os, sys
root = sys.argv[1]
sys.path[:] = [root] + [p for p in sys.path if "site-packages" not in p]
names = set()
for folder, folders, files in os.walk(root):
    folders[:] = [f for f in folders if f.isidentifier() and f != "__pycache__"]
    for file in files:
        if file.endswith(".py") and file[:-3].isidentifier() and file != "__main__.py":
            name = os.path.relpath(os.path.join(folder, file), root)[:-3].replace(os.sep, ".")
            names.add(name.removesuffix(".__init__"))
out, sys.stdout, sys.stderr = sys.stdout, open(os.devnull, "w"), open(os.devnull, "w")
for name in sorted(names):
    try:
        importlib.import_module(name)
        out.write(name + "\n")
    except BaseException:
        # What it loaded before it failed stays, and would let others in that fail by themselves.
        for loaded in [m for m in sys.modules if m.split(".")[0] == name.split(".")[0]]:
            del sys.modules[loaded]
out.flush()
os._exit(0)
"#;

#[test]
fn what_the_real_python_can_import_is_never_missing() {
    let project = Project::new().agent_with("my_agent", "bytecode = \"never\"");
    project.write("deployment/requirements.txt", "");
    let deployment = project.path().join("deployment");
    let site = bed::agents().join("lib/python3.11/site-packages");
    for package in PACKAGES {
        copy(&site.join(package), &deployment.join(package));
    }
    let output = Command::new(bed::program(&bed::agents(), "python"))
        .args(["-S", "-c", IMPORTABLE])
        .arg(&deployment)
        .output()
        .unwrap();
    let importable = String::from_utf8(output.stdout).unwrap();
    let count = importable.lines().count();
    assert!(count > 150, "{count}\n{importable}");
    let entry: Vec<String> = importable
        .lines()
        .filter(|name| *name != "invoke")
        .map(|name| format!("import {name}"))
        .collect();
    project.write("deployment/invoke.py", entry.join("\n"));
    let outcome = package(&project).run().succeeds();
    for words in [
        "no module named",
        "cannot import",
        "cannot read",
        "probably not",
    ] {
        assert!(!outcome.stderr.contains(words), "{}", outcome.stderr);
    }
}

/// Copies Python files, but nothing native.
fn copy(from: &Path, to: &Path) {
    if from.is_file() {
        if from.extension().is_some_and(|ending| ending == "py") {
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(from, to).unwrap();
        }
        return;
    }
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}
