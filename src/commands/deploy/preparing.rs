//! Prepares what was deployed to the local AgentCore, so that it can be called at once.

use std::{pin::pin, time::Duration};

use futures_util::future::join_all;

use crate::{
    effects::{
        clock,
        local::{
            Emulator,
            preparing::{self, Prepared},
        },
    },
    engine::{agent::Done, runtime::write::Did},
    error::Message,
    ui::Ui,
};

/// How long to wait for a version that was deployed earlier before this is reported.
const SILENCE: Duration = Duration::from_secs(5);

/// Prepares what was deployed on this machine, so that it can be called at once. A failure does not
/// affect the deployment.
pub(super) async fn prepare(emulator: &Emulator, done: &[Done<'_>], ui: &Ui) {
    let getting = done.iter().map(|done| async move {
        let mut preparing = pin!(preparing::prepare(emulator, &done.outcome.state.arn));
        let is_new = match done.outcome.did {
            Did::Created | Did::Updated => true,
            Did::Nothing | Did::Tagged => false,
        };
        if !is_new && let Some(prepared) = clock::within(SILENCE, &mut preparing).await {
            return (done, prepared);
        }
        let words = format!("`{}` to run on this machine", name(done));
        ui.status("Preparing", &words);
        let _work = ui.working("Preparing", &words);
        (done, preparing.await)
    });
    for (done, prepared) in join_all(getting).await {
        match prepared {
            Prepared::Ready(None) => {}
            Prepared::Ready(Some(warning)) => ui.warning(&Message::new(warning)),
            Prepared::NotReady(why) => ui.warning(&not_ready(name(done), &why)),
        }
    }
}

fn name<'a>(done: &'a Done<'_>) -> &'a str {
    done.plan.compared.placed.agent.name.as_str()
}

/// Splits the reason into notes and help, one per line.
fn not_ready(agent: &str, why: &str) -> Message {
    let message = Message::new(format!(
        "agent `{agent}` is deployed, but cannot run on this machine yet"
    ));
    why.lines()
        .fold(message, |message, line| match line.strip_prefix("help: ") {
            Some(help) => message.help(help),
            None => message.note(line),
        })
        .help("the next invocation tries again")
}
