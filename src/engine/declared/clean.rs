//! What `clean` deletes of the declared resources.

use std::collections::BTreeMap;

use super::work::{delete_part, gone, untagged};
use crate::{
    config::Resource,
    effects::aws::{Session, declared::Resources, iam::Iam},
    engine::{deletion, plan_output::announce, waiting::wait},
    error::Failure,
    names::RoleName,
    plan::retry,
    project::sessions::Placed,
    protocol::control::api,
    resources::{
        change::{Change, Step},
        clean::{Kept, RoleRemoval, Weight},
        declared::{self, Cleaning, DeclaredStep, ObservedResource, gateway},
        ownership::Identity,
    },
    ui::Ui,
};

/// A declared resource that `clean` deletes, with its role.
pub(crate) struct Deletion<'a> {
    session: &'a Session,
    resource: Resource,
    id: String,
    steps: Vec<DeclaredStep>,
    role: Vec<RoleRemoval>,
}

/// What `clean` does with declared resources.
#[derive(Default)]
pub(crate) struct ToClean<'a> {
    /// Targets that lead to agents, which are deleted before these.
    pub(crate) targets: Vec<Deletion<'a>>,
    pub(crate) resources: Vec<Deletion<'a>>,
    pub(crate) kept: Vec<Kept>,
}

/// Returns what `clean` does with the resources of the project in the places of the agents.
pub(crate) async fn to_clean<'a>(
    placed: &'a [Placed<'a>],
    resources: &[Resource],
) -> Result<ToClean<'a>, Failure> {
    let mut places = BTreeMap::new();
    for Placed { session, .. } in placed {
        places.insert((session.account.as_str(), session.region.as_str()), session);
    }
    let mut to_clean = ToClean::default();
    for session in places.into_values() {
        let has = |resource: &&Resource| session.capabilities().has(resource.kind);
        for resource in resources.iter().filter(has) {
            let there = Resources::new(session).find(resource).await?;
            let mut deletion = Deletion {
                session,
                resource: resource.clone(),
                id: String::new(),
                steps: Vec::new(),
                role: Vec::new(),
            };
            if let Some(there) = there {
                match declared::clean(resource, &there, untagged(session)) {
                    Cleaning::Delete(steps) => deletion.steps = steps,
                    Cleaning::Keep(why) => {
                        to_clean.kept.push(Kept {
                            what: declared::subject(resource).at(&session.region),
                            why,
                            weight: Weight::Fine,
                        });
                        continue;
                    }
                }
                deletion.id.clone_from(&there.id);
                to_clean.targets.extend(deletion.targets(&there));
            }
            // A stopped run may have deleted the resource alone.
            if !resource.retain {
                deletion.role = own_role(resource, session, &mut to_clean.kept).await?;
            }
            if !deletion.steps.is_empty() || !deletion.role.is_empty() {
                to_clean.resources.push(deletion);
            }
        }
    }
    Ok(to_clean)
}

/// Returns what `clean` takes away of the role that the service assumes for the resource.
async fn own_role(
    resource: &Resource,
    session: &Session,
    kept: &mut Vec<Kept>,
) -> Result<Vec<RoleRemoval>, Failure> {
    let name = resource.own_role().map(|name| RoleName::parse(&name));
    let Some(name) = name.transpose().ok().flatten() else {
        return Ok(Vec::new());
    };
    deletion::own_role(&name, &Identity::of_resource(resource), session, kept).await
}

impl Deletion<'_> {
    /// Takes out the deletion of the targets that lead to agents.
    fn targets(&mut self, there: &ObservedResource) -> Option<Self> {
        let leads_to_agent = |step: &DeclaredStep| match step {
            DeclaredStep::DeletePart { subject, .. } => {
                let part = there.parts.get(&subject.name);
                part.is_some_and(|part| gateway::calls_a_runtime(&part.document))
            }
            _ => false,
        };
        let (targets, rest) = std::mem::take(&mut self.steps)
            .into_iter()
            .partition::<Vec<_>, _>(leads_to_agent);
        self.steps = rest;
        (!targets.is_empty()).then(|| Self {
            session: self.session,
            resource: self.resource.clone(),
            id: self.id.clone(),
            steps: targets,
            role: Vec::new(),
        })
    }

    /// Returns every deletion, in order.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Change> {
        let steps = self.steps.iter().map(Step::change);
        steps.chain(self.role.iter().map(Step::change))
    }

    /// Deletes the resource with its parts, waits until it is gone, and deletes its role.
    pub(crate) async fn apply(&self, ui: &Ui) -> Result<(), Failure> {
        let resources = Resources::new(self.session);
        for step in &self.steps {
            announce(&step.change(), ui);
            match step {
                DeclaredStep::DeletePart { id, .. } => {
                    let parts = api(self.resource.kind).parts;
                    let parts = parts.expect("only such kinds have steps for parts");
                    let ids = (parts, &*self.id, &**id);
                    delete_part(self.session, &self.resource, ids, ui).await?;
                }
                DeclaredStep::Delete { .. } => self.whole(&resources, ui).await?,
                _ => unreachable!("`clean` only deletes"),
            }
        }
        let iam = Iam::new(self.session);
        for removal in &self.role {
            announce(&removal.change(), ui);
            iam.take_away(removal).await?;
        }
        Ok(())
    }

    async fn whole(&self, resources: &Resources, ui: &Ui) -> Result<(), Failure> {
        resources.delete(&self.resource, &self.id).await?;
        let what = format!("{} to be deleted", declared::subject(&self.resource));
        let look = async || gone(resources.get(&self.resource, &self.id).await);
        wait(&what, retry::DELETION, look, ui).await
    }
}
