//! Pins an endpoint to a version, for `endpoint set` and `rollback`.

use std::time::Duration;

use serde_json::json;

use super::starting::Opened;
use crate::{
    commands::documents,
    effects::aws::runtime::Runtimes,
    engine::{
        endpoint::{self, Pin},
        plan_output::Planned,
        runtime::find::{Deployed, Found},
    },
    error::{Exit, Failure},
    names::EndpointName,
    options,
    project::emulator::Reach,
    resources::{
        change::{Reveal, values},
        endpoint as plan,
        runtime::observed::EndpointState,
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

impl Writing {
    /// Acts on the runtime of one agent, after checking that it belongs to this project.
    pub(crate) async fn on_ours(
        &self,
        ui: &Ui,
        act: impl AsyncFnOnce(&Deployed<'_>, &Found) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let opened = Opened::load_one(&self.project, &self.aws, ui)?;
        let act = async |deployed: &Deployed<'_>| act(deployed, deployed.ours()?).await;
        opened.with_one(Reach::of(&self.applying), act).await
    }

    /// Returns the endpoint. A run that changes something first waits for other changes, which would
    /// block it.
    pub(crate) async fn settled(
        &self,
        runtimes: &Runtimes,
        (id, name): (&str, &EndpointName),
        ui: &Ui,
    ) -> Result<Option<EndpointState>, Failure> {
        if self.applying.changes_nothing() {
            return Ok(runtimes.read_endpoint(id, name.as_str()).await?);
        }
        endpoint::settled(runtimes, id, name, self.timeout, ui).await
    }

    /// Pins the endpoint and waits until the version answers, or only prints the planned change.
    pub(crate) async fn carry_out(&self, pin: &Pin<'_>, ui: &Ui) -> Result<(), Failure> {
        let step = pin.step();
        let change = step.as_ref().map(|step| step.change(pin.name));
        if let (Some(step), Some(change)) = (&step, &change) {
            if self.applying.changes_nothing() {
                Planned::alone(self.output, ui).change(change, Reveal::Keys);
            } else {
                pin.apply(step, self.timeout, ui).await?;
            }
        } else {
            let what = format!("endpoint `{}` is at version {}", pin.name, pin.version);
            if self.applying.changes_nothing() {
                Planned::alone(self.output, ui).status("Unchanged", &what);
            } else {
                ui.status("Unchanged", &what);
            }
        }
        if self.output == options::Output::Json {
            let before = pin.there.and_then(plan::live);
            let rest = json!({
                "dry_run": self.applying.changes_nothing(),
                "runtime": documents::runtime(&pin.found.state),
                "endpoint": { "name": pin.name },
                "before": before.map(|version| version.to_string()),
                "after": pin.version.to_string(),
                "changed": step.is_some(),
                "changes": values(&change),
            });
            ui.document(documents::placed(pin.deployed.placed, rest));
        }
        if self.applying.check && step.is_some() {
            return Err(Failure::silent(Exit::Findings));
        }
        Ok(())
    }
}
