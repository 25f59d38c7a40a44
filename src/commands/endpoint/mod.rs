//! `cargo agentcore endpoint`: names that callers use, each pinned to a version of the runtime.

pub(super) mod list;

use serde_json::json;

use super::documents;
use crate::{
    commands::set_version::Writing,
    effects::aws::runtime::Runtimes,
    engine::{
        callers,
        endpoint::{self, Pin, history},
        plan_output::{Planned, announce},
        runtime::find::{Deployed, Found},
    },
    error::{Exit, Failure},
    names::EndpointName,
    options,
    project::sessions::{self, Placed},
    resources::{
        change::{Reveal, values},
        endpoint as plan,
        role::Adopt,
    },
    ui::Ui,
};

/// List, set and delete the endpoints of an agent
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the endpoints and the versions they use
    List(list::Args),
    /// Point an endpoint to a version; create the endpoint if it doesn't exist
    Set(SetArgs),
    /// Delete an endpoint
    Delete(DeleteArgs),
}

#[derive(Debug, clap::Args)]
struct SetArgs {
    /// Endpoint's name, such as `prod`
    #[arg(value_parser = EndpointName::from_option)]
    name: EndpointName,
    /// Version the endpoint uses
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=99_999))]
    version: u32,
    /// Description of the endpoint
    #[arg(long, value_name = "TEXT", value_parser = description)]
    description: Option<String>,
    #[command(flatten)]
    writing: Writing,
}

#[derive(Debug, clap::Args)]
struct DeleteArgs {
    /// Endpoint's name
    #[arg(value_parser = EndpointName::from_option)]
    name: EndpointName,
    /// Don't ask for confirmation
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    writing: Writing,
}

fn description(text: &str) -> Result<String, &'static str> {
    if (1..=256).contains(&text.chars().count()) {
        Ok(text.to_owned())
    } else {
        Err("an endpoint's description has 1 to 256 characters")
    }
}

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    match args.action {
        Action::List(args) => list::run(args, ui).await,
        Action::Set(args) => set(args, ui).await,
        Action::Delete(args) => delete(args, ui).await,
    }
}

async fn set(args: SetArgs, ui: &Ui) -> Result<(), Failure> {
    let SetArgs {
        name,
        version,
        description,
        writing,
    } = &args;
    plan::refuse_default(name, "pinned to a version")?;
    writing
        .on_ours(ui, async |deployed, found| {
            let runtimes = Runtimes::new(&deployed.placed.session);
            let id = &found.state.id;
            let there = writing.settled(&runtimes, (id, name), ui).await?;
            let history = match &there {
                Some(there) => history(&runtimes, there).await,
                None => None,
            };
            let pin = Pin {
                deployed,
                found,
                name,
                there: there.as_ref(),
                history,
                version: plan::usable(*version, &runtimes.versions(id).await?)?,
                description: description.as_deref(),
            };
            writing.carry_out(&pin, ui).await?;
            let is_written = pin.there.is_none() && !writing.applying.changes_nothing();
            if is_written {
                callers::grant(deployed.placed, &found.state, Adopt::No, ui).await?;
            }
            Ok(())
        })
        .await
}

async fn delete(args: DeleteArgs, ui: &Ui) -> Result<(), Failure> {
    plan::refuse_default(&args.name, "deleted")?;
    args.writing
        .on_ours(ui, async |deployed, found| {
            take_away(&args, deployed, found, ui).await
        })
        .await
}

async fn take_away(
    args: &DeleteArgs,
    deployed: &Deployed<'_>,
    found: &Found,
    ui: &Ui,
) -> Result<(), Failure> {
    let DeleteArgs { name, yes, writing } = args;
    let runtimes = Runtimes::new(&deployed.placed.session);
    let there = runtimes
        .read_endpoint(&found.state.id, name.as_str())
        .await?;
    let planned = if writing.applying.changes_nothing() {
        Planned::alone(writing.output, ui)
    } else {
        Planned::before_doing(*yes, ui)
    };
    let change = there.map(|there| plan::deletion(&there, &found.state.id));
    match &change {
        None => planned.status(
            "Nothing",
            &format!("to delete: there is no endpoint `{name}`"),
        ),
        Some(change) if writing.applying.changes_nothing() => {
            planned.change(change, Reveal::Keys);
        }
        Some(change) => {
            planned.status("To delete", &change.object);
            if !yes {
                confirm(name, deployed.placed, ui)?;
            }
            announce(change, ui);
            let place = (&deployed.placed.session, found.state.id.as_str());
            endpoint::delete(place, name, writing.timeout, ui).await?;
            ui.status("Deleted", &change.object);
        }
    }
    if writing.output == options::Output::Json {
        let rest = json!({
            "dry_run": writing.applying.changes_nothing(),
            "runtime": documents::runtime(&found.state),
            "endpoint": { "name": name },
            "changed": change.is_some(),
            "changes": values(&change),
        });
        ui.document(documents::placed(deployed.placed, rest));
    }
    if writing.applying.check && change.is_some() {
        return Err(Failure::silent(Exit::Findings));
    }
    Ok(())
}

fn confirm(name: &EndpointName, placed: &Placed<'_>, ui: &Ui) -> Result<(), Failure> {
    if !ui.is_interactive() {
        return Err(Failure::usage(format!(
            "cannot ask for confirmation to delete the endpoint `{name}` without a terminal"
        ))
        .help("pass `--yes` to delete it; nothing was deleted"));
    }
    let place = sessions::places([(&placed.session, placed.agent.stage.as_ref())]);
    let question = format!("Calls to the endpoint `{name}` will fail. Delete it ({place})?");
    match ui.confirm(&question) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::world("nothing was deleted")),
        Err(why) => Err(Failure::new(why.exit(), "stopped; nothing was deleted")),
    }
}
