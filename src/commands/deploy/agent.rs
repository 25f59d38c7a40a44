//! Delivers one agent: uploads its archive or image, updates the runtime, and deletes old ones.

use std::{collections::BTreeMap, time::Instant};

use serde_json::Value;

use super::{Work, smoke::Smoke};
use crate::{
    config::settings::key_of,
    effects::folder::FolderFile,
    engine::{
        artifact::{BucketMade, Chosen, Sending, Shipment, Shipped, Store, Then},
        callers,
        role::RoleWork,
        runtime::{
            own::Seen,
            write::{Did, Outcome, Rollout},
        },
    },
    error::Failure,
    project::sessions::Placed,
    resources::{
        callers::{CallersPlan, CallersStep},
        ownership::Identity,
        role::{Adopt, RoleStep},
        runtime::{
            self as plan, DesiredRuntime, RuntimeStep,
            fields::{Artifact, Circumstances, RuntimeFields},
            observed,
        },
    },
    ui::Ui,
};

/// What to deliver, and where.
pub(crate) struct Delivery<'a, 'run> {
    pub(crate) placed: &'a Placed<'a>,
    pub(crate) role: &'a RoleWork,
    pub(crate) role_arn: String,
    pub(crate) shipment: Shipment,
    /// The copied files, for the report.
    pub(crate) files: Value,
    pub(crate) memory: FolderFile,
    pub(crate) bucket: BucketMade<'run>,
    pub(crate) callers: CallersPlan,
    pub(crate) adopt: Adopt,
    pub(crate) started: Instant,
    pub(crate) ui: &'a Ui,
}

/// The result of a delivery.
pub(crate) struct Done {
    pub(crate) agent: String,
    pub(crate) stage: Option<String>,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) role_arn: String,
    pub(crate) role_steps: Vec<RoleStep>,
    pub(crate) files: Value,
    pub(crate) desired: DesiredRuntime,
    /// `None` for an existing image.
    pub(crate) size: Option<u64>,
    pub(crate) artifact_id: String,
    pub(crate) callers: Vec<CallersStep>,
    pub(crate) outcome: Outcome,
    /// `None` if both the store and the runtime already have the artifact.
    pub(crate) shipped: Option<Shipped>,
    pub(crate) pruned: Vec<String>,
    /// The result of the smoke call, if one was made.
    pub(crate) smoked: Option<Result<(), Failure>>,
    /// When the run began to look at the agent.
    pub(crate) started: Instant,
}

/// What a real run would do, as far as it is known.
pub(crate) struct Foreseen {
    pub(crate) desired: DesiredRuntime,
    pub(crate) steps: Vec<RuntimeStep>,
    pub(crate) size: Option<u64>,
    /// How many bytes would be sent if the runtime would be changed or its artifact is missing.
    pub(crate) sending: Option<u64>,
    pub(crate) store: Option<Store>,
    /// The old artifacts that would be deleted.
    pub(crate) pruned: Vec<String>,
}

/// Returns all environment variables of the runtime.
pub(crate) fn variables(placed: &Placed<'_>) -> BTreeMap<String, String> {
    let mut variables = plan::own_variables(&placed.session.region);
    variables.extend(placed.agent.env.clone());
    variables
}

fn desired(placed: &Placed<'_>, role_arn: &str, artifact: Artifact) -> DesiredRuntime {
    let Placed { agent, session } = placed;
    let mut fields = RuntimeFields::wanted(
        agent,
        Circumstances {
            role_arn: role_arn.to_owned(),
            artifact,
            env: plan::own_variables(&session.region),
        },
    );
    let capabilities = session.capabilities();
    fields.settings.retain(|place| capabilities.keeps(place));
    DesiredRuntime {
        name: agent.runtime_name.clone(),
        identity: Identity::of(agent),
        tags: agent.tags.clone(),
        fields,
        has_callers: capabilities.resource_policies && !agent.callers.is_empty(),
    }
}

/// Notes the settings that the local AgentCore does not keep.
pub(crate) fn note_not_kept(placed: &Placed<'_>, ui: &Ui) {
    let capabilities = placed.session.capabilities();
    let settings = placed.agent.settings.iter();
    let mut keys: Vec<String> = settings
        .filter(|(place, _)| !capabilities.keeps(place))
        .map(|(place, _)| format!("`{}`", key_of(place)))
        .collect();
    keys.dedup();
    if !capabilities.resource_policies && !placed.agent.callers.is_empty() {
        keys.push("`callers`".to_owned());
    }
    if !keys.is_empty() {
        ui.note(&format!(
            "the local AgentCore ignores {} of agent `{}`",
            keys.join(", "),
            placed.agent.name
        ));
    }
}

fn writes(steps: &[RuntimeStep]) -> bool {
    steps.iter().any(|step| {
        matches!(
            step,
            RuntimeStep::Create { .. } | RuntimeStep::Update { .. }
        )
    })
}

/// Plans like a real run, from the same observation.
pub(crate) async fn foresee(
    work: &Work<'_>,
    shipment: &Shipment,
    bucket_tags: &BTreeMap<String, String>,
    ui: &Ui,
) -> Result<Foreseen, Failure> {
    let Placed { agent, session } = work.placed;
    let role_arn = observed::role_arn(&agent.role, session.partition, &session.account);
    let Chosen { artifact, kept } = shipment.choose(work.placed, work.seen.as_ref()).await?;
    let desired = desired(work.placed, &role_arn, artifact);
    let steps = plan::plan(&desired, work.seen.as_ref().map(|seen| &seen.observed))?;
    let how = (writes(&steps), kept.is_some());
    let Sending { bytes, store } =
        Box::pin(shipment.foresee(work.placed, how, bucket_tags, ui)).await?;
    let pruned = match &store {
        Some(store) if bytes.is_some() && kept.is_none() && !store.is_new() => {
            let then = Then::after(work.seen.as_ref(), &steps);
            Box::pin(shipment.old(work.placed, then, ui)).await
        }
        _ => Vec::new(),
    };
    Ok(Foreseen {
        desired,
        steps,
        size: shipment.size(),
        sending: bytes,
        store,
        pruned,
    })
}

impl Delivery<'_, '_> {
    pub(crate) async fn run(
        self,
        seen: Option<Seen>,
        smoke: Option<&Smoke>,
    ) -> Result<Done, Failure> {
        let Placed { agent, session } = self.placed;
        let Chosen { artifact, kept } = self.shipment.choose(self.placed, seen.as_ref()).await?;
        let desired = desired(self.placed, &self.role_arn, artifact);
        if kept.is_some() {
            self.ui.note(&format!(
                "the deployed archive of `{}` contains the same files and is kept; only the bytecode differs, because another Python compiled it",
                agent.name
            ));
        }
        if seen.is_none() {
            self.notice_absence()?;
        }
        let steps = plan::plan(&desired, seen.as_ref().map(|seen| &seen.observed))?;
        let sends = kept.is_none() && (writes(&steps) || self.shipment.is_missing(agent, self.ui));
        let shipped = if sends {
            let sending = self.shipment.send(self.placed, &self.bucket, self.ui);
            Box::pin(sending).await?
        } else {
            None
        };
        let rollout = Rollout {
            placed: self.placed,
            desired: &desired,
            role_was_written: !self.role.steps().is_empty(),
            ui: self.ui,
        };
        callers::withdraw(self.placed, &self.callers, self.ui).await?;
        let outcome = Box::pin(rollout.run(seen)).await?;
        let granted = Box::pin(callers::grant(
            self.placed,
            &outcome.state,
            self.adopt,
            self.ui,
        ))
        .await?;
        self.say(&outcome, shipped.as_ref());
        self.remember(&outcome)?;
        let smoked = match smoke {
            Some(smoke) => Some(smoke.call(self.placed, &outcome, self.ui).await),
            None => None,
        };
        let pruned = match &shipped {
            Some(_) => self.shipment.prune(self.placed, &outcome, self.ui).await,
            None => Vec::new(),
        };
        Ok(Done {
            agent: agent.name.to_string(),
            stage: agent.stage.as_ref().map(ToString::to_string),
            account: session.account.to_string(),
            region: session.region.to_string(),
            role_steps: self.role.steps().to_vec(),
            role_arn: self.role_arn,
            files: self.files,
            desired,
            size: self.shipment.size(),
            artifact_id: self.shipment.id().to_owned(),
            callers: self.callers.carried_out(granted),
            outcome,
            shipped,
            pruned,
            smoked,
            started: self.started,
        })
    }

    fn say(&self, outcome: &Outcome, shipped: Option<&Shipped>) {
        let state = &outcome.state;
        let (kind, store) = (self.shipment.kind(), self.shipment.store());
        let again = format!("its {kind} is in the {store} again");
        let (verb, more) = match (outcome.did, shipped) {
            (Did::Created, _) => ("Created", "READY".to_owned()),
            (Did::Updated, _) => ("Updated", "READY".to_owned()),
            (Did::Tagged, None) => (
                "Tagged",
                "nothing else differs; nothing was uploaded".to_owned(),
            ),
            (Did::Tagged, Some(_)) => ("Tagged", format!("and {again}")),
            (Did::Nothing, None) => ("Unchanged", "up to date".to_owned()),
            (Did::Nothing, Some(_)) => ("Restored", format!("{again}; nothing was updated")),
        };
        self.ui.status(
            verb,
            &format!(
                "agent `{}`: runtime `{}`, version {}, {more}",
                self.placed.agent.name, state.id, state.version
            ),
        );
    }

    /// Reports a runtime that this project deployed and that no longer exists.
    fn notice_absence(&self) -> Result<(), Failure> {
        if let Some(id) = self.memory.read_text()? {
            self.ui.note(&format!(
                "the runtime `{}` of agent `{}` no longer exists; it is created again",
                id.trim(),
                self.placed.agent.name
            ));
        }
        Ok(())
    }

    fn remember(&self, outcome: &Outcome) -> Result<(), Failure> {
        let line = format!("{}\n", outcome.state.id);
        if self.memory.read_text()?.as_deref() == Some(&line) {
            return Ok(());
        }
        Ok(self.memory.write(line.as_bytes())?)
    }
}
