//! Starts of agents with preloaded dependencies.

use super::*;

/// A dependency that records when and in which process it is imported.
const NAMES: &str = r"
import os
import random

import names.deep

IMPORTED_BY = os.getpid()
DRAWN = random.random()
";

/// Answers with what distinguishes one start from another.
const TELLER: &str = r#"
import os
import random
import sys

import names
import seller
import server

if "child" in os.environ.get("FROM_FILE", ""):
    import subprocess

    ignore = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    subprocess.Popen([sys.executable, "-c", ignore, os.getcwd()])


class Agent(server.Agent):
    def invoke(self, asked):
        print("asked", file=sys.stderr)
        if "exit" in asked:
            os._exit(asked["exit"])
        self.answer({
            "name": seller.NAME,
            "pid": os.getpid(),
            "group": os.getpgrp(),
            "imported_by": names.IMPORTED_BY,
            "random": random.random(),
            "argv": sys.argv,
            "directory": os.getcwd(),
            "main": [__name__, __file__, sys.modules["__main__"].__file__],
            "path": sys.path[0],
            "stdin": os.fstat(0).st_rdev,
            "ours": [name for name in os.environ if name.startswith("CARGO_AGENTCORE_PRELOAD")],
        })


if __name__ == "__main__":
    server.serve(Agent)
"#;

/// Creates a stage with these modules installed. Installations are identified by name and version,
/// so each content needs its own version.
fn stage_with(names: &str, version: &str) -> Stage {
    let stage = Stage::new();
    let files = [("names/__init__.py", names), ("names/deep.py", "")];
    let wheel = format!("wheels/names-{version}-py3-none-any.whl");
    stage.write(&wheel, wheels::plain("names", version, &files));
    stage.write("deployment/requirements.txt", format!("../{wheel}\n"));
    stage.write("deployment/invoke.py", TELLER);
    stage
}

impl Stage {
    /// Edits the agent until it starts with preloaded dependencies.
    #[track_caller]
    fn fork(&self, dev: &Dev) {
        for number in 0..50 {
            self.edit(dev, &format!("fork {number}"));
            if dev.last_start().contains("with preloaded dependencies") {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("nothing is preloaded:\n{}", dev.err());
    }
}

#[test]
fn an_edit_forks_what_has_imported_the_dependencies_and_nothing_else_is_shared() {
    let stage = stage_with(NAMES, "2.0");
    let dev = stage.dev(&[]);
    let cold = dev.answer();
    assert_eq!(cold["imported_by"], cold["pid"]);
    stage.fork(&dev);
    let one = dev.answer();
    stage.edit(&dev, "two");
    assert!(dev.last_start().contains("preloaded"), "{}", dev.err());
    let two = dev.answer();
    assert_eq!(two["name"], "two");
    assert_eq!(one["imported_by"], two["imported_by"]);
    assert_ne!(one["imported_by"], cold["imported_by"]);
    for own in ["pid", "group", "random"] {
        assert_ne!(one[own], two[own], "{own}");
    }
    for same in ["stdin", "ours"] {
        assert_eq!(cold[same], two[same], "{same}");
    }
    let code = two["directory"].as_str().unwrap();
    let script = format!("{code}/invoke.py");
    assert_eq!(two["path"], code);
    assert_eq!(two["argv"], serde_json::json!([script]));
    assert_eq!(two["main"], serde_json::json!(["__main__", script, script]));
    eventually(|| dev.out(), || dev.out().matches("asked").count() == 3);
    assert_eq!(dev.ends(), Some(0));
    eventually(
        || format!("{:?} still run", stage.processes()),
        || stage.processes().is_empty(),
    );
}

#[test]
fn a_forked_agent_that_fails_or_ends_is_reported_as_any_other() {
    let stage = stage_with(NAMES, "2.0");
    let dev = stage.dev(&[]);
    stage.fork(&dev);
    dev.asks("", r#"{"exit": 3}"#);
    dev.says("agent `seller` ended with code 3");
    stage.write("seller/__init__.py", "NAME = 1 / 0\n");
    dev.says("seller/__init__.py:1:1");
    dev.says("ZeroDivisionError: division by zero");
    assert!(!dev.out().contains("preload.py"), "{}", dev.out());
    stage.write("seller/__init__.py", "NAME = \"mended\"\n");
    dev.eventually_answers("mended");
}

#[test]
fn a_kill_leaves_neither_a_forked_agent_nor_its_children() {
    let stage = stage_with(NAMES, "2.0");
    stage.write(".env.local", "FROM_FILE=child\n");
    let dev = stage.dev(&[]);
    stage.fork(&dev);
    assert!(stage.processes().len() > 2, "{:?}", stage.processes());
    dev.signal(Signal::KILL);
    eventually(
        || format!("{:?} still run", stage.processes()),
        || stage.processes().is_empty(),
    );
}

#[test]
fn an_agent_ends_with_the_process_that_guards_it() {
    let stage = stage_with(NAMES, "2.0");
    let dev = stage.dev(&[]);
    stage.fork(&dev);
    let answer = dev.answer();
    let [agent, guard] = ["pid", "group"].map(|name| answer[name].as_i64().unwrap());
    assert_ne!(agent, guard);
    let guard = Pid::from_raw(i32::try_from(guard).unwrap()).unwrap();
    kill_process(guard, Signal::KILL).unwrap();
    dev.says("agent `seller` ended with code 137");
    let state = || fs::read_to_string(format!("/proc/{agent}/stat")).unwrap_or_default();
    eventually(state, || state().is_empty() || state().contains(") Z "));
    stage.edit(&dev, "two");
    dev.eventually_answers("two");
}

#[test]
fn an_agent_that_cannot_be_forked_starts_cold_and_the_reason_is_told() {
    let threads = format!(
        "{NAMES}\nimport threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    );
    let stage = stage_with(&threads, "3.0");
    let dev = stage.dev(&[]);
    for number in 0..50 {
        stage.edit(&dev, &format!("edit {number}"));
        if dev.last_start().contains("start threads") {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let why = "(cold start: the dependencies start threads when they are imported)";
    assert!(dev.last_start().contains(why), "{}", dev.err());
    dev.answer();

    let stage = stage_with(NAMES, "2.0");
    let dev = stage.dev(&[]);
    stage.fork(&dev);
    stage.write("deployment/names.py", "IMPORTED_BY = 0\n");
    dev.says("(cold start: `names` of the agent has the name of a module of its dependencies)");
    let own = || dev.asks("", "{}").1;
    eventually(own, || own().contains("\"imported_by\": 0"));
}

#[test]
fn nothing_is_preloaded_where_nobody_wants_it() {
    let stage = stage_with(NAMES, "2.0");
    let dev = stage.dev(&["--no-preload"]);
    for number in 0..5 {
        stage.edit(&dev, &format!("edit {number}"));
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(!dev.err().contains("preload"), "{}", dev.err());
    let answer = dev.answer();
    assert_eq!(answer["imported_by"], answer["pid"]);
}
