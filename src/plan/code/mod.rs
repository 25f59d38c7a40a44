//! What an agent's code uses, and what of it the agent's table does not allow.
//!
//! Read from the code without running it, so much stays unknown. What is unknown is left alone.

mod filled;
mod models;
mod needs;
mod warnings;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

pub(crate) use self::{
    filled::{DockerVariable, Filled, docker_variables, fill, model_in},
    needs::Need,
    warnings::warnings,
};
use crate::python::{Call, Modules, Program, Uses, Variable, follow};

/// The agent's code, as far as the entry point reaches it, with its files of settings.
pub(crate) struct Code<'a> {
    pub(crate) program: &'a Program,
    pub(crate) entrypoint: &'a str,
    /// The Python files that the entry point loads, in their order.
    files: Vec<&'a str>,
    /// YAML, JSON and TOML files that the code names, by their path in the archive.
    pub(crate) settings: BTreeMap<String, String>,
}

/// Something that was found, and where.
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
    /// `paths` are those of all the agent's own files.
    pub(crate) fn reached<'p>(
        entrypoint: &'a str,
        program: &'a Program,
        paths: impl IntoIterator<Item = &'p str>,
    ) -> Self {
        // A newer Python has fewer modules of its own, and those are never the agent's.
        const MINOR: u32 = 13;
        let mut files = Vec::new();
        if program.contains_key(entrypoint) {
            let modules = Modules::new(paths, []);
            let reached = follow(entrypoint, &modules, MINOR, program).files;
            let known = program.keys().filter(|path| reached.contains(*path));
            files.extend(known.map(String::as_str));
        }
        Self {
            program,
            entrypoint,
            files,
            settings: BTreeMap::new(),
        }
    }

    /// Takes a file for no part of the agent's code, although it is loaded.
    pub(crate) fn leave_out(&mut self, path: &str) {
        self.files.retain(|file| *file != path);
    }

    /// Those of the paths that are files of settings which the code names.
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

    /// Whether the code works with models, be it without naming one.
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

    /// Environment variables that the code reads and does not set itself.
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

    /// The names of request headers that the service does not pass on by itself.
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

/// Whether the service takes it for the name of a header.
fn is_header(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.len() <= 256
        && name
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
}

/// Whether it is the name of an environment variable.
fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic())
        && name.len() <= 100
        && name.bytes().all(|c| c == b'_' || c.is_ascii_alphanumeric())
}

/// Whether a header arrives without a word in the table, or never does.
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
