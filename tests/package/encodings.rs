//! Files in other programs' encodings, and a project's statements about its Python.

use std::fs;

use super::support::Project;
use super::{package, project};

#[test]
fn a_byte_order_mark_is_dropped_and_other_encodings_are_named_with_the_way_out() {
    let project = project();
    let write = |bytes: &[u8]| {
        fs::write(project.path().join("deployment/requirements.txt"), bytes).unwrap();
    };
    write("\u{feff}# nothing\r\n".as_bytes());
    package(&project).run().succeeds();
    write(b"\xff\xfeb\x00o\x00t\x00o\x003\x00");
    let stderr = package(&project).run().exits(3).stderr;
    assert!(
        stderr.contains(
            "requirements.txt`: it is UTF-16, not UTF-8\n  help: save it as UTF-8: `iconv -f UTF-16"
        ),
        "{stderr}"
    );
    write(b"boto3\n# caf\xe9\n");
    let stderr = package(&project).run().exits(3).stderr;
    assert!(
        stderr.contains("it is not UTF-8: byte 0xE9 at offset 11 (line 2, column 6)"),
        "{stderr}"
    );
}

/// Creates a project whose requirements are a separate `pyproject.toml`.
fn with_pyproject(text: &str) -> Project {
    let keys = "runtime = \"python3.11\"\nrequirements = \"pyproject.toml\"";
    let project = Project::new().agent_with("my_agent", keys);
    project.write("deployment/pyproject.toml", text);
    project
}

#[test]
fn another_python_than_the_agents_is_warned_of_where_it_is_written() {
    let text = "[project]\nname = \"a\"\nversion = \"1\"\nrequires-python = \">=3.12\"\ndependencies = []\n";
    let project = with_pyproject(text);
    project.write(".python-version", "# ours\n3.13\n");
    let stderr = package(&project).run().succeeds().stderr;
    for wanted in [
        "warning: the project requires Python `>=3.12`, and the agent runs on Python 3.11",
        "deployment/pyproject.toml:4:19",
        "warning: `.python-version` chooses Python 3.13, and the agent runs on Python 3.11",
        ".python-version:2:1",
    ] {
        assert!(stderr.contains(wanted), "{wanted}\n{stderr}");
    }
    project.write("deployment/pyproject.toml", text.replace("3.12", "3.10"));
    project.write(".python-version", "3.11.9\n");
    let stderr = package(&project).run().succeeds().stderr;
    assert!(!stderr.contains("runs on Python"), "{stderr}");
}

#[test]
fn what_only_another_tool_can_tell_is_named_with_the_way_out() {
    let dynamic = "[project]\nname = \"a\"\nversion = \"1\"\ndynamic = [\"dependencies\"]\n";
    let project = with_pyproject(dynamic);
    let stderr = package(&project).run().exits(3).stderr;
    for wanted in [
        "the dependencies are dynamic",
        "deployment/pyproject.toml:4:12",
        "`uv pip compile pyproject.toml -o requirements.txt`",
    ] {
        assert!(stderr.contains(wanted), "{wanted}\n{stderr}");
    }
    let poetry = "[tool.poetry]\nname = \"a\"\nversion = \"1\"\n[tool.poetry.dependencies]\npython = \"^3.11\"\n";
    let project = with_pyproject(poetry);
    project.write("deployment/poetry.lock", "");
    let stderr = package(&project).run().succeeds().stderr;
    for wanted in [
        "deployment/poetry.lock` is not read, so it fixes no versions",
        "`poetry export --output requirements.txt`",
    ] {
        assert!(stderr.contains(wanted), "{wanted}\n{stderr}");
    }
}
