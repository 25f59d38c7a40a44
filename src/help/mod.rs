//! The topics of `cargo agentcore help`, which are too long for a command's help.

mod shown;

pub(crate) use shown::{Line, shown};

/// A topic and its text in Markdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topic {
    pub name: &'static str,
    /// One line for the list of topics.
    pub about: &'static str,
    pub text: &'static str,
}

macro_rules! topics {
    ($($name:literal: $about:literal,)*) => {
        pub const TOPICS: &[Topic] = &[$(Topic {
            name: $name,
            about: $about,
            text: include_str!(concat!($name, ".md")),
        }),*];
    };
}

topics! {
    "benchmarks": "Measured times next to the Python tools",
    "cache": "What all projects share on this machine, and how to prune it",
    "comparison": "What other tools do differently",
    "deploying": "deploy, status, versions, endpoints, logs, policy, prepare",
    "environment": "Options, variables, credentials, network, without uv",
    "exit-codes": "What the exit codes mean",
    "findings": "What `check` tests, and the code of each finding",
    "images": "Container images: what is in them, and where they go",
    "invoking": "Payloads, answers, sessions",
    "metadata": "Every key of the table in Cargo.toml",
    "ownership": "What belongs to a project, and what `clean` deletes",
    "packaging": "What is shipped, and how dependencies are resolved",
    "permissions": "What an agent's role may do",
    "projects": "Templates, and how `init` adopts an agent",
    "running-locally": "The local AgentCore behind `--local`, and `dev`",
    "rust": "What a Rust agent must do, and what links it",
    "security": "What is safe in a checkout that you have not read",
    "workspaces": "Which agents of a workspace a command is about",
}

pub fn find(name: &str) -> Option<Topic> {
    TOPICS.iter().copied().find(|topic| topic.name == name)
}

/// Returns the list for the end of `cargo agentcore --help`.
pub fn list() -> String {
    let width = TOPICS.iter().map(|topic| topic.name.len()).max();
    let lines: Vec<String> = TOPICS
        .iter()
        .map(|topic| {
            format!(
                "  {:width$}  {}",
                topic.name,
                topic.about,
                width = width.unwrap_or_default()
            )
        })
        .collect();
    format!(
        "Topics (cargo agentcore help <TOPIC>):\n{}",
        lines.join("\n")
    )
}
