//! Declared resources, such as memories: observed, shown, written and waited for. All kinds take the
//! same path.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

use super::{
    plan_output::{Planned, announce},
    waiting::{State, wait},
};
use crate::{
    config::{Agent, Resource},
    effects::aws::{Session, declared::Resources, runtime_write::Token},
    error::{Exit, Failure, Message},
    names::ours::ADOPTED,
    options::Applying,
    plan::retry,
    project::sessions::{self, Placed},
    protocol::control::api,
    resources::{
        change::{Reveal, Step as _, values},
        clean::{Kept, Weight},
        declared::{self, Claim, Cleaning, DeclaredStep, ObservedResource, Untagged},
        role::Adopt,
    },
    ui::Ui,
};

/// How many resources are observed in parallel.
const AT_ONCE: usize = 8;

/// Shown instead of an ID that the service has not given yet.
const UNKNOWN: &str = "(known after it is created)";

/// The statuses of a resource that is about to change by itself.
const BUSY: [&str; 3] = ["CREATING", "UPDATING", "DELETING"];

/// The resources that the agents of a run use, in each account and region.
pub(crate) struct DeclaredWork<'a> {
    all: Vec<Work<'a>>,
}

struct Work<'a> {
    session: &'a Session,
    resource: &'a Resource,
    observed: Option<ObservedResource>,
    steps: Vec<DeclaredStep>,
    /// Why it may not be changed.
    refusal: Option<String>,
    /// The ID, once the resource exists.
    id: Option<String>,
}

/// What a resource is that may not be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    Failure,
    Shown,
}

/// Observes the resources that the agents refer to, and plans; writes nothing.
async fn observe<'a>(
    placed: &'a [Placed<'a>],
    adopt: Adopt,
    refused: Refused,
) -> Result<DeclaredWork<'a>, Failure> {
    let used = placed.iter().flat_map(|placed| {
        let resources = placed.agent.resources.iter();
        resources.map(|resource| (key(&placed.session, resource), (&placed.session, resource)))
    });
    let used: BTreeMap<_, _> = used.collect();
    let all = stream::iter(used.into_values())
        .map(|(session, resource)| async move {
            let observed = Resources::new(session).find(resource).await?;
            let how = (untagged(session), adopt);
            let (steps, refusal) = match declared::plan(resource, observed.as_ref(), how) {
                Ok(steps) => (steps, None),
                Err(why) if refused == Refused::Shown => (Vec::new(), Some(why.to_string())),
                Err(why) => return Err(why),
            };
            Ok::<_, Failure>(Work {
                session,
                resource,
                id: observed.as_ref().map(|there| there.id.clone()),
                observed,
                steps,
                refusal,
            })
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(DeclaredWork { all })
}

/// Creates and changes the resources that the agents refer to, unless this run changes nothing.
/// Returns them with the agents, which then have their IDs. `yes` answers questions.
pub(crate) async fn settle<'a>(
    placed: &'a [Placed<'a>],
    adopt: Adopt,
    applying: &Applying,
    yes: bool,
    ui: &Ui,
) -> Result<(DeclaredWork<'a>, Vec<Agent>), Failure> {
    let mut work = observe(placed, adopt, Refused::Failure).await?;
    if !applying.changes_nothing() {
        work.agree(yes, ui)?;
        work.apply(ui).await?;
    }
    let agents = work.linked(placed);
    Ok((work, agents))
}

/// Observes and compares for a command that writes nothing: a resource that may not be changed is
/// shown with the reason.
pub(crate) async fn compare<'a>(placed: &'a [Placed<'a>]) -> Result<DeclaredWork<'a>, Failure> {
    observe(placed, Adopt::No, Refused::Shown).await
}

fn key(session: &Session, resource: &Resource) -> (String, String, String) {
    (
        session.account.to_string(),
        session.region.to_string(),
        resource.path(),
    )
}

fn untagged(session: &Session) -> Untagged {
    if session.capabilities().resource_tags {
        Untagged::ProvesNothing
    } else {
        Untagged::IsOurs
    }
}

impl DeclaredWork<'_> {
    /// Returns true if something would be written.
    pub(crate) fn changes(&self) -> bool {
        self.all.iter().any(|work| !work.steps.is_empty())
    }

    /// Prints the steps as a part of the plan.
    pub(crate) fn show(&self, planned: Planned<'_>) {
        for step in self.all.iter().flat_map(|work| &work.steps) {
            planned.change(&step.change(), Reveal::Keys);
        }
    }

    /// Returns the resources with their steps, for JSON.
    pub(crate) fn values(&self) -> Vec<Value> {
        let value = |work: &Work<'_>| {
            json!({
                "kind": work.resource.kind.word(),
                "name": work.resource.name,
                "account": work.session.account,
                "region": work.session.region,
                "id": work.id,
                "status": work.observed.as_ref().map(|there| &there.status),
                "changes": values(&work.steps),
            })
        };
        self.all.iter().map(value).collect()
    }

    /// Returns the resources as text, one paragraph each.
    pub(crate) fn text(&self) -> Vec<String> {
        self.all.iter().map(Work::text).collect()
    }

    /// Returns the agents with the IDs of their resources.
    pub(crate) fn linked(&self, placed: &[Placed<'_>]) -> Vec<Agent> {
        let ids: BTreeMap<_, _> = self
            .all
            .iter()
            .map(|work| (key(work.session, work.resource), work.id.clone()))
            .collect();
        let link = |placed: &Placed<'_>| {
            placed.agent.with_resources(|resource| {
                let id = ids.get(&key(&placed.session, resource)).cloned().flatten();
                id.unwrap_or_else(|| format!("{}-{UNKNOWN}", resource.service_name))
            })
        };
        placed.iter().map(link).collect()
    }

    /// Asks for confirmation of steps that adopt something or lose content.
    fn agree(&self, yes: bool, ui: &Ui) -> Result<(), Failure> {
        for work in &self.all {
            let Some(why) = work.question() else {
                continue;
            };
            let what = format!(
                "{} `{}`",
                work.resource.kind.word(),
                work.resource.service_name
            );
            let planned = Planned::before_doing(yes, ui);
            planned.plain(&format!("This deployment would change the {what}:"));
            for step in &work.steps {
                planned.change(&step.change(), Reveal::Keys);
            }
            for line in &why {
                planned.detail(line);
            }
            if yes {
                continue;
            }
            if !ui.is_interactive() {
                return Err(Failure::usage(format!(
                    "cannot ask for confirmation to change the {what} without a terminal"
                ))
                .help("pass `--yes` to change it as shown above; nothing was written"));
            }
            let place = sessions::places([(work.session, work.resource.stage.as_ref())]);
            let exit = match ui.confirm(&format!("Change the {what} ({place})?")) {
                Ok(true) => continue,
                Ok(false) => Exit::World,
                Err(why) => why.exit(),
            };
            return Err(Failure::new(exit, format!("the {what} was not changed"))
                .note("nothing was written"));
        }
        Ok(())
    }

    /// Carries out the steps and waits until every resource can be used.
    async fn apply(&mut self, ui: &Ui) -> Result<(), Failure> {
        for work in &mut self.all {
            work.apply(ui).await?;
        }
        Ok(())
    }
}

impl Work<'_> {
    /// Returns what the user must agree to, if anything.
    fn question(&self) -> Option<Vec<String>> {
        let mut lines = Vec::new();
        let mut adopts = false;
        for step in &self.steps {
            match step {
                DeclaredStep::Update { loses, .. } => {
                    lines.extend(loses.iter().map(|what| format!("This deletes {what}.")));
                }
                DeclaredStep::Tag { tags, .. } => adopts |= tags.contains_key(ADOPTED),
                DeclaredStep::Create { .. }
                | DeclaredStep::Untag { .. }
                | DeclaredStep::Delete { .. } => {}
            }
        }
        (adopts || !lines.is_empty()).then_some(lines)
    }

    async fn apply(&mut self, ui: &Ui) -> Result<(), Failure> {
        let resources = Resources::new(self.session);
        // An earlier run may have been stopped, or may have failed; an update can mend a failure.
        if let Some(there) = &self.observed
            && there.status != api(self.resource.kind).ready
            && (self.steps.is_empty() || BUSY.contains(&there.status.as_str()))
        {
            self.ready(&there.id, ui).await?;
        }
        let mut arn = self.observed.as_ref().map(|there| there.arn.clone());
        let mut written = false;
        for step in &self.steps {
            announce(&step.change(), ui);
            let (id, arn_there) = (self.id.clone().unwrap_or_default(), arn.clone());
            let arn_there = arn_there.unwrap_or_default();
            match step {
                DeclaredStep::Create { body, .. } => {
                    let (id, new) = resources.create(self.resource, body, &Token::new()).await?;
                    self.id = Some(id);
                    arn = Some(new);
                    written = true;
                }
                DeclaredStep::Update { body, .. } => {
                    resources
                        .update(self.resource, &id, body, &Token::new())
                        .await?;
                    written = true;
                }
                DeclaredStep::Untag { keys, .. } => resources.untag(&arn_there, keys).await?,
                DeclaredStep::Tag { tags, .. } => resources.tag(&arn_there, tags).await?,
                DeclaredStep::Delete { .. } => resources.delete(self.resource, &id).await?,
            }
        }
        if written && let Some(id) = &self.id {
            self.ready(id, ui).await?;
            self.compare_again(ui).await?;
        }
        Ok(())
    }

    /// Waits until the resource can be used.
    async fn ready(&self, id: &str, ui: &Ui) -> Result<(), Failure> {
        let ready = api(self.resource.kind).ready;
        let resources = Resources::new(self.session);
        let what = format!(
            "{} `{}` to be {ready}",
            self.resource.kind.word(),
            self.resource.service_name
        );
        let look = async || {
            let document = resources.get(self.resource, id).await?;
            let text = |member: &str| document.get(member).and_then(Value::as_str);
            let status = text("status").unwrap_or_default().to_owned();
            Ok(if status == ready {
                State::Done(())
            } else if BUSY.contains(&status.as_str()) {
                State::Going(status)
            } else {
                let reason = text("failureReason").map(str::to_owned);
                State::Failed { status, reason }
            })
        };
        wait(&what, retry::READY, look, ui).await
    }

    /// Warns about settings that the service did not take over as they were sent.
    async fn compare_again(&self, ui: &Ui) -> Result<(), Failure> {
        let there = Resources::new(self.session).find(self.resource).await?;
        let how = (untagged(self.session), Adopt::Yes);
        let steps = declared::plan(self.resource, there.as_ref(), how)?;
        for step in steps {
            if let DeclaredStep::Update { fields, .. } = step {
                let (word, name) = (self.resource.kind.word(), &self.resource.service_name);
                let message = Message::new(format!(
                    "the {word} `{name}` has other settings than the metadata"
                ));
                let fields = fields.iter().map(|field| field.words(Reveal::Keys));
                ui.warning(&fields.fold(message, Message::note));
            }
        }
        Ok(())
    }

    fn text(&self) -> String {
        let Resource { kind, name, .. } = self.resource;
        let head = format!("{} {name}", kind.word());
        let Some(there) = &self.observed else {
            return format!("{head}\n  state        not created");
        };
        let mut lines = vec![
            head,
            format!("  id           {}", there.id),
            format!("  status       {}", there.status),
        ];
        lines.extend(
            there
                .failure
                .iter()
                .map(|why| format!("  reason       {why}")),
        );
        let claim = declared::claim(self.resource, there, untagged(self.session));
        if let Claim::NotOurs(why) = claim {
            lines.push(format!("  owner        not provably this project: {why}"));
        }
        lines.extend(
            self.refusal
                .iter()
                .map(|why| format!("  refused      {why}")),
        );
        for step in &self.steps {
            lines.push(format!("  differs      {}", step.change().words()));
            if let DeclaredStep::Update { fields, .. } = step {
                lines.extend(
                    fields
                        .iter()
                        .map(|field| format!("               {}", field.words(Reveal::Keys))),
                );
            }
        }
        lines.join("\n")
    }
}

/// A declared resource that `clean` deletes.
pub(crate) struct Deletion<'a> {
    session: &'a Session,
    resource: Resource,
    id: String,
    pub(crate) step: DeclaredStep,
}

/// Returns what `clean` does with the resources of the project in the places of the agents.
pub(crate) async fn to_clean<'a>(
    placed: &'a [Placed<'a>],
    resources: &[Resource],
) -> Result<(Vec<Deletion<'a>>, Vec<Kept>), Failure> {
    let mut places = BTreeMap::new();
    for Placed { session, .. } in placed {
        places.insert((session.account.as_str(), session.region.as_str()), session);
    }
    let (mut deletions, mut kept) = (Vec::new(), Vec::new());
    for session in places.into_values() {
        for resource in resources {
            let Some(there) = Resources::new(session).find(resource).await? else {
                continue;
            };
            match declared::clean(resource, &there, untagged(session)) {
                Cleaning::Delete(step) => deletions.push(Deletion {
                    session,
                    resource: resource.clone(),
                    id: there.id,
                    step,
                }),
                Cleaning::Keep(why) => kept.push(Kept {
                    what: declared::subject(resource).at(&session.region),
                    why,
                    weight: Weight::Fine,
                }),
            }
        }
    }
    Ok((deletions, kept))
}

impl Deletion<'_> {
    /// Deletes the resource and waits until it is gone.
    pub(crate) async fn apply(&self, ui: &Ui) -> Result<(), Failure> {
        let resources = Resources::new(self.session);
        announce(&self.step.change(), ui);
        resources.delete(&self.resource, &self.id).await?;
        let what = format!(
            "{} `{}` to be deleted",
            self.resource.kind.word(),
            self.resource.service_name
        );
        let look = async || match resources.get(&self.resource, &self.id).await {
            Err(error) if error.is_not_found() => Ok(State::Done(())),
            Err(error) => Err(error.into()),
            Ok(document) => {
                let status = document
                    .get("status")
                    .and_then(Value::as_str)
                    .unwrap_or("there");
                Ok(State::Going(status.to_owned()))
            }
        };
        wait(&what, retry::DELETION, look, ui).await
    }
}
