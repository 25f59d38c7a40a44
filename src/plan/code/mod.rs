//! What an agent's code uses, and which of it the agent's table does not allow.
//!
//! The code is analyzed without running it, so the result is incomplete. Anything unknown is
//! ignored.

mod filled;
mod models;
mod needs;
mod snapshot;
mod warnings;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

pub(crate) use self::{
    filled::{DockerVariable, Filled, docker_variables, fill, model_in},
    needs::Need,
    snapshot::shared,
    warnings::warnings,
};
use crate::python::{Call, Modules, Program, Uses, Variable, follow};

/// The agent's code that the entry point reaches, and its settings files.
pub(crate) struct Code<'a> {
    pub(crate) program: &'a Program,
    pub(crate) entrypoint: &'a str,
    /// The Python files that the entry point loads, in order.
    files: Vec<&'a str>,
    /// The files that it loads on every start.
    at_start: BTreeSet<String>,
    /// The YAML, JSON and TOML files that the code names, by their path in the archive.
    pub(crate) settings: BTreeMap<String, String>,
}

/// A finding and its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct At<T> {
    pub(crate) it: T,
    /// The path in the archive.
    pub(crate) file: String,
    pub(crate) span: Range<usize>,
}

impl<T> At<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> At<U> {
        let Self { it, file, span } = self;
        At {
            it: change(it),
            file,
            span,
        }
    }
}

impl<'a> Code<'a> {
    /// Finds the files that the entry point loads. `paths` are all of the agent's own files.
    pub(crate) fn reached<'p>(
        entrypoint: &'a str,
        program: &'a Program,
        paths: impl IntoIterator<Item = &'p str>,
    ) -> Self {
        // A newer Python has fewer standard modules, and none of those is the agent's.
        const MINOR: u32 = 13;
        let mut files = Vec::new();
        let mut at_start = BTreeSet::new();
        if program.contains_key(entrypoint) {
            let modules = Modules::new(paths, []);
            let reached = follow(entrypoint, &modules, MINOR, program);
            let known = program.keys();
            let known = known.filter(|path| reached.files.contains(*path));
            files.extend(known.map(String::as_str));
            at_start = reached.at_start;
        }
        Self {
            program,
            entrypoint,
            files,
            at_start,
            settings: BTreeMap::new(),
        }
    }

    /// Removes a file from the agent's code, although it is loaded.
    pub(crate) fn leave_out(&mut self, path: &str) {
        self.files.retain(|file| *file != path);
    }

    /// Returns the paths of settings files that the code names.
    pub(crate) fn named_settings<'p>(
        &self,
        paths: impl Iterator<Item = &'p String>,
    ) -> Vec<&'p str> {
        let texts: BTreeSet<&str> = self
            .uses()
            .flat_map(|(_, uses)| &uses.texts)
            .filter_map(|value| value.text.as_deref())
            .filter_map(|text| text.rsplit('/').next())
            .collect();
        paths
            .map(String::as_str)
            .filter(|path| {
                let name = path.rsplit('/').next().unwrap_or(path);
                let ending = name.rsplit_once('.').map(|(_, ending)| ending);
                let is_settings = matches!(ending, Some("json" | "yaml" | "yml" | "toml"));
                is_settings && texts.contains(name)
            })
            .collect()
    }

    fn uses(&self) -> impl Iterator<Item = (&'a str, &'a Uses)> {
        self.files
            .iter()
            .map(|path| (*path, &self.program[*path].uses))
    }

    /// Returns true if the code uses models, even without naming one.
    pub(crate) fn uses_models(&self) -> bool {
        const FRAMEWORKS: [&str; 9] = [
            "agno",
            "autogen",
            "crewai",
            "langchain_aws",
            "litellm",
            "llama_index",
            "pydantic_ai",
            "smolagents",
            "strands",
        ];
        self.uses().any(|(_, uses)| {
            let mut calls = uses.calls.iter();
            let is_runtime = |call: &Call| call.callee.contains("client(\"bedrock-runtime\")");
            let mut imports = uses.imports.iter();
            imports.any(|import| FRAMEWORKS.contains(&import.as_str())) || calls.any(is_runtime)
        })
    }

    /// Returns the environment variables that the code reads but does not set.
    fn variables(&self) -> Vec<At<Variable>> {
        let sets: BTreeSet<&String> = self.uses().flat_map(|(_, uses)| &uses.sets).collect();
        let mut found: Vec<At<Variable>> = Vec::new();
        for (file, uses) in self.uses() {
            let read = uses.variables.iter();
            for variable in read.filter(|v| is_variable(&v.name) && !sets.contains(&v.name)) {
                found.push(At {
                    it: variable.clone(),
                    file: file.to_owned(),
                    span: variable.span.clone(),
                });
            }
        }
        found
    }

    /// Returns the request headers that the code reads and that the service does not pass on by
    /// default.
    fn headers(&self) -> Vec<At<String>> {
        let mut told = BTreeSet::new();
        let mut found = Vec::new();
        for (file, uses) in self.uses() {
            for header in &uses.headers {
                let lower = header.text.to_ascii_lowercase();
                if is_header(&lower) && !always_passed(&lower) && told.insert(lower) {
                    found.push(At {
                        it: header.text.clone(),
                        file: file.to_owned(),
                        span: header.span.clone(),
                    });
                }
            }
        }
        found
    }
}

/// Returns true if the service accepts the name as a header.
fn is_header(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.len() <= 256
        && name
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
}

/// Returns true for a valid name of an environment variable.
fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic())
        && name.len() <= 100
        && name.bytes().all(|c| c == b'_' || c.is_ascii_alphanumeric())
}

/// Returns true if a header does not belong in the table, because it always or never arrives.
fn always_passed(lower: &str) -> bool {
    const HTTP: [&str; 15] = [
        "accept",
        "accept-encoding",
        "accept-language",
        "baggage",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "oauth2callbackurl",
        "traceparent",
        "tracestate",
        "transfer-encoding",
        "user-agent",
        "workloadaccesstoken",
    ];
    let is_custom = lower.starts_with("x-amzn-bedrock-agentcore-runtime-custom-");
    let is_amazons = lower.starts_with("x-amz-") || lower.starts_with("x-amzn-");
    let forwarded = lower.starts_with("x-forwarded-") || lower.starts_with("sec-");
    HTTP.contains(&lower) || lower.starts_with("mcp-") || forwarded || (is_amazons && !is_custom)
}

#[cfg(test)]
mod tests;
