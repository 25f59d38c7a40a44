//! What `clean` finds of the declared resources, and how it deletes them.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{
    AT_ONCE,
    work::{delete_part, gone, untagged},
};
use crate::{
    config::Resource,
    effects::aws::{Session, declared::Resources, iam::Iam},
    engine::{role, waiting::wait},
    error::Failure,
    names::RoleName,
    plan::retry,
    project::sessions::Placed,
    protocol::control::api,
    resources::{
        clean::{self, CleanPlan, DeclaredPart, ObservedDeclared},
        declared::{self, DeletionStep},
        ownership::Identity,
    },
    ui::Ui,
};

/// Plans for the resources of the project in the places of the agents; deletes nothing.
pub(crate) async fn plan_to_clean(
    placed: &[Placed<'_>],
    resources: &[Resource],
) -> Result<Vec<(Session, CleanPlan)>, Failure> {
    let mut places = BTreeMap::new();
    for Placed { session, .. } in placed {
        places.insert((session.account.as_str(), session.region.as_str()), session);
    }
    let mut plans = Vec::new();
    for session in places.into_values() {
        let has = |resource: &&Resource| session.capabilities().has(resource.kind);
        let observed: Vec<ObservedDeclared> = stream::iter(resources.iter().filter(has))
            .map(|resource| observe(resource, session))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let place = (session.partition, &session.account, &session.region);
        let plan = clean::plan_declared(place, untagged(session), observed);
        plans.push((session.clone(), plan));
    }
    Ok(plans)
}

async fn observe(resource: &Resource, session: &Session) -> Result<ObservedDeclared, Failure> {
    let there = Resources::new(session).find(resource).await?;
    let role = resource.own_role().map(|name| RoleName::parse(&name));
    let role = match role.transpose().ok().flatten() {
        Some(name) => {
            let identity = Identity::of_resource(resource);
            role::observe_whole(&name, &identity, &Iam::new(session)).await?
        }
        None => None,
    };
    Ok(ObservedDeclared {
        resource: resource.clone(),
        there,
        role,
    })
}

/// Deletes a resource or one of its parts, and waits until it is gone.
pub(crate) async fn delete(
    session: &Session,
    DeclaredPart { resource, id, step }: &DeclaredPart,
    ui: &Ui,
) -> Result<(), Failure> {
    match step {
        DeletionStep::DeletePart { id: part, .. } => {
            let parts = api(resource.kind).parts;
            let parts = parts.expect("only such kinds have steps for parts");
            delete_part(session, resource, (parts, id, part), ui).await
        }
        DeletionStep::Delete { .. } => {
            let resources = Resources::new(session);
            resources.delete(resource, id).await?;
            let what = format!("{} to be deleted", declared::subject(resource));
            let look = async || gone(resources.get(resource, id).await);
            wait(&what, retry::DELETION, look, ui).await
        }
    }
}
