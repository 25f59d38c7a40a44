//! The available templates; the first is the default.

use serde::Serialize;

use crate::{
    config::{Permission, Protocol},
    text::suggestion,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    /// The name of its folder.
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) code: Code,
    /// How AgentCore calls the agent.
    pub(crate) protocol: Protocol,
    pub(crate) needs_model: bool,
    /// True if the agent remembers a session's conversation.
    pub(crate) remembers: bool,
    /// The permissions that its code needs.
    pub(crate) permissions: &'static [Permission],
    pub(super) english: Words,
    pub(super) japanese: Words,
}

/// The language of a template's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Python,
    Rust,
}

/// What a README says about the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Words {
    pub(super) about: &'static str,
    /// A prompt that the agent can answer.
    pub(super) example: &'static str,
}

impl Template {
    /// Returns the folders that make up the template; files in later ones override those in earlier
    /// ones.
    pub(super) fn folders(&self) -> impl Iterator<Item = &'static str> {
        let shared = match (self.code, self.remembers) {
            (Code::Python, false) => &["_project"][..],
            (Code::Python, true) => &["_project", "_conversation"],
            (Code::Rust, false) => &["_rust"],
            (Code::Rust, true) => &["_rust", "_rust-agent"],
        };
        shared.iter().copied().chain([self.name])
    }
}

pub(crate) fn catalogue() -> &'static [Template] {
    ALL
}

static ALL: &[Template] = &[
    Template {
        name: "strands",
        description: "a Strands agent on a Bedrock model, with a tool of its own",
        code: Code::Python,
        protocol: Protocol::Http,
        needs_model: true,
        remembers: true,
        permissions: &[],
        english: Words {
            about: "A Strands agent on an Amazon Bedrock model, with a tool of its own.",
            example: "How many days are there from 2026-01-01 to 2026-12-24?",
        },
        japanese: Words {
            about: "Amazon Bedrock のモデルを使い、独自のツールを 1 つ備えた Strands エージェントです。",
            example: "2026-01-01 から 2026-12-24 までは何日ですか？",
        },
    },
    Template {
        name: "cost-estimator",
        description: "estimates AWS costs with the price list and the Code Interpreter",
        code: Code::Python,
        protocol: Protocol::Http,
        needs_model: true,
        remembers: true,
        permissions: &[Permission::CodeInterpreter(None), Permission::Pricing],
        english: Words {
            about: "An agent that estimates what an architecture costs on AWS. It looks prices up in the AWS price list, calculates in the AgentCore Code Interpreter, and answers in the language of the question.",
            example: "Two t3.micro servers behind a load balancer in us-west-2",
        },
        japanese: Words {
            about: "AWS 上のアーキテクチャの費用を見積もるエージェントです。価格は AWS Price List から取得し、計算は AgentCore Code Interpreter で行い、質問と同じ言語で答えます。",
            example: "us-west-2 でロードバランサーの後ろに t3.micro を 2 台",
        },
    },
    Template {
        name: "echo",
        description: "repeats what it is told, without a model: for a first run",
        code: Code::Python,
        protocol: Protocol::Http,
        needs_model: false,
        remembers: false,
        permissions: &[],
        english: Words {
            about: "An agent that repeats what it is told, without a model and without AWS. Use it for a first deployment, or put your own agent in its place.",
            example: "hello",
        },
        japanese: Words {
            about: "受け取った言葉をそのまま返すエージェントです。モデルも AWS も使いません。最初のデプロイや、自作エージェントの出発点に使えます。",
            example: "こんにちは",
        },
    },
    Template {
        name: "rust",
        description: "a Rust agent on a Bedrock model, with a tool of its own",
        code: Code::Rust,
        protocol: Protocol::Http,
        needs_model: true,
        remembers: true,
        permissions: &[],
        english: Words {
            about: "An agent in Rust on an Amazon Bedrock model, with a tool of its own.",
            example: "How many days are there from 2026-01-01 to 2026-12-24?",
        },
        japanese: Words {
            about: "Amazon Bedrock のモデルを使い、独自のツールを 1 つ備えた Rust のエージェントです。",
            example: "2026-01-01 から 2026-12-24 までは何日ですか？",
        },
    },
    Template {
        name: "rust-mcp",
        description: "an MCP server in Rust, with a tool of its own, without a model",
        code: Code::Rust,
        protocol: Protocol::Mcp,
        needs_model: false,
        remembers: false,
        permissions: &[],
        english: Words {
            about: "An MCP server in Rust, with a tool of its own.",
            example: "How many days are there from 2026-01-01 to 2026-12-24?",
        },
        japanese: Words {
            about: "独自のツールを 1 つ備えた Rust の MCP サーバーです。",
            example: "2026-01-01 から 2026-12-24 までは何日ですか？",
        },
    },
    Template {
        name: "rust-a2a",
        description: "a Rust agent for other agents (A2A), on a Bedrock model, with a tool",
        code: Code::Rust,
        protocol: Protocol::A2a,
        needs_model: true,
        remembers: true,
        permissions: &[],
        english: Words {
            about: "An agent in Rust that other agents call (A2A), on an Amazon Bedrock model, with a tool of its own.",
            example: "How many days are there from 2026-01-01 to 2026-12-24?",
        },
        japanese: Words {
            about: "ほかのエージェントから呼び出せる（A2A）、Rust のエージェントです。Amazon Bedrock のモデルを使い、独自のツールを 1 つ備えています。",
            example: "2026-01-01 から 2026-12-24 までは何日ですか？",
        },
    },
];

/// Returns the template with this name. The error lists the available ones.
pub(crate) fn find(name: &str) -> Result<&'static Template, String> {
    if let Some(template) = catalogue().iter().find(|template| template.name == name) {
        return Ok(template);
    }
    let names: Vec<String> = catalogue()
        .iter()
        .map(|template| format!("`{}`", template.name))
        .collect();
    let near = suggestion(name, catalogue().iter().map(|template| template.name));
    Err(format!(
        "no template is named `{name}`; the templates are {}{near}",
        names.join(", ")
    ))
}
