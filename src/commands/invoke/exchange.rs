//! Sends a request, with everything that is printed around its answer.

use std::{pin::pin, time::Duration};

use super::{
    Args,
    reading::{ended, print_document, read},
};
use crate::{
    effects::{
        aws::data_plane::{Invocation, Refusal, Reply, Target},
        clock,
    },
    engine::target::{Partner, refused},
    error::{Failure, Message},
    options,
    ui::Ui,
};

/// How long a request may take before its session is printed, so that it can be stopped.
pub(super) const SESSION_AFTER: Duration = Duration::from_secs(2);

pub(super) async fn speak(
    args: &Args,
    partner: &Partner,
    target: &Target,
    invocation: &Invocation,
    ui: &Ui,
) -> Result<(), Failure> {
    let (start, since) = (clock::now(), clock::wall());
    let mut sending = pin!(send(args, partner, target, invocation, ui));
    let mut introduction = pin!(partner.introduction(ui));
    let mut is_introduced = false;
    // An immediate answer that the endpoint does not exist starts no session.
    let mut at_once = Box::pin(clock::within(SESSION_AFTER, sending.as_mut()));
    // The answer is not delayed by the account, which is printed before or after it.
    let reply = loop {
        tokio::select! {
            biased;
            () = introduction.as_mut(), if !is_introduced => is_introduced = true,
            reply = at_once.as_mut() => break reply,
        }
    };
    drop(at_once);
    let is_absence = |refusal| !partner.is_developed && refused::is_absence(refusal);
    if !matches!(&reply, Some(Err(refusal)) if is_absence(refusal)) {
        ui.status("Session", target.session.as_str());
    }
    let waiting = ui.working("Waiting", "for the answer");
    let reply = match reply {
        Some(reply) => reply,
        None => sending.await,
    };
    drop(waiting);
    let mut reply = match reply {
        Ok(reply) => reply,
        Err(refusal) => {
            if !is_introduced {
                introduction.await;
            }
            return Err(refused::explain(refusal, partner, args.timeout, since, ui).await);
        }
    };
    if let Some(session) = reply.session.as_ref().filter(|id| **id != target.session) {
        ui.status(
            "Session",
            &format!("{session}, which the service chose instead"),
        );
        partner.remember(session)?;
    }
    let read = read(args, &mut reply, start, ui).await;
    if !is_introduced {
        introduction.await;
    }
    if args.output == options::Output::Json {
        print_document(&read, &reply, target, partner, ui);
    }
    if let Some(note) = &reply.note {
        ui.warning(&Message::new(note.as_str()));
    }
    if let Some(id) = &reply.mcp_session {
        ui.note(&format!(
            "the agent's MCP session is `{id}`; `--header 'Mcp-Session-Id: {id}'` continues it"
        ));
    }
    if args.timing {
        ui.status(
            "Timing",
            &format!(
                "first byte after {:.3} s, all of it after {:.3} s",
                read.first_byte.as_secs_f64(),
                read.total.as_secs_f64()
            ),
        );
    }
    ended(read, args, partner)
}

/// Sends the request. Retries only if the agent cannot have received it.
pub(super) async fn send(
    args: &Args,
    partner: &Partner,
    target: &Target,
    invocation: &Invocation,
    ui: &Ui,
) -> Result<Reply, Refusal> {
    let send = async || partner.plane.invoke(target, invocation, args.timeout).await;
    let tell = |setback, pause: Duration| {
        let why = refused::reason(setback);
        ui.status(
            "Retrying",
            &format!("in {:.1} s: {why}", pause.as_secs_f64()),
        );
    };
    refused::persist(send, tell).await
}
