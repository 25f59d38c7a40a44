//! Declared resources, such as memories: observed, shown, written and waited for. All kinds take the
//! same path.

mod clean;
mod files;
mod left;
mod report;
mod target_agents;
mod targets;
mod work;

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

pub(crate) use self::{
    clean::{delete, plan_to_clean},
    left::{broken_targets, undeclared},
};
use self::{files::complete, work::Work};
use super::{
    agent::in_aws::Purpose,
    agreement::{self, Question, Verb},
    plan_output::Planned,
    role::RoleWork,
    run::Run,
};
use crate::{
    config::{Agent, Link, Resource},
    effects::aws::Session,
    error::Failure,
    project::sessions::{self, Placed},
    resources::{change::values, deletion::Kept},
    ui::Ui,
};

/// How many resources are observed in parallel.
const AT_ONCE: usize = 8;

/// The resources that the agents of a run use, in each account and region.
pub(crate) struct DeclaredWork<'a> {
    all: Vec<Work<'a>>,
}

/// Observes the resources that the agents refer to, and plans; writes nothing.
async fn observe<'a>(
    placed: &'a [Placed<'a>],
    purpose: Purpose,
) -> Result<DeclaredWork<'a>, Failure> {
    let used = placed.iter().flat_map(|placed| {
        let resources = placed.agent.resources.iter();
        resources.map(move |resource| (key(&placed.session, resource), (placed, resource)))
    });
    let mut used: BTreeMap<_, _> = used.collect();
    used.retain(|_, (placed, resource)| placed.session.capabilities().has(resource.kind));
    let all = stream::iter(used.into_values())
        .map(|(placed, resource)| Work::observe(placed, resource, purpose))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(DeclaredWork { all })
}

/// Creates and changes the resources that the agents refer to, unless this run changes nothing.
/// Returns them with the agents, which then have their IDs.
pub(crate) async fn settle<'a>(run: &Run<'a>) -> Result<(DeclaredWork<'a>, Vec<Agent>), Failure> {
    for placed in run.placed {
        tell_missing(placed, run.ui)?;
    }
    targets::tell_others(run);
    let mut work = observe(run.placed, Purpose::Run(run.adopt)).await?;
    if !run.changes_nothing() {
        work.agree(run)?;
        work.apply(run).await?;
    }
    let agents = work.linked(run.placed);
    Ok((work, agents))
}

/// Notes the resources that the agents could use until now, and that are no longer declared.
pub(crate) async fn note_undeclared<'a>(
    run: &Run<'_>,
    roles: impl IntoIterator<Item = (&'a Placed<'a>, &'a RoleWork)>,
) {
    for (Placed { agent, session }, role) in roles {
        let resources = &run.declared.resources;
        let left = undeclared(agent, session, role.observed(), resources).await;
        for Kept { what, why, .. } in left {
            run.ui.note(&format!("{what} is kept: {why}"));
        }
    }
}

/// Observes and compares for a command that writes nothing: a resource that may not be changed is
/// shown with the reason.
pub(crate) async fn compare<'a>(placed: &'a [Placed<'a>]) -> Result<DeclaredWork<'a>, Failure> {
    observe(placed, Purpose::Report).await
}

/// Notes what the agent declares and this place does not have.
fn tell_missing(placed: &Placed<'_>, ui: &Ui) -> Result<(), Failure> {
    let capabilities = placed.session.capabilities();
    let resources = placed.agent.resources.iter();
    for resource in resources.filter(|resource| !capabilities.has(resource.kind)) {
        // Its files would stop the run elsewhere.
        complete(resource, &placed.session)?;
        ui.note(&format!(
            "the local AgentCore has no {}: `{}` is not created, and `{}` does not get {}",
            resource.kind.table(),
            resource.name,
            placed.agent.name,
            resource.variable()
        ));
    }
    Ok(())
}

fn key(session: &Session, resource: &Resource) -> (String, String, String) {
    (
        session.account.to_string(),
        session.region.to_string(),
        resource.path(),
    )
}

impl DeclaredWork<'_> {
    /// Returns true if something would be written.
    pub(crate) fn changes(&self) -> bool {
        self.all.iter().any(|work| !work.changes().is_empty())
    }

    /// Prints the steps as a part of the plan.
    pub(crate) fn show(&self, planned: Planned<'_>) {
        for work in &self.all {
            work.show(planned);
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
                "changes": values(&work.changes()),
                "refused": work.refusal,
                "denied": work.denied.as_ref().map(Failure::to_string),
            })
        };
        self.all.iter().map(value).collect()
    }

    /// Returns the resources of an agent that could not be read, each with the reason.
    pub(crate) fn unread(&self, placed: &Placed<'_>) -> Vec<(&Resource, &Failure)> {
        let resources = placed.agent.resources.iter();
        let wanted: Vec<_> = resources.map(|one| key(&placed.session, one)).collect();
        let of_agent = |work: &&Work<'_>| wanted.contains(&key(work.session, &work.resource));
        let all = self.all.iter().filter(of_agent);
        all.filter_map(|work| Some((&work.resource, work.denied.as_ref()?)))
            .collect()
    }

    /// Returns the resources as text, one paragraph each.
    pub(crate) fn text(&self) -> Vec<String> {
        self.all.iter().map(Work::text).collect()
    }

    /// Returns the agents with the IDs of their resources.
    pub(crate) fn linked(&self, placed: &[Placed<'_>]) -> Vec<Agent> {
        let links: BTreeMap<_, _> = self
            .all
            .iter()
            .map(|work| (key(work.session, &work.resource), work.link()))
            .collect();
        let link = |placed: &Placed<'_>| {
            placed.agent.with_resources(|resource| {
                let link = links.get(&key(&placed.session, resource));
                link.cloned().unwrap_or(Link::Missing)
            })
        };
        placed.iter().map(link).collect()
    }

    /// Asks for confirmation of steps that adopt something or lose content.
    fn agree(&self, run: &Run<'_>) -> Result<(), Failure> {
        for work in &self.all {
            let Some(why) = work.question() else {
                continue;
            };
            let what = format!(
                "{} `{}`",
                work.resource.kind.word(),
                work.resource.service_name
            );
            let planned = Planned::before_doing(run.yes, run.ui);
            planned.plain(&format!("This run would change the {what}:"));
            work.show(planned);
            for line in &why {
                planned.detail(line);
            }
            let place = sessions::places([(work.session, work.resource.stage.as_ref())]);
            let question = Question::about(Verb::Change, format!("the {what}"), &place);
            agreement::agree(&question, run)?;
        }
        Ok(())
    }

    /// Carries out the steps and waits until every resource can be used.
    async fn apply(&mut self, run: &Run<'_>) -> Result<(), Failure> {
        for work in &mut self.all {
            work.apply(run.adopt, run.ui).await?;
        }
        Ok(())
    }
}
