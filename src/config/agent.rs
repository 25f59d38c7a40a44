//! One agent's table, before lower layers and defaults are applied.

use std::{
    collections::BTreeSet,
    ops::Range,
    path::{Component, Path, PathBuf},
};

use toml::Spanned;

use super::{
    Artifact, Authorizer, Bytecode, ExcludedPackage, ImportName, Language, Lifecycle,
    ManagedPolicy, Model, Permission, Protocol, Runtime, Settings, authorizer, excluded,
    image::{self, ImageTable},
    layer::Layer,
    model,
    permission::table::{self, Problem},
    read::{Problems, Table, one_of},
    role, runtime,
    rust::{BuildTable, CargoPackage},
    settings,
};
use crate::names::{AgentName, header};

#[derive(Debug, Clone)]
pub(super) struct AgentTable {
    pub(super) name: AgentName,
    pub(super) name_span: Range<usize>,
    pub(super) layer: Layer,
    pub(super) language: Language,
    pub(super) artifact: Option<Artifact>,
    pub(super) image: ImageTable,
    pub(super) source: Option<PathBuf>,
    pub(super) layout: Option<LayoutWord>,
    pub(super) import_name: Option<ImportName>,
    pub(super) include: Vec<String>,
    pub(super) deployment: Option<PathBuf>,
    /// False if `deployment` exists but is invalid.
    pub(super) folder_is_known: bool,
    pub(super) entrypoint: Option<String>,
    pub(super) requirements: Option<String>,
    pub(super) runtime: Option<Spanned<Runtime>>,
    pub(super) bytecode: Option<Bytecode>,
    pub(super) exclude_packages: Vec<ExcludedPackage>,
    pub(super) models: Vec<Model>,
    pub(super) permissions: Vec<Spanned<Permission>>,
    pub(super) managed_policies: BTreeSet<ManagedPolicy>,
    pub(super) lifecycle: Lifecycle,
    pub(super) protocol: Option<Protocol>,
    pub(super) authorizer: Option<Authorizer>,
    pub(super) header_allowlist: Vec<String>,
    pub(super) description: Option<String>,
    /// From the keys that only agents have.
    pub(super) settings: Settings,
}

/// The value of `layout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LayoutWord {
    Package,
    Flat,
}

impl AgentTable {
    /// Returns the table of an agent that is not in the metadata.
    pub(super) fn undeclared(name: AgentName) -> Self {
        Self {
            name,
            name_span: 0..0,
            layer: Layer::default(),
            language: Language::Python,
            artifact: None,
            image: ImageTable::default(),
            source: None,
            layout: None,
            import_name: None,
            include: Vec::new(),
            deployment: None,
            folder_is_known: true,
            entrypoint: None,
            requirements: None,
            runtime: None,
            bytecode: None,
            exclude_packages: Vec::new(),
            models: Vec::new(),
            permissions: Vec::new(),
            managed_policies: BTreeSet::new(),
            lifecycle: Lifecycle::default(),
            protocol: None,
            authorizer: None,
            header_allowlist: Vec::new(),
            description: None,
            settings: Settings::default(),
        }
    }

    pub(super) fn read(
        name: AgentName,
        mut table: Table<'_>,
        packages: &Packages<'_>,
        problems: &mut Problems<'_>,
    ) -> Self {
        let layer = Layer::read(&mut table, problems);
        let agent = Self::read_keys(name, layer, &mut table, packages, problems);
        table.finish(problems);
        agent
    }

    /// Takes the keys that only agents have.
    pub(super) fn read_keys(
        name: AgentName,
        layer: Layer,
        table: &mut Table<'_>,
        packages: &Packages<'_>,
        problems: &mut Problems<'_>,
    ) -> Self {
        let mut settings = settings::keys::of_agent(table, problems);
        let mut agent = Self {
            name_span: table.span.clone(),
            layer,
            language: language(&name, table, packages, problems),
            artifact: None,
            image: ImageTable::default(),
            name,
            source: table
                .parsed("source", problems, source_path)
                .map(PathBuf::from),
            layout: table.parsed("layout", problems, layout),
            import_name: table.parsed("import-name", problems, ImportName::parse),
            include: table.texts("include", problems).unwrap_or_default(),
            deployment: table
                .parsed("deployment", problems, inner_path)
                .map(PathBuf::from),
            folder_is_known: true,
            entrypoint: table.parsed("entrypoint", problems, python_file),
            requirements: table.parsed("requirements", problems, inner_path),
            runtime: runtime::read(table, problems),
            bytecode: table.parsed("bytecode", problems, bytecode),
            exclude_packages: excluded::read(table, problems),
            models: model::read(table, problems),
            permissions: permissions(table, problems),
            managed_policies: role::managed_policies(table, problems),
            lifecycle: lifecycle(table, problems),
            protocol: table.parsed("protocol", problems, protocol),
            authorizer: authorizer::read(table, &mut settings, problems),
            header_allowlist: header_allowlist(table, problems),
            description: table.parsed("description", problems, description),
            settings,
        };
        agent.artifact = table.parsed("artifact", problems, Artifact::parse);
        agent.image = image::read(table, (&agent.language, agent.artifact), problems);
        agent.folder_is_known = agent.deployment.is_some() || !table.is_meant("deployment");
        if agent.layout == Some(LayoutWord::Flat) && table.is_meant("import-name") {
            problems.at(
                table.key_span("import-name"),
                "`import-name` is only for `layout = \"package\"`",
                "in a flat archive there is no package around the sources",
            );
        }
        agent
    }

    /// Returns the deployment folder. Sources at the archive's root need none by default.
    pub(super) fn deployment_or_default(&self) -> Option<&Path> {
        let default = match (&self.language, self.layout) {
            (Language::Rust(_), _) | (Language::Python, Some(LayoutWord::Flat)) => None,
            (Language::Python, Some(LayoutWord::Package) | None) => Some(Path::new("deployment")),
        };
        self.deployment.as_deref().or(default)
    }
}

/// The cargo packages that an agent can be.
pub(super) struct Packages<'a> {
    /// The package whose manifest declares the agent.
    pub(super) own: Option<&'a CargoPackage>,
    /// True for the table of a package that is an agent itself.
    pub(super) own_is_agent: bool,
    /// All packages of the workspace.
    pub(super) all: &'a [&'a CargoPackage],
}

/// The keys that only Python agents have, and what a Rust agent has instead.
const ONLY_PYTHON: [(&str, &str); 9] = [
    (
        "source",
        "a Rust agent is a cargo package: `build = { package = \"…\" }` names another one",
    ),
    ("layout", "a Rust agent is shipped as one binary"),
    ("import-name", "a Rust agent is shipped as one binary"),
    (
        "include",
        "a Rust agent is shipped as one binary; `include_bytes!` puts data files into it",
    ),
    (
        "deployment",
        "a Rust agent is a cargo package: `build = { package = \"…\" }` names another one",
    ),
    (
        "entrypoint",
        "a Rust agent is started by its binary: did you mean `build = { bin = \"…\" }`?",
    ),
    (
        "requirements",
        "the dependencies of a Rust agent are in `[dependencies]`",
    ),
    (
        "exclude-packages",
        "the dependencies of a Rust agent are in `[dependencies]`",
    ),
    (
        "runtime",
        "a Rust agent has a managed runtime only with `artifact = \"zip\"`: did you mean `build = { target = \"…\" }`?",
    ),
];

/// Determines the language: as written, or else Rust for a package with a binary and no key of a
/// Python agent.
fn language(
    agent: &AgentName,
    table: &mut Table<'_>,
    packages: &Packages<'_>,
    problems: &mut Problems<'_>,
) -> Language {
    let word = table.parsed("language", problems, |text| {
        one_of("language", text, &[("python", false), ("rust", true)])
    });
    // The program of an archive is started by a Python file.
    let is_zip = table.text("artifact") == Some("zip");
    let of_python: Vec<(&str, &str)> = ONLY_PYTHON
        .into_iter()
        .filter(|(key, _)| table.has(key) && !(is_zip && *key == "runtime"))
        .collect();
    let has_binary = packages.own.is_some_and(|package| !package.bins.is_empty());
    let has_build = table.has("build");
    let build = BuildTable::read(table, problems);
    // An agent in a table of its own may be a Python agent next to the package.
    let may_be_python = !packages.own_is_agent && !of_python.is_empty();
    let is_rust = word.unwrap_or((has_binary && !may_be_python) || has_build);
    if !is_rust {
        if has_build {
            problems.at(
                table.key_span("build"),
                "`build` is only for Rust agents",
                "this agent has `language = \"python\"`",
            );
        }
        return Language::Python;
    }
    for (key, label) in of_python {
        let what = format!("`{key}` is only for Python agents, and `{agent}` is written in Rust");
        let mut message = problems.message(table.key_span(key), what, "").help(label);
        if word.is_none() {
            message = message
                .help("a Python agent in a package with a binary needs `language = \"python\"`");
        }
        problems.push(message);
    }
    let place = (agent, &table.span.clone());
    match build.resolve(place, packages.own, packages.all, problems) {
        Some(package) => Language::Rust(Box::new(package)),
        // The problem is reported.
        None => Language::Python,
    }
}

fn layout(text: &str) -> Result<LayoutWord, String> {
    one_of(
        "value of `layout`",
        text,
        &[("package", LayoutWord::Package), ("flat", LayoutWord::Flat)],
    )
}

fn bytecode(text: &str) -> Result<Bytecode, String> {
    one_of(
        "value of `bytecode`",
        text,
        &[("auto", Bytecode::Auto), ("never", Bytecode::Never)],
    )
}

fn protocol(text: &str) -> Result<Protocol, String> {
    let known = Protocol::ALL.map(|protocol| (protocol.word(), protocol));
    one_of("protocol", text, &known)
}

fn permissions(table: &mut Table<'_>, problems: &mut Problems<'_>) -> Vec<Spanned<Permission>> {
    let mut permissions = Vec::new();
    let Some(items) = table.items("permissions", problems) else {
        return permissions;
    };
    for item in items {
        match table::read(item) {
            Ok(permission) => permissions.push(Spanned::new(item.span(), permission)),
            Err(found) => {
                for Problem { at, what, help } in found {
                    let message = problems.message(at, what, "").help(help);
                    problems.push(message);
                }
            }
        }
    }
    permissions
}

fn lifecycle(table: &mut Table<'_>, problems: &mut Problems<'_>) -> Lifecycle {
    let Some(mut inner) = table.table("lifecycle", problems) else {
        return Lifecycle::default();
    };
    let lifecycle = Lifecycle {
        idle_timeout: inner.integer("idle-timeout", 60..=28_800, problems),
        max_lifetime: inner.integer("max-lifetime", 60..=28_800, problems),
    };
    if lifecycle.idle_timeout.unwrap_or(900) > lifecycle.max_lifetime.unwrap_or(28_800) {
        problems.at(
            inner.key_span("idle-timeout"),
            "`idle-timeout` must not be longer than `max-lifetime`",
            "their defaults are 900 and 28800 seconds",
        );
    }
    inner.finish(problems);
    lifecycle
}

fn header_allowlist(table: &mut Table<'_>, problems: &mut Problems<'_>) -> Vec<String> {
    let list = table
        .strings("header-allowlist", problems)
        .unwrap_or_default();
    if list.len() > 20 {
        problems.at(
            table.key_span("header-allowlist"),
            "`header-allowlist` has more than 20 names",
            "",
        );
    }
    let mut names: Vec<String> = Vec::new();
    for name in list {
        let text = name.get_ref();
        let lower = text.to_ascii_lowercase();
        if !header::is_name(text) {
            problems.at(name.span(), format!("invalid header name `{text}`"), "");
        } else if header::is_reserved(&lower) {
            problems.at(
                name.span(),
                format!("the header `{text}` cannot be passed on"),
                "of the `x-amz` names only `X-Amzn-Bedrock-AgentCore-Runtime-Custom-*` can",
            );
        } else if !header::may_be_listed(&lower) {
            problems.at(
                name.span(),
                format!("the header `{text}` cannot be passed on"),
                "the service does not pass it to agents; send the value in a header of your own",
            );
        } else if lower == "authorization" && !table.is_meant("authorizer") {
            problems.at(
                name.span(),
                format!("the header `{text}` needs an `authorizer`"),
                "without one, it is an AWS signature, which no agent gets",
            );
        } else if names.iter().any(|there| there.eq_ignore_ascii_case(text)) {
            problems.at(
                name.span(),
                format!("the header `{text}` is listed twice"),
                "",
            );
        } else {
            names.push(name.into_inner());
        }
    }
    names
}

pub(in crate::config) fn description(text: &str) -> Result<String, &'static str> {
    if (1..=4096).contains(&text.chars().count()) {
        Ok(text.to_owned())
    } else {
        Err("a description has 1 to 4096 characters")
    }
}

fn source_path(text: &str) -> Result<String, String> {
    if text.is_empty() {
        Err("`source` must not be empty".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

/// Parses a relative path that stays inside its folder.
fn inner_path(text: &str) -> Result<String, String> {
    let plain = Path::new(text)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if text.is_empty() || !plain {
        return Err(format!(
            "`{text}` must be a relative path without `.` and `..`"
        ));
    }
    Ok(text.to_owned())
}

fn python_file(text: &str) -> Result<String, String> {
    let path = inner_path(text)?;
    if Path::new(&path)
        .extension()
        .is_some_and(|extension| extension == "py")
    {
        Ok(path)
    } else {
        Err(format!("`{text}` must be a Python file"))
    }
}
