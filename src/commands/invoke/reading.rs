//! Reads an answer, prints it as it arrives, and judges how it ended.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Args;
use crate::{
    effects::aws::data_plane::{CutOff, Reply, Target},
    engine::target::Partner,
    error::Failure,
    options,
    protocol::answer::{self, AgentError, Answer, Kept, Printer},
    ui::Ui,
};

/// An answer that was read, completely or in part.
pub(super) struct Read {
    /// Only filled for `--output json`.
    pub(super) body: Kept,
    pub(super) error: Option<AgentError>,
    pub(super) cut_off: Option<CutOff>,
    /// Why reading stopped early.
    pub(super) too_long: Option<String>,
    pub(super) first_byte: Duration,
    pub(super) total: Duration,
}

pub(super) async fn read(args: &Args, reply: &mut Reply, start: Instant, ui: &Ui) -> Read {
    let mut answer = Answer::new(&reply.content_type, args.raw);
    let mut printer = Printer::new();
    let (mut body, mut cut_off, mut first_byte) = (Kept::default(), None, None);
    let (mut is_read, mut too_long) = (true, None);
    let show = |bytes: &[u8]| {
        if args.raw {
            ui.raw_piece(bytes)
        } else {
            ui.piece(bytes)
        }
    };
    while is_read
        && too_long.is_none()
        && let Some(next) = reply.next(args.timeout).await
    {
        let bytes = match next {
            Ok(bytes) => bytes,
            Err(cut) => {
                cut_off = Some(cut);
                break;
            }
        };
        first_byte.get_or_insert_with(|| start.elapsed());
        let pieces = answer.push(&bytes);
        too_long = answer.too_long();
        match args.output {
            options::Output::Json => too_long = too_long.or(body.push(&bytes).err()),
            options::Output::Text => is_read = show(&printer.print(&pieces)),
        }
    }
    let end = answer.finish(cut_off.is_none() && too_long.is_none());
    if args.output == options::Output::Text && is_read {
        let mut rest = printer.print(&end.pieces);
        // A shell's prompt should start on a new line; a program gets only the agent's bytes.
        if printer.is_within_a_line() && !args.raw && ui.result_is_read_on_a_terminal() {
            rest.push(b'\n');
        }
        show(&rest);
    }
    let total = start.elapsed();
    Read {
        body,
        error: end.error,
        cut_off,
        too_long,
        first_byte: first_byte.unwrap_or(total),
        total,
    }
}

pub(super) fn print_document(
    read: &Read,
    reply: &Reply,
    target: &Target,
    partner: &Partner,
    ui: &Ui,
) {
    // An ID is the name, a hyphen, which a name cannot contain, and a suffix from the service.
    let name = partner.id.split('-').next();
    let milliseconds = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let error = read
        .error
        .as_ref()
        .map(|error| json!({ "type": error.kind, "message": error.message }));
    let (runtime, endpoint, dev) = if partner.is_developed {
        let dev = json!({ "agent": partner.id, "url": partner.url });
        (Value::Null, Value::Null, dev)
    } else {
        let runtime = json!({ "id": partner.id, "name": name, "arn": target.arn });
        (runtime, json!({ "name": target.endpoint }), Value::Null)
    };
    let document = json!({
        "runtime": runtime,
        "endpoint": endpoint,
        "dev": dev,
        "session": reply.session.as_ref().unwrap_or(&target.session),
        "mcp_session": reply.mcp_session,
        "status": reply.status,
        "content_type": reply.content_type,
        "answer": answer::value(&reply.content_type, read.body.bytes()),
        "complete": read.cut_off.is_none() && read.too_long.is_none(),
        "error": error,
        "milliseconds": {
            "first_byte": milliseconds(read.first_byte),
            "total": milliseconds(read.total),
        },
    });
    ui.document(document);
}

pub(super) fn ended(read: Read, args: &Args, partner: &Partner) -> Result<(), Failure> {
    if let Some(why) = read.too_long {
        let failure = Failure::world(format!("the answer of the {} is too long", partner.name()))
            .note(format!("{why}; the rest was not read"));
        return Err(
            failure.help("`--raw` prints an answer of any length, byte by byte as it comes")
        );
    }
    let failure = match (read.cut_off, read.error) {
        (None, None) => return Ok(()),
        (None, Some(error)) => Failure::world(format!(
            "the {} failed while it answered: {}",
            partner.name(),
            error.message
        ))
        .note(format!("it is a `{}`", error.kind)),
        (Some(CutOff::Broken(cause)), _) => {
            Failure::world(format!("the answer of the {} was cut off", partner.name()))
                .note(cause)
                .note("the part that arrived was printed; the request was not sent again")
        }
        (Some(CutOff::Silent), _) => Failure::world(format!(
            "the {} sent nothing more for {}",
            partner.name(),
            humantime::format_duration(args.timeout)
        ))
        .note("the part that arrived was printed")
        .help("`--timeout 30m` waits longer"),
    };
    Err(failure)
}
