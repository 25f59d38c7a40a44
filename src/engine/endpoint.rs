//! Named endpoints: waits for them, pins them to a version and deletes them.

use std::time::Duration;

use crate::{
    effects::aws::{Session, runtime::Runtimes, runtime_read::EndpointWish},
    engine::{
        plan_output::announce,
        runtime::find::{Deployed, Found},
        waiting::{State, wait},
    },
    error::{Failure, Message},
    names::EndpointName,
    plan::retry,
    resources::{
        endpoint::{self as plan, EndpointStep, History},
        ownership::Identity,
        runtime::observed::{EndpointState, READY},
        tags::Tags,
    },
    ui::Ui,
};

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

/// Waits for other changes, which would block this one, and returns the endpoint.
pub(crate) async fn settled(
    runtimes: &Runtimes,
    id: &str,
    name: &EndpointName,
    timeout: Duration,
    ui: &Ui,
) -> Result<Option<EndpointState>, Failure> {
    let look = async || -> Result<State<Option<EndpointState>>, Failure> {
        let there = runtimes.read_endpoint(id, name.as_str()).await?;
        Ok(match there {
            Some(endpoint) if busy(&endpoint.status) => State::Going(endpoint.status),
            there => State::Done(there),
        })
    };
    wait(
        &format!("the pending change of endpoint `{name}`"),
        timeout,
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
    /// Returns the step that gives the endpoint its version, if one is needed.
    pub(crate) fn step(&self) -> Option<EndpointStep> {
        plan::set(self.there, self.version, self.description)
    }

    /// Carries out the step, and waits until the version answers.
    pub(crate) async fn apply(
        &self,
        step: &EndpointStep,
        timeout: Duration,
        ui: &Ui,
    ) -> Result<(), Failure> {
        announce(&step.change(self.name), ui);
        self.write(step, ui).await?;
        self.ready(timeout, ui).await?;
        ui.status(
            "Ready",
            &format!(
                "endpoint `{}` answers with version {}",
                self.name, self.version
            ),
        );
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

    async fn ready(&self, timeout: Duration, ui: &Ui) -> Result<(), Failure> {
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
        wait(&what, timeout, look, ui).await
    }
}

/// Deletes an endpoint, and waits until it is gone.
pub(crate) async fn delete(
    (session, id): (&Session, &str),
    name: &EndpointName,
    timeout: Duration,
    ui: &Ui,
) -> Result<(), Failure> {
    let runtimes = Runtimes::new(session);
    runtimes.delete_endpoint(id, name.as_str()).await?;
    let look = async || -> Result<State<()>, Failure> {
        let there = runtimes.read_endpoint(id, name.as_str()).await?;
        Ok(match there {
            None => State::Done(()),
            Some(endpoint) if endpoint.status == "DELETE_FAILED" => State::Failed {
                status: endpoint.status,
                reason: endpoint.failure,
            },
            Some(endpoint) => State::Going(endpoint.status),
        })
    };
    let limit = timeout.min(retry::DELETION);
    wait(&format!("endpoint `{name}` to be deleted"), limit, look, ui).await
}
