//! Merges the layers into one agent.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use toml::Spanned;

use super::{Declaration, Stage, TableScope};
use crate::{
    config::{
        Agent, Artifact, Authorizer, Caller, ImportName, Language, Layout, Local, ManagedPolicy,
        Network, PROGRAM_ENTRY, Platform, Resource, RoleSettings, Runtime, Settings,
        agent::{AgentTable, LayoutWord},
        layer::Layer,
        resource::referred,
        role::RoleLayer,
        settings,
    },
    error::Message,
    names::{AgentName, IamPath, NameError, RoleName, RuntimeName, StageName},
    text::hex,
};

/// Why an agent cannot be configured, and what in its declaration is to blame if that is not the
/// whole table.
pub(super) struct Unresolved {
    pub(super) message: Message,
    pub(super) span: Option<Range<usize>>,
}

impl From<Message> for Unresolved {
    fn from(message: Message) -> Self {
        Self {
            message,
            span: None,
        }
    }
}

impl From<(Range<usize>, Message)> for Unresolved {
    fn from((span, message): (Range<usize>, Message)) -> Self {
        Self {
            message,
            span: Some(span),
        }
    }
}

/// Merges the layers, then applies the defaults.
pub(super) fn agent(
    table: &AgentTable,
    declaration: &Declaration,
    workspace: Option<&Declaration>,
    stage: &Stage,
    resources: &[Resource],
) -> Result<Agent, Unresolved> {
    let own = (declaration.scope == TableScope::Package).then_some(declaration);
    let shared = base(own).over(base(workspace));
    let Layer {
        project,
        region,
        account,
        profile,
        tags,
        env,
        network,
        platform,
        settings,
        callers,
        role,
        local_models,
    } = merged(table, (own, workspace), stage, &shared);
    let AgentTable {
        name,
        name_span: _,
        layer: _,
        language,
        artifact,
        source: _,
        layout: _,
        import_name: _,
        include,
        deployment: _,
        folder_is_known: _,
        image,
        entrypoint,
        requirements,
        runtime,
        bytecode,
        exclude_packages,
        models,
        permissions,
        managed_policies,
        lifecycle,
        protocol,
        authorizer,
        header_allowlist,
        description,
        settings: of_agent,
    } = table.clone();
    let (stage, joined) = names(stage);
    let (source, layout) = placed_sources(table, declaration.dir())?;
    let local = stage.is_some() && joined.is_none();
    let runtime_name = runtime_name(&name, joined)?;
    Ok(Agent {
        callers: signing_callers(&name, callers, authorizer.as_ref())?,
        settings: all_settings(&name, of_agent.over(settings), platform, network.as_ref())?,
        tags: told_apart(&name, tags)?,
        role: role_settings(role, managed_policies, &runtime_name)?,
        runtime_name,
        project: project.ok_or_else(|| no_project(&name))?,
        stage,
        scope: declaration.scope,
        dir: declaration.dir().to_owned(),
        artifact: artifact.unwrap_or_else(|| Artifact::of(&language)),
        base_image: image.base,
        dockerfile: image.dockerfile,
        image: None,
        language,
        layout,
        source,
        include,
        deployment: table.deployment_or_default().map(Path::to_owned),
        entrypoint: entrypoint.unwrap_or_else(|| entrypoint_of(&table.language).to_owned()),
        requirements: requirements.unwrap_or_else(|| "requirements.txt".to_owned()),
        runtime: runtime.map_or(Runtime::Python313, Spanned::into_inner),
        bytecode: bytecode.unwrap_or_default(),
        exclude_packages,
        models,
        resources: referred(&permissions, resources)?,
        permissions: permissions.into_iter().map(Spanned::into_inner).collect(),
        env,
        lifecycle,
        network: network.unwrap_or_default(),
        protocol: protocol.unwrap_or_default(),
        authorizer,
        header_allowlist,
        description,
        platform,
        region,
        account: account.filter(|_| !local),
        profile: profile.filter(|_| !local),
        shared_tags: shared.tags,
        local: Local::of(local_models, shared.profile),
        name,
    })
}

/// Merges the layers; stages win over the agent's table, which wins over what all agents share.
fn merged(
    table: &AgentTable,
    (own, workspace): (Option<&Declaration>, Option<&Declaration>),
    stage: &Stage,
    shared: &Layer,
) -> Layer {
    staged(own, stage)
        .over(staged(workspace, stage))
        .over(table.layer.clone())
        .over(shared.clone())
}

fn runtime_name(agent: &AgentName, stage: Option<&StageName>) -> Result<RuntimeName, Message> {
    RuntimeName::of(agent, stage).map_err(|error| Message::new(error.to_string()))
}

/// Returns the table's own keys.
pub(super) fn base(from: Option<&Declaration>) -> Layer {
    from.map(|from| from.layer.clone()).unwrap_or_default()
}

/// Returns the stage's keys in a table.
fn staged(from: Option<&Declaration>, stage: &Stage) -> Layer {
    match (stage, from) {
        (Stage::Named(name), Some(from)) => from.stages.get(name).cloned().unwrap_or_default(),
        _ => Layer::default(),
    }
}

/// Checks that the runtime accepts signed calls if other accounts may call it.
fn signing_callers(
    agent: &AgentName,
    callers: Option<BTreeSet<Caller>>,
    authorizer: Option<&Authorizer>,
) -> Result<BTreeSet<Caller>, Message> {
    let callers = callers.unwrap_or_default();
    if callers.is_empty() || authorizer.is_none() {
        return Ok(callers);
    }
    Err(Message::new(format!(
        "agent `{agent}` has `callers` and an `authorizer`, and a runtime accepts either signed calls or JWTs"
    ))
    .help("remove one of them; callers from any account can use a JWT"))
}

/// Returns the settings including the platform. Fails if some of them conflict.
fn all_settings(
    agent: &AgentName,
    mut settings: Settings,
    platform: Option<Platform>,
    network: Option<&Network>,
) -> Result<Settings, Message> {
    if settings.mounts_from_vpc() && matches!(network, None | Some(Network::Public)) {
        return Err(Message::new(format!(
            "agent `{agent}` mounts a file system of a VPC, and its network is public"
        ))
        .help("add `network = { subnets = […], security-groups = […] }` with the VPC of the file system"));
    }
    if platform == Some(Platform::V1) && settings.has_warm_up() {
        return Err(Message::new(format!(
            "agent `{agent}` has a `warm-up`, which only platform version V2 calls"
        ))
        .help("set `platform-version = \"v2\"`, or remove `warm-up`"));
    }
    if let Some(platform) = platform {
        settings.set(settings::PLATFORM, platform.service_name().into());
    }
    Ok(settings)
}

/// Returns the stage for tags and the stage for the runtime's name.
pub(super) fn names(stage: &Stage) -> (Option<StageName>, Option<&StageName>) {
    match stage {
        Stage::None => (None, None),
        Stage::Named(stage) => (Some(stage.clone()), Some(stage)),
        Stage::Local => (StageName::parse("local").ok(), None),
    }
}

/// Returns the default entry point. That of a Rust agent is written by this tool.
fn entrypoint_of(language: &Language) -> &'static str {
    match language {
        Language::Python => "invoke.py",
        Language::Rust(_) => PROGRAM_ENTRY,
    }
}

/// Returns the sources, and where they are in the archive. A Rust agent has none: it is a binary.
fn placed_sources(table: &AgentTable, dir: &Path) -> Result<(PathBuf, Layout), Message> {
    let name = &table.name;
    match table.language {
        Language::Python => {
            let source = table.source.clone();
            let source = source.unwrap_or_else(|| PathBuf::from(name.as_str()));
            let package = table.import_name.clone();
            let layout = laid_out(table.layout, package, &dir.join(&source), name)?;
            Ok((source, layout))
        }
        Language::Rust(_) => Ok((PathBuf::new(), Layout::Flat)),
    }
}

/// Returns where the sources are in the archive. Derives the package's name if the table does not
/// contain it.
fn laid_out(
    layout: Option<LayoutWord>,
    import_name: Option<ImportName>,
    source: &Path,
    agent: &AgentName,
) -> Result<Layout, Message> {
    match (layout.unwrap_or(LayoutWord::Package), import_name) {
        (LayoutWord::Flat, _) => Ok(Layout::Flat),
        (LayoutWord::Package, Some(name)) => Ok(Layout::Package(name)),
        (LayoutWord::Package, None) => package(source, agent).map(Layout::Package),
    }
}

/// Derives the package's name.
fn package(source: &Path, agent: &AgentName) -> Result<ImportName, Message> {
    ImportName::of_folder(source, agent).map_err(|what| {
        Message::new(what)
            .note(format!(
                "the package of agent `{agent}` has the name of its folder, or else the agent's"
            ))
            .help("name it with `import-name` in the agent's table, as the entry point imports it")
    })
}

pub(super) fn no_project(agent: &AgentName) -> Message {
    Message::new(format!("the agent `{agent}` belongs to no project")).help(format!(
        "add `project = \"{}-<six random letters and digits>\"` to the table; it is part of every tag, so never reuse one",
        agent.as_str().replace('_', "-")
    ))
}

/// Refuses tag keys that differ only in case, because IAM treats them as equal, so each would
/// replace the other at every run.
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html>, "Case sensitivity".
fn told_apart(
    agent: &AgentName,
    tags: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Message> {
    let mut seen = BTreeMap::new();
    for key in tags.keys() {
        if let Some(other) = seen.insert(key.to_lowercase(), key) {
            return Err(Message::new(format!(
                "the tags `{other}` and `{key}` of agent `{agent}` differ only in case, and IAM treats them as one"
            ))
            .help("keep one of them; tags of workspace, package, agent and stage are joined"));
        }
    }
    Ok(tags)
}

fn role_settings(
    role: RoleLayer,
    policies: BTreeSet<ManagedPolicy>,
    runtime: &RuntimeName,
) -> Result<RoleSettings, Message> {
    let RoleLayer {
        name,
        path,
        boundary,
        arn,
    } = role;
    if let Some(arn) = arn {
        if !policies.is_empty() {
            return Err(Message::new(format!(
                "`managed-policies` cannot be attached to `{}`, because `role.arn` is never written to",
                arn.arn
            ))
            .help("ask the owner of that role to attach them, and remove `managed-policies`"));
        }
        return Ok(RoleSettings::Given { arn });
    }
    let pattern = name.as_deref().unwrap_or(ROLE_NAME);
    let name = role_name(pattern, runtime).map_err(|error| Message::new(error.to_string()))?;
    let path = path.unwrap_or_else(|| IamPath::parse("/").expect("the root is a path"));
    Ok(RoleSettings::Managed {
        name,
        path,
        boundary,
        policies,
    })
}

const ROLE_NAME: &str = "AgentCoreRole-{runtime}";

/// Returns the name of an agent's role without `role.name`.
pub(crate) fn default_role(runtime: &RuntimeName) -> RoleName {
    role_name(ROLE_NAME, runtime).expect("the name of a runtime holds only what a role's may")
}

/// Returns the role's name. Beyond 64 characters, it is cut and ends with a hash of the full name.
pub(super) fn role_name(pattern: &str, runtime: &RuntimeName) -> Result<RoleName, NameError> {
    let full = pattern.replace("{runtime}", runtime.as_str());
    if full.len() <= 64 {
        return RoleName::parse(&full);
    }
    let digest = Sha256::digest(full.as_bytes());
    let short = hex(&digest[..4]);
    let head: String = full.chars().take(55).collect();
    RoleName::parse(&format!("{head}-{short}"))
}
