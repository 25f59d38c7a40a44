//! Observes what a deploy would replace because the kind of its artifact differs, and asks before.

use std::collections::BTreeMap;

use crate::{
    effects::aws::{Kind, logs::Logs},
    engine::{
        agreement::{self, Question},
        plan_output::Planned,
        repository,
        role::RoleWork,
        run::Run,
        runtime::own::Seen,
    },
    error::{Failure, Message},
    project::sessions::{self, Placed},
    protocol::logs,
    resources::{
        change::Reveal,
        log_group::ObservedLogGroup,
        ownership::{Identity, Ownership},
        runtime::{
            fields::Artifact,
            managed_settings::{elsewhere, managed},
            observed::DEFAULT_ENDPOINT,
            replacement::{self, Replacement},
        },
        tags::{Tags, replaced_runtime},
    },
    ui::Ui,
};

/// Returns what is replaced, or the rest of a replacement that was interrupted.
pub(crate) async fn observe(
    placed: &Placed<'_>,
    seen: Option<&Seen>,
    role: &RoleWork,
    ui: &Ui,
) -> Result<Replacement, Failure> {
    let Placed { agent, session } = placed;
    let region = &session.region;
    let (role, recorded) = match role {
        RoleWork::Managed {
            desired,
            observed: Some(observed),
            plan: _,
        } => (
            Some(desired.name.clone()),
            replaced_runtime::recorded(&observed.tags, region),
        ),
        RoleWork::Managed { .. } | RoleWork::Given { .. } | RoleWork::Unplanned => {
            (None, BTreeMap::new())
        }
    };
    let mut found = Replacement {
        endpoints: replaced_runtime::endpoints(&recorded, region),
        role,
        recorded,
        ..Replacement::default()
    };
    let Some(seen) = seen else {
        return Ok(found);
    };
    let state = &seen.observed.state;
    let why = replacement::other_kind(state, agent.has_image());
    if why.is_none() && found.endpoints.is_empty() {
        return Ok(found);
    }
    let mut descriptions = Vec::new();
    for endpoint in seen.all_endpoints(session).await? {
        if endpoint.name != DEFAULT_ENDPOINT {
            found.there.insert(endpoint.name.clone());
            descriptions.push((endpoint.name, endpoint.description));
        }
    }
    let Some(why) = why else {
        return Ok(found);
    };
    let artifact = &state.fields.artifact;
    let is_others = repository::existing(placed, artifact).is_some();
    if is_others && !agent.has_image() {
        let identity = Identity::of(agent);
        return Err(replacement::without_its_image(state, &why, &identity));
    }
    found.of = Some(state.id.clone());
    found.endpoints.extend(descriptions);
    found.record = replaced_runtime::endpoint_records(&found.endpoints, region);
    if matches!(artifact, Artifact::Container { .. }) && !is_others {
        let key = replaced_runtime::repository_record(region);
        found.record.insert(key, "true".to_owned());
    }
    found.log_groups = log_groups(placed, &state.id, ui).await?;
    Ok(found)
}

/// Returns the log groups of a runtime without our tags. A deployer who may not look at them can
/// still deploy.
async fn log_groups(
    placed: &Placed<'_>,
    id: &str,
    ui: &Ui,
) -> Result<Vec<ObservedLogGroup>, Failure> {
    let Placed { agent, session } = placed;
    let prefix = format!("{}{id}-", logs::PREFIX);
    let identity = Identity::of(agent);
    match Logs::new(session).observe(&agent.runtime_name).await {
        Ok(groups) => Ok(groups
            .into_iter()
            .filter(|group| group.name.starts_with(&prefix))
            .filter(|group| match &group.tags {
                Tags::Known(tags) => identity.ownership(tags) != Ownership::Ours,
                Tags::Unknown => false,
            })
            .collect()),
        Err(error) if error.kind == Kind::Denied => {
            ui.warning(
                &Message::new(format!(
                    "cannot tag the log groups of runtime `{id}` before it is deleted"
                ))
                .note(Failure::from(error).to_string())
                .help("`clean --logs` will not recognize them"),
            );
            Ok(Vec::new())
        }
        Err(error) => Err(error.into()),
    }
}

/// Shows each replacement, and asks before the old runtime is deleted.
pub(crate) fn agree<'a>(
    work: impl Iterator<Item = (&'a Placed<'a>, &'a Seen, &'a Replacement)>,
    run: &Run<'_>,
) -> Result<(), Failure> {
    for (placed, seen, replacement) in work {
        let Placed { agent, session } = placed;
        let state = &seen.observed.state;
        let planned = Planned::before_doing(run.yes, run.ui);
        planned.plain(&format!(
            "Replacing the runtime `{}` of agent `{}` would:",
            state.id, agent.name
        ));
        let steps = replacement.shown(state, &Identity::of(agent), &agent.runtime_name);
        planned.steps(&steps, Reveal::Keys);
        tell_losses(placed, seen, replacement, run.ui);
        let place = sessions::places([(session, agent.stage.as_ref())]);
        let question = Question {
            verb: "replace",
            what: format!("the runtime `{}`", state.id),
            pronoun: "it",
            text: format!(
                "Delete the runtime of agent `{}` and create it again ({place})?",
                agent.name
            ),
            refused: format!("the runtime `{}` was not replaced", state.id),
            nothing: "nothing was deleted",
        };
        agreement::agree(&question, run)?;
    }
    Ok(())
}

/// Says what the new runtime does not have.
pub(crate) fn tell_losses(placed: &Placed<'_>, seen: &Seen, replacement: &Replacement, ui: &Ui) {
    let agent = placed.agent;
    let state = &seen.observed.state;
    let mut message = Message::new(format!(
        "replacing the runtime `{}` changes its ID and ARN",
        state.id
    ))
    .note("whoever calls it by its ARN must use the new one")
    .note("the agent does not answer until the new runtime is READY, and running sessions end")
    .note("its versions are deleted, so `rollback` cannot return to them, and so are resource policies of others; its logs stay");
    if !replacement.endpoints.is_empty() {
        message = message.note(match replacement.role {
            Some(_) => "named endpoints are created again, and answer with the new version",
            None => "named endpoints are created again, unless this run is interrupted: without a role of this tool, nothing records them",
        });
    }
    let settings = &agent.settings;
    let lost = elsewhere(
        &state.set_elsewhere,
        &state.fields.settings,
        &managed(settings),
    );
    if !lost.is_empty() {
        let names: Vec<String> = lost.into_keys().collect();
        message = message.note(format!(
            "the new runtime will not have `{}`, which was set elsewhere",
            names.join("`, `")
        ));
    }
    ui.warning(&message);
}
