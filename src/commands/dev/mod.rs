//! `cargo agentcore dev`: agents on this machine, started anew at every edit.

mod agent;
mod environment;

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    pin::pin,
};

use self::{agent::Developed, environment::Given};
use super::{consent, local, packaging};
use crate::{
    cli,
    config::{Agent, Config, Declared, Language, Protocol, Stage, load_with},
    effects::{
        self, clock,
        dev::{self, Access, Event, Heard, Served, Watch},
        files::{self, Attempt, Lock},
        folder::Folder,
        local::Emulator,
        manifest::Project,
    },
    error::{Failure, Message},
    plan::log_tail::line_shown,
    protocol::contract::Contract,
    ui::{Reader, Ui},
};

/// Run the agents on this machine, and start them anew at every edit
///
/// Runs the sources in the layout of the archive, with the dependencies that `deploy` ships, behind the
/// address that AgentCore would call. AWS calls of the agents go to this project's AWS emulator. Ctrl-C
/// ends everything, with exit code 0.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The agent's port; 0 takes a free one [default: 8080, for MCP 8000, for A2A 9000]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// The address to listen on
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Start the agents once, whatever is edited
    #[arg(long)]
    no_reload: bool,
    /// A variable for the agents; without a value, that of the environment (repeatable)
    #[arg(long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// A file of variables for the agents, `NAME=VALUE` a line [default: .env.local beside Cargo.toml]
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    #[command(flatten)]
    project: cli::Project,
}

/// Where `dev` keeps its files, beside the agents' folders.
pub(super) const FOLDER: &str = "dev";
/// Held while an agent runs.
const LOCK: &str = "running.lock";
/// New directories may hold new directories.
const ROUNDS: usize = 5;

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    let stage = super::stage(&args.project, false);
    let given = Given::read(&args.env, args.env_file.as_deref())?;
    let (project, mut config) = super::load(&args.project, &stage, ui)?;
    consent::sources(&project, &mut config.agents, None, ui)?;
    let (events, mut heard) = dev::events();
    let mut agents = Vec::new();
    for (agent, port) in ports(&config.agents, args.port)? {
        // Before anything is started, so that nothing has to be ended again.
        agent_folder(&project, agent)?;
        let listener = dev::listen(args.host, port, agent.name.as_str()).await?;
        agents.push((agent.clone(), listener));
    }
    let names: Vec<String> = config
        .agents
        .iter()
        .map(|agent| agent.name.to_string())
        .collect();
    let emulator = local::run_for(&project, &config, ui).await?;
    let mut crew = Crew {
        given,
        stage,
        manifest_path: args.project.manifest_path.clone(),
        project,
        declared: config.declared.clone(),
        emulator,
        agents: Vec::new(),
        locks: Vec::new(),
    };
    for (agent, listener) in agents {
        let folder = agent_folder(&crew.project, &agent)?;
        crew.locks.push(hold(&folder, &agent)?);
        dev::clear(&folder)?;
        let access = Access {
            agent: agent.name.to_string(),
            host: args.host,
            port: dev::port_of(&listener)?,
            protocol: agent.protocol,
            allowlist: agent.header_allowlist.clone(),
            has_authorizer: agent.authorizer.is_some(),
        };
        let served = Served::begin(listener, access.clone(), folder.clone(), events.clone());
        crew.agents
            .push(Developed::new(agent, access, folder, served));
    }
    let ended = {
        let mut interrupt = pin!(clock::interrupt());
        let mut working = pin!(crew.work(args.no_reload, ui));
        loop {
            tokio::select! {
                event = heard.next() => tell(event, &names, ui),
                () = &mut interrupt => break Ok(()),
                result = &mut working => break result,
            }
        }
    };
    end(crew, &mut heard, &names, ui).await;
    ended
}

/// Ends the agents; what they print meanwhile is shown.
async fn end(crew: Crew, heard: &mut Heard, names: &[String], ui: &Ui) {
    ui.status("Stopping", &names.join(", "));
    let mut ending = pin!(crew.end());
    loop {
        tokio::select! {
            event = heard.next() => tell(event, names, ui),
            () = &mut ending => break,
        }
    }
    for event in heard.rest() {
        tell(event, names, ui);
    }
}

/// The port of each agent: those of one protocol follow each other.
fn ports(agents: &[Agent], wanted: Option<u16>) -> Result<Vec<(&Agent, u16)>, Failure> {
    if let Some(other) = agents
        .iter()
        .find(|agent| agent.language != Language::Python)
    {
        return Err(Failure::config(format!(
            "the agent `{}` is not written in Python, and `dev` runs only Python agents",
            other.name
        )));
    }
    if let (Some(port), [_, _, ..]) = (wanted, agents)
        && port != 0
    {
        return Err(
            Failure::usage("`--port` is for one agent, and the project has several")
                .help("choose one with `--agent NAME`"),
        );
    }
    let mut taken: BTreeSet<u16> = BTreeSet::new();
    let ports = agents.iter().map(|agent| {
        let default = Contract::of(agent.protocol, None, None).port;
        let port = wanted.unwrap_or_else(|| {
            (default..=u16::MAX)
                .find(|port| !taken.contains(port))
                .unwrap_or(default)
        });
        taken.insert(port);
        (agent, port)
    });
    Ok(ports.collect())
}

fn agent_folder(project: &Project, agent: &Agent) -> Result<Folder, Failure> {
    let folder = project.kept_of(&agent.project)?.join(FOLDER);
    let name = packaging::directory(agent, project)?.path();
    let name = name.file_name().unwrap_or_default();
    Ok(folder.join(name))
}

/// What `clean` deletes of an agent; nothing while it runs.
pub(super) fn kept(agent: &Agent, project: &Project) -> Result<Option<Folder>, Failure> {
    let folder = agent_folder(project, agent)?;
    if !folder.is_marked()? {
        return Ok(None);
    }
    Ok(match folder.try_lock(LOCK)? {
        Attempt::Held(_) => Some(folder),
        Attempt::Busy(_) => None,
    })
}

fn hold(folder: &Folder, agent: &Agent) -> Result<Lock, Failure> {
    folder.create_marked(|name| name == LOCK)?;
    match folder.try_lock(LOCK)? {
        Attempt::Held(lock) => Ok(lock),
        Attempt::Busy(_) => Err(Failure::world(format!(
            "agent `{}` already runs under another `cargo agentcore dev`",
            agent.name
        ))
        .help("end that one with Ctrl-C, or choose other agents with `--agent NAME`")),
    }
}

fn tell(event: Event, names: &[String], ui: &Ui) {
    match event {
        Event::Line { agent, text } => {
            let number = names.iter().position(|name| *name == agent);
            let shown = number
                .filter(|_| names.len() > 1)
                .map(|number| (agent.as_str(), number));
            match ui.agent_line(shown, &line_shown(&text)) {
                // The agents go on for those who call them.
                Reader::There | Reader::Gone => {}
            }
        }
        Event::Ended {
            agent,
            code,
            lines: _,
        } => ui.failure(
            &Failure::world(format!("agent `{agent}` ended with code {code}"))
                .help("it starts again at the next edit"),
        ),
        Event::Cut { agent, requests } => {
            let requests = match requests {
                1 => "1 request".to_owned(),
                several => format!("{several} requests"),
            };
            ui.warning(&Message::new(format!(
                "{requests} of agent `{agent}` did not finish within 5 s after an edit and were cut off"
            )));
        }
        Event::HeaderLeftOut { agent, header } => ui.warning(
            &Message::new(format!(
                "the header `{header}` does not reach agent `{agent}`, as it would not in AWS"
            ))
            .help(format!(
                "add it to the agent's `header-allowlist = [\"{header}\"]`"
            )),
        ),
    }
}

/// The agents that run, and what they run on.
struct Crew {
    given: Given,
    stage: Stage,
    manifest_path: Option<PathBuf>,
    project: Project,
    declared: Declared,
    emulator: Emulator,
    agents: Vec<Developed>,
    /// Held until all has ended.
    locks: Vec<Lock>,
}

/// What all agents stand on.
struct Ground<'a> {
    given: &'a Given,
    project: &'a Project,
    declared: &'a Declared,
    emulator: &'a Emulator,
}

impl Crew {
    async fn work(&mut self, no_reload: bool, ui: &Ui) -> Result<(), Failure> {
        self.look(ui).await;
        self.introduce(ui);
        if no_reload {
            return std::future::pending().await;
        }
        let (mut watch, why) = Watch::new();
        if let Some(why) = why {
            warn_of_slow_watch(&why, ui);
        }
        self.follow(&mut watch, ui).await;
        loop {
            watch.edited().await;
            if self.refresh(ui).await {
                watch.something_changed();
            } else {
                watch.nothing_changed(&self.files());
            }
            self.follow(&mut watch, ui).await;
        }
    }

    /// Says where the agents are, and how to talk to them.
    fn introduce(&self, ui: &Ui) {
        for agent in &self.agents {
            ui.status("Serving", &format!("`{}` at {}", agent.name(), agent.url()));
            ui.plain(&format!("             {}", agent.example()));
        }
        ui.status(
            "Using",
            &format!(
                "the AWS emulator at {} for AWS calls; press Ctrl-C to stop the agents",
                self.emulator.url
            ),
        );
    }

    /// Watches what is there by now, and looks again where anything in it may have been missed.
    async fn follow(&mut self, watch: &mut Watch, ui: &Ui) {
        for _ in 0..ROUNDS {
            let roots: Vec<PathBuf> = self.agents.iter().flat_map(Developed::roots).collect();
            let files = self.files();
            let paths = files.iter().map(PathBuf::as_path);
            let (is_new, why) = watch.follow(&roots, paths, &self.project.target_dir);
            if let Some(why) = why {
                warn_of_slow_watch(&why, ui);
            }
            if !is_new {
                return;
            }
            self.refresh(ui).await;
        }
    }

    /// Every file that decides how the agents run.
    fn files(&self) -> BTreeSet<PathBuf> {
        let manifests = self.project.manifests.iter();
        let mut files: BTreeSet<PathBuf> =
            manifests.map(|manifest| manifest.path.clone()).collect();
        for agent in &self.agents {
            files.extend(agent.files());
            files.insert(self.given.file(agent.directory()));
        }
        files
    }

    /// Whether anything changed.
    async fn refresh(&mut self, ui: &Ui) -> bool {
        let mut is_changed = false;
        if self.manifests_changed() {
            is_changed = true;
            match self.reread() {
                Ok(config) => self.take_over(config, ui),
                Err(failure) => {
                    for agent in &mut self.agents {
                        agent.fail(&failure, ui);
                    }
                    return true;
                }
            }
        }
        is_changed | self.look(ui).await
    }

    async fn look(&mut self, ui: &Ui) -> bool {
        let ground = Ground {
            given: &self.given,
            project: &self.project,
            declared: &self.declared,
            emulator: &self.emulator,
        };
        let mut is_changed = false;
        for agent in &mut self.agents {
            is_changed |= agent.refresh(&ground, ui).await;
        }
        is_changed
    }

    fn manifests_changed(&self) -> bool {
        self.project.manifests.iter().any(|manifest| {
            let text = files::read_text(&manifest.path).ok().flatten();
            text.as_ref() != Some(&manifest.text)
        })
    }

    fn reread(&mut self) -> Result<Config, Failure> {
        // What is read is remembered even where it is wrong: it is looked at once.
        for manifest in &mut self.project.manifests {
            manifest.text = files::read_text(&manifest.path)
                .ok()
                .flatten()
                .unwrap_or_default();
        }
        self.project = effects::manifest::observe(self.manifest_path.as_deref())?;
        load_with(&self.project.manifests, &self.stage, &[])
    }

    fn take_over(&mut self, config: Config, ui: &Ui) {
        self.declared = config.declared;
        for agent in &mut self.agents {
            match config
                .agents
                .iter()
                .find(|found| found.name.as_str() == agent.name())
            {
                Some(found) if found.source_dir() == agent.source_dir() => {
                    agent.declare(found.clone());
                }
                // Whether they may be shipped is asked at the start.
                Some(_) => {
                    let failure = Failure::config(format!(
                        "the `source` of agent `{}` changed",
                        agent.name()
                    ));
                    agent.fail(&failure.help("start `cargo agentcore dev` again"), ui);
                }
                None => {
                    let failure = Failure::config(format!(
                        "agent `{}` is not declared any more",
                        agent.name()
                    ));
                    agent.fail(&failure, ui);
                }
            }
        }
    }

    async fn end(self) {
        for agent in self.agents {
            agent.end().await;
        }
        drop(self.locks);
    }
}

fn warn_of_slow_watch(why: &str, ui: &Ui) {
    ui.warning(
        &Message::new("the system does not report edits, so files are checked every second")
            .note(why),
    );
}

/// How an agent is called, in a line that can be pasted.
fn example(url: &str, protocol: Protocol) -> String {
    match protocol {
        Protocol::Http | Protocol::Agui => format!(
            "curl -N {url}/invocations -H 'Content-Type: application/json' -d '{{\"prompt\": \"hello\"}}'"
        ),
        Protocol::Mcp => format!("connect an MCP client to {url}/mcp"),
        Protocol::A2a => format!("curl {url}/.well-known/agent-card.json"),
    }
}

/// A path as it is shown: seen from the project where it lies in it.
fn within(path: &Path, root: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}
