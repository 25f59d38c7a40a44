//! kill -9 of all processes in an invocation, in several orders, and on request in every order: no
//! process or port is left, and deployed agents answer the next command.

use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

use super::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// `cargo agentcore invoke`, which waits for an answer.
    Tool,
    DataPlane,
    Ministack,
    Agent,
    /// The process around the agent.
    Shim,
}

use Part::{Agent, DataPlane, Ministack, Shim, Tool};

/// An invocation that lasts until something is killed.
struct Scene {
    stage: Stage,
}

/// Returns all permutations of the parts.
fn orders(parts: &[Part]) -> Vec<Vec<Part>> {
    if parts.is_empty() {
        return vec![Vec::new()];
    }
    let with = |first: &Part| {
        let rest: Vec<Part> = parts.iter().copied().filter(|part| part != first).collect();
        let rest = orders(&rest).into_iter();
        rest.map(|order| [&[*first], order.as_slice()].concat())
            .collect::<Vec<_>>()
    };
    parts.iter().flat_map(with).collect()
}

fn kill(pid: u32) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    // It may already have ended with another one.
    let _ = kill_process(pid, Signal::KILL);
}

fn command_of(pid: u32) -> String {
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&command).replace('\0', " ")
}

impl Scene {
    fn new() -> Self {
        let stage = Stage::new().with_sources();
        let hanging = AGENT.replace(
            "        print(",
            "        if asked is None:\n            time.sleep(600)\n        print(",
        );
        stage.write("deployment/invoke.py", &format!("import time\n{hanging}"));
        stage.does(&["deploy", "--local"], 0);
        Self { stage }
    }

    /// Kills these parts in order, without waiting in between.
    fn survives(&self, order: &[Part]) {
        let mut tool = self.invoke();
        let pids = self.parts(&tool);
        for part in order {
            let (_, pid) = pids.iter().find(|(name, _)| name == part).unwrap();
            kill(*pid);
        }
        if order.contains(&DataPlane) || order.contains(&Ministack) {
            eventually(
                || format!("{order:?}: a process is left"),
                || self.stage.processes().is_empty(),
            );
            // Its port is free again, so another process may use it by now.
            assert_eq!(self.stage.status()["running"], false, "{order:?}");
        }
        eventually(
            || format!("{order:?}: the tool waits for nobody"),
            || tool.try_wait().unwrap().is_some(),
        );
        let answer = self.stage.does(&["invoke", "--local", "{\"a\": 1}"], 0);
        assert_eq!(
            answer.stdout, "{\"asked\": {\"a\": 1}}",
            "{order:?}: {}",
            answer.stderr
        );
        self.stage.stop();
        eventually(
            || format!("{order:?}: a process is left"),
            || self.stage.processes().is_empty(),
        );
    }

    /// Starts an invocation that its agent does not answer.
    fn invoke(&self) -> Child {
        let mut command = self.stage.agentcore(&["invoke", "--local", "null"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let tool = command.spawn().unwrap();
        eventually(|| "no agent runs", || self.parts(&tool).len() == 5);
        // It has the request by now.
        std::thread::sleep(Duration::from_millis(300));
        tool
    }

    fn parts(&self, tool: &Child) -> Vec<(Part, u32)> {
        let mut parts = vec![(Tool, tool.id())];
        for pid in self.stage.processes() {
            let command = command_of(pid);
            let part = if command.contains("local-agentcore") {
                DataPlane
            } else if command.contains(" local-agent ") {
                Shim
            } else if command.contains("/agents/running/") {
                Agent
            } else {
                Ministack
            };
            parts.push((part, pid));
        }
        parts
    }
}

/// Kills the others in their usual order and in the opposite one.
fn is_killed_first(first: Part) {
    let scene = Scene::new();
    let mut others = vec![Tool, DataPlane, Ministack, Agent];
    others.retain(|part| *part != first);
    scene.survives(&[&[first], &others[..]].concat());
    others.reverse();
    scene.survives(&[&[first], &others[..]].concat());
}

#[test]
#[ignore = "takes a minute"]
fn all_are_killed_in_every_order() {
    let scene = Scene::new();
    for order in orders(&[Tool, DataPlane, Ministack, Agent]) {
        scene.survives(&order);
    }
}

#[test]
fn the_tool_is_killed_first() {
    is_killed_first(Tool);
}

#[test]
fn the_data_plane_is_killed_first() {
    is_killed_first(DataPlane);
}

#[test]
fn ministack_is_killed_first() {
    is_killed_first(Ministack);
}

#[test]
fn the_agent_is_killed_first() {
    is_killed_first(Agent);
}

#[test]
fn one_or_two_are_killed() {
    let scene = Scene::new();
    let parts = [Tool, DataPlane, Ministack, Agent, Shim];
    for (at, one) in parts.iter().enumerate() {
        scene.survives(&[*one]);
        for other in &parts[at + 1..] {
            scene.survives(&[*one, *other]);
        }
    }
}
