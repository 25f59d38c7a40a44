//! The topics of `cargo agentcore help`: what is too long for the help of one command.

/// A topic and its text, in Markdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topic {
    pub name: &'static str,
    /// One line, for the list of topics.
    pub about: &'static str,
    pub text: &'static str,
}

pub const TOPICS: [Topic; 1] = [Topic {
    name: "security",
    about: "What is safe to run in a checkout that you have not read, and what is promised",
    text: include_str!("security.md"),
}];

pub fn find(name: &str) -> Option<Topic> {
    TOPICS.into_iter().find(|topic| topic.name == name)
}

/// The list below `cargo agentcore --help`.
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
