//! Pins an endpoint to a version, for `endpoint set` and `rollback`.

use std::time::Duration;

use serde_json::json;

use crate::{
    commands::documents,
    effects::aws::{runtime::Runtimes, runtime_read::EndpointWish},
    engine::{
        plan_output::{Planned, announce},
        runtime::find::{self, Deployed, Found},
        waiting::{State, wait},
    },
    error::{Exit, Failure, Message},
    names::EndpointName,
    options,
    project::{
        self,
        emulator::{self, Reach},
        sessions,
    },
    resources::{
        change::Reveal,
        clean::Tags,
        endpoint::{self as plan, EndpointStep, History},
        ownership::Identity,
        runtime::observed::{EndpointState, READY},
    },
    ui::Ui,
};

/// What every command that changes an endpoint understands.
#[derive(Debug, clap::Args)]
pub(crate) struct Writing {
    /// Time to wait for the endpoint
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Duration,
    #[command(flatten)]
    pub(crate) applying: options::Applying,
    /// Output format
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: options::Output,
    #[command(flatten)]
    project: options::Project,
    #[command(flatten)]
    aws: options::Aws,
}

/// The version that an endpoint of this project's runtime should have.
pub(crate) struct Pin<'a> {
    pub(crate) deployed: &'a Deployed<'a>,
    pub(crate) found: &'a Found,
    pub(crate) name: &'a EndpointName,
    pub(crate) there: Option<&'a EndpointState>,
    /// `None` if it is unknown.
    pub(crate) history: Option<History>,
    pub(crate) version: u32,
    pub(crate) description: Option<&'a str>,
}

impl Writing {
    /// Acts on the runtime of one agent, after checking that it belongs to this project.
    pub(crate) async fn on_ours(
        &self,
        ui: &Ui,
        act: impl AsyncFnOnce(&Deployed<'_>, &Found) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let stage = project::stage(&self.project, self.aws.local);
        let (project, config) = project::load(&self.project, &stage, ui)?;
        find::single(&config.agents)?;
        if emulator::is_empty(&self.aws, &project, &config, ui)? {
            return Err(find::absent(&config.agents[0]));
        }
        let (reach, place) = (Reach::of(&self.applying), (&project, &config));
        emulator::with(reach, &self.aws, place, ui, async |emulator| {
            let placed =
                sessions::place((&project, &config.agents), &self.aws, emulator, ui).await?;
            let all = find::observe(&placed, find::Unread::Fails).await?;
            let [deployed] = &all[..] else {
                unreachable!("one agent was selected")
            };
            act(deployed, deployed.ours()?).await
        })
        .await
    }
}

/// Waits for other changes, which would block this one, and returns the endpoint.
pub(crate) async fn settled(
    runtimes: &Runtimes,
    id: &str,
    name: &EndpointName,
    writing: &Writing,
    ui: &Ui,
) -> Result<Option<EndpointState>, Failure> {
    let look = async || -> Result<State<Option<EndpointState>>, Failure> {
        let there = runtimes.read_endpoint(id, name.as_str()).await?;
        Ok(match there {
            Some(endpoint) if busy(&endpoint.status) => State::Going(endpoint.status),
            there => State::Done(there),
        })
    };
    if writing.applying.changes_nothing() {
        return Ok(runtimes.read_endpoint(id, name.as_str()).await?);
    }
    wait(
        &format!("the pending change of endpoint `{name}`"),
        writing.timeout,
        look,
        ui,
    )
    .await
}

/// Returns the endpoint's previous versions; `None` if the emulator has no tags on endpoints, or
/// they cannot be read.
pub(crate) async fn history(runtimes: &Runtimes, there: &EndpointState) -> Option<History> {
    match runtimes.tags(&there.arn).await {
        Ok(Tags::Known(tags)) => Some(History::of(&tags)),
        Ok(Tags::Unknown) | Err(_) => None,
    }
}

fn busy(status: &str) -> bool {
    matches!(status, "CREATING" | "UPDATING" | "DELETING")
}

impl Pin<'_> {
    /// Pins the endpoint and waits until the version answers, or only prints the planned change.
    pub(crate) async fn carry_out(&self, writing: &Writing, ui: &Ui) -> Result<(), Failure> {
        let step = plan::set(self.there, self.version, self.description);
        if let Some(step) = &step {
            let change = step.change(self.name);
            if writing.applying.changes_nothing() {
                Planned::alone(writing.output, ui).change(&change, Reveal::Keys);
            } else {
                announce(&change, ui);
                self.write(step, ui).await?;
                self.ready(writing, ui).await?;
                ui.status(
                    "Ready",
                    &format!(
                        "endpoint `{}` answers with version {}",
                        self.name, self.version
                    ),
                );
            }
        } else {
            let what = format!("endpoint `{}` is at version {}", self.name, self.version);
            if writing.applying.changes_nothing() {
                Planned::alone(writing.output, ui).status("Unchanged", &what);
            } else {
                ui.status("Unchanged", &what);
            }
        }
        if writing.output == options::Output::Json {
            let before = self.there.and_then(plan::live);
            let rest = json!({
                "dry_run": writing.applying.changes_nothing(),
                "runtime": documents::runtime(&self.found.state),
                "endpoint": { "name": self.name },
                "before": before.map(|version| version.to_string()),
                "after": self.version.to_string(),
                "changed": step.is_some(),
            });
            ui.document(documents::placed(self.deployed.placed, rest));
        }
        if writing.applying.check && step.is_some() {
            return Err(Failure::silent(Exit::Findings));
        }
        Ok(())
    }

    async fn write(&self, step: &EndpointStep, ui: &Ui) -> Result<(), Failure> {
        let Deployed { placed, .. } = self.deployed;
        let runtimes = Runtimes::new(&placed.session);
        let id = &self.found.state.id;
        // An update without a description would remove the existing one.
        let kept = self.there.and_then(|there| there.description.as_deref());
        let wish = EndpointWish {
            name: self.name.as_str(),
            version: self.version,
            description: self.description.or(kept),
        };
        match step {
            EndpointStep::Create { .. } => {
                let mut tags = placed.agent.tags.clone();
                tags.extend(Identity::of(placed.agent).tags());
                runtimes.create_endpoint(id, wish, tags).await?;
            }
            EndpointStep::Update { .. } => {
                // Before the update, because a rollback to the current version would do nothing.
                self.remember(&runtimes, ui).await;
                runtimes.update_endpoint(id, wish).await?;
            }
        }
        Ok(())
    }

    /// Records the current version for the next rollback. A failure does not stop the update.
    async fn remember(&self, runtimes: &Runtimes, ui: &Ui) {
        let (Some(there), Some(history)) = (self.there, &self.history) else {
            return;
        };
        let moved = history.moved(plan::live(there), self.version);
        if moved == *history {
            return;
        }
        // The deployer's policy requires the project's tag in every such request.
        let mut tags = Identity::of(self.deployed.placed.agent).tags();
        tags.insert(plan::HISTORY.to_owned(), moved.told());
        if let Err(error) = runtimes.tag(&there.arn, &tags).await {
            let mut message = Message::new(format!(
                "could not record on the endpoint `{}` which version it answers with, for the next rollback",
                self.name
            ));
            for part in Failure::from(error).messages {
                message = message.note(part.what);
            }
            ui.warning(&message.help("for that rollback, name the version: `rollback --to N`"));
        }
    }

    async fn ready(&self, writing: &Writing, ui: &Ui) -> Result<(), Failure> {
        let runtimes = Runtimes::new(&self.deployed.placed.session);
        let id = &self.found.state.id;
        let look = async || -> Result<State<()>, Failure> {
            let there = runtimes.read_endpoint(id, self.name.as_str()).await?;
            Ok(match there {
                // It was just created and is not visible everywhere yet.
                None => State::Going("not there yet".to_owned()),
                Some(endpoint) if endpoint.status.ends_with("_FAILED") => State::Failed {
                    status: endpoint.status,
                    reason: endpoint.failure,
                },
                Some(endpoint)
                    if endpoint.status == READY && plan::live(&endpoint) == Some(self.version) =>
                {
                    State::Done(())
                }
                Some(endpoint) => State::Going(endpoint.status),
            })
        };
        let what = format!(
            "endpoint `{}` to answer with version {}",
            self.name, self.version
        );
        wait(&what, writing.timeout, look, ui).await
    }
}
