//! `cargo agentcore stop-session`: stops a session and what the agent does in it.

use std::time::Duration;

use crate::{
    commands::target::Whom,
    effects::clock,
    engine::target::{
        not_found::{self, Absence},
        refused,
    },
    error::Failure,
    names::SessionId,
    ui::Ui,
};

/// Stop a session of an agent and the work it does there
///
/// A session that is not stopped ends after its idle timeout, and you pay for it until then. Stopping a
/// session that has already ended is not an error.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Session to stop [default: the last one with this agent, stage and endpoint]
    #[arg(long, value_name = "ID", value_parser = SessionId::from_option)]
    session: Option<SessionId>,
    /// Stop a session of the agent that `cargo agentcore dev --sessions many` runs
    #[arg(long, conflicts_with_all = ["arn", "endpoint", "local"])]
    dev: bool,
    #[command(flatten)]
    whom: Whom,
}

/// The time limit. The service answers this itself, without the agent.
const LIMIT: Duration = Duration::from_mins(1);

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    let partner = if args.dev {
        args.whom.find_developed(ui)?
    } else {
        args.whom.find(ui).await?
    };
    let session = match args.session {
        Some(session) => session,
        None => partner.last_session()?.ok_or_else(|| {
            Failure::world(format!(
                "no session with the {}, {}, is recorded here",
                partner.name(),
                partner.place()
            ))
            .help("name it with `--session`; `invoke` prints it on stderr")
        })?,
    };
    let target = partner.target(session);
    let since = clock::wall();
    let stop = async || partner.plane.stop(&target, LIMIT).await;
    let stopping = refused::persist(stop, |_, _| {});
    let ((), stopped) = tokio::join!(partner.introduction(ui), stopping);
    match stopped {
        Ok(()) => ui.status("Stopped", &format!("session {}", target.session)),
        Err(refusal) if refused::is_absence(&refusal) => {
            // The session may still run at another endpoint, and cost money.
            if !partner.is_developed
                && let Some(missing @ Absence::Endpoint) = not_found::of(&partner).await
            {
                return Err(missing.failure(&partner));
            }
            ui.note(&format!("the session {} is already gone", target.session));
        }
        Err(refusal) => return Err(refused::explain(refusal, &partner, LIMIT, since, ui).await),
    }
    partner.forget(&target.session)
}
