//! The agents of a `dev` run and what they share; applies edits to all of them.

use std::{collections::BTreeSet, path::PathBuf};

use super::{
    agent::{Developed, LOOK, WRITING},
    ground::Ground,
};
use crate::{
    config::{Config, Declared, Language, Stage, load_with},
    effects::{self, clock, dev::Watch, files, local::Emulator, manifest::Project},
    error::{Failure, Message},
    project::environment::Given,
    ui::Ui,
};

/// How often new directories are searched for more new directories.
const ROUNDS: usize = 5;

/// The running agents and what they share.
pub(crate) struct Crew {
    pub(crate) given: Given,
    pub(crate) stage: Stage,
    pub(crate) manifest_path: Option<PathBuf>,
    pub(crate) project: Project,
    pub(crate) declared: Declared,
    pub(crate) emulator: Emulator,
    pub(crate) is_detached: bool,
    /// Identifies this `dev` to other commands.
    pub(crate) nonce: String,
    pub(crate) agents: Vec<Developed>,
}

impl Crew {
    pub(crate) async fn work(&mut self, no_reload: bool, ui: &Ui) -> Result<(), Failure> {
        self.tell_others()?;
        self.look(&mut Vec::new(), ui).await;
        self.introduce(ui);
        self.tell_others()?;
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
            self.tell_others()?;
        }
    }

    /// Publishes the state of the agents for other commands.
    fn tell_others(&mut self) -> Result<(), Failure> {
        for agent in &mut self.agents {
            agent.tell_others(&self.nonce)?;
        }
        Ok(())
    }

    /// Prints the agents' addresses, and how to call them.
    fn introduce(&self, ui: &Ui) {
        for agent in &self.agents {
            ui.status("Serving", &format!("`{}` at {}", agent.name(), agent.url()));
            ui.plain(&format!("             {}", agent.example()));
            if let Some(note) = agent.not_mounted() {
                ui.note(&note);
            }
        }
        let stop = if self.is_detached {
            ""
        } else {
            "; press Ctrl-C to stop the agents"
        };
        ui.status(
            "Using",
            &format!(
                "the AWS emulator at {} for AWS calls{stop}",
                self.emulator.url
            ),
        );
    }

    /// Watches all relevant files, and checks again for changes that may have been missed.
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

    /// Returns every file that affects how the agents run.
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

    /// Applies changes. Returns true if anything changed.
    async fn refresh(&mut self, ui: &Ui) -> bool {
        let mut is_changed = false;
        let mut reported = Vec::new();
        if self.manifests_changed().await {
            is_changed = true;
            match self.reread() {
                Ok(config) => self.take_over(config, &mut reported, ui),
                Err(failure) => {
                    for agent in &mut self.agents {
                        agent.fail(&failure, &mut reported, ui);
                    }
                    return true;
                }
            }
        }
        is_changed | self.look(&mut reported, ui).await
    }

    /// Returns true if any agent changed. `reported` contains the problems that were printed.
    async fn look(&mut self, reported: &mut Vec<Failure>, ui: &Ui) -> bool {
        let ground = Ground {
            given: &self.given,
            project: &self.project,
            declared: &self.declared,
            emulator: &self.emulator,
        };
        let mut is_changed = false;
        for agent in &mut self.agents {
            is_changed |= match agent.agent.language.clone() {
                Language::Python => agent.refresh_python(&ground, reported, ui).await,
                Language::Rust(package) => {
                    agent.refresh_binary(&package, &ground, reported, ui).await
                }
            };
        }
        is_changed
    }

    /// Looks again while a manifest has lost its content, because an editor may be writing it.
    async fn manifests_changed(&self) -> bool {
        let start = clock::now();
        loop {
            let (mut is_changed, mut is_emptied) = (false, false);
            for manifest in &self.project.manifests {
                let text = files::read_text(&manifest.path).ok().flatten();
                is_changed |= text.as_ref() != Some(&manifest.text);
                is_emptied |= text.is_some_and(|text| text.is_empty()) && !manifest.text.is_empty();
            }
            if !is_emptied || start.elapsed() > WRITING {
                return is_changed;
            }
            clock::sleep(LOOK).await;
        }
    }

    fn reread(&mut self) -> Result<Config, Failure> {
        // Record what was read even if it is wrong, so that it is processed once.
        for manifest in &mut self.project.manifests {
            manifest.text = files::read_text(&manifest.path)
                .ok()
                .flatten()
                .unwrap_or_default();
        }
        self.project = effects::manifest::observe(self.manifest_path.as_deref())?;
        load_with(&self.project.manifests, &self.stage, &[])
    }

    fn take_over(&mut self, config: Config, reported: &mut Vec<Failure>, ui: &Ui) {
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
                // Permission to ship it is only asked at the start.
                Some(_) => {
                    let failure = Failure::config(format!(
                        "the `source` of agent `{}` changed",
                        agent.name()
                    ));
                    let failure = failure.help("start `cargo agentcore dev` again");
                    agent.fail(&failure, reported, ui);
                }
                None => {
                    let failure =
                        Failure::config(format!("agent `{}` is no longer declared", agent.name()));
                    agent.fail(&failure, reported, ui);
                }
            }
        }
    }

    pub(crate) async fn end(self) {
        for agent in self.agents {
            agent.end().await;
        }
    }
}

fn warn_of_slow_watch(why: &str, ui: &Ui) {
    ui.warning(
        &Message::new("the system does not report edits, so files are checked every second")
            .note(why),
    );
}
