//! `cargo agentcore invoke`: sends a request to an agent and prints its answer as it arrives.

use std::{
    path::Path,
    pin::pin,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    commands::{
        invoke_errors,
        target::{Partner, Whom},
    },
    effects::{
        aws::data_plane::{CutOff, Invocation, Refusal, Reply, Target},
        clock, files,
    },
    error::{Exit, Failure, Message},
    names::SessionId,
    options,
    plan::retry,
    protocol::{
        answer::{self, AgentError, Answer, Kept, Printer},
        invocation::{self, Header},
    },
    ui::Ui,
};

/// How long a request may take before its session is printed, so that it can be stopped.
const SESSION_AFTER: Duration = Duration::from_secs(2);

/// What to do if a payload is not JSON.
const NOT_JSON: [&str; 2] = [
    "quote it for your shell, as in '{\"prompt\": \"hi\"}', or pass a text with `--prompt 'hi'`",
    "`--content-type text/plain` sends something else, `--raw-payload` sends it unchecked",
];

/// Send a request to a deployed agent and print its answer as it arrives
///
/// Prints only the agent's answer to stdout. Events of a stream are printed one per line, strings as plain
/// text and everything else as JSON. A JSON answer that is a string is printed as plain text, any other
/// answer as it is.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Payload to send: JSON, `@FILE` for a file's content, or `-` for stdin
    #[arg(value_name = "PAYLOAD")]
    payload: Option<String>,
    /// Send {"prompt": TEXT}
    #[arg(long, value_name = "TEXT", conflicts_with = "payload")]
    prompt: Option<String>,
    /// Content type of the payload; only JSON is checked
    #[arg(long, value_name = "TYPE", default_value = invocation::JSON, value_parser = invocation::content_type)]
    content_type: String,
    /// Send the payload without checking that it is JSON
    #[arg(long)]
    raw_payload: bool,
    /// Session to use [default: a new one]
    #[arg(long, value_name = "ID", value_parser = SessionId::from_option, conflicts_with = "continue_last")]
    session: Option<SessionId>,
    /// Continue the last session with this agent, stage and endpoint
    #[arg(long = "continue", id = "continue_last", conflicts_with = "arn")]
    continue_last: bool,
    /// User the agent acts for; requires the permission InvokeAgentRuntimeForUser
    #[arg(long, value_name = "ID", value_parser = invocation::user)]
    user: Option<String>,
    /// Header to send to the agent, as 'Name: value' (repeatable)
    #[arg(long, value_name = "HEADER", value_parser = Header::parse)]
    header: Vec<Header>,
    /// Time to wait for more output from the agent
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = timeout)]
    timeout: Duration,
    /// Print how long the first byte and the whole answer took
    #[arg(long)]
    timing: bool,
    /// Print the answer's bytes without decoding them
    #[arg(long, conflicts_with = "output")]
    raw: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    output: options::Output,
    /// Send the request to the agent that `cargo agentcore dev` runs
    #[arg(long, conflicts_with_all = ["arn", "endpoint", "local", "user"])]
    dev: bool,
    #[command(flatten)]
    whom: Whom,
}

pub(super) fn timeout(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        Ok(_) => Err("the timeout must be longer than zero".to_owned()),
        Err(error) => Err(format!("{error}; such as `90s` or `15m`")),
    }
}

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    let invocation = Invocation {
        payload: payload(&args)?,
        content_type: args.content_type.clone(),
        user: args.user.clone(),
        headers: args.header.clone(),
    };
    let partner = if args.dev {
        args.whom.find_developed(ui)?
    } else {
        args.whom.find(ui).await?
    };
    check(&args, &partner, ui)?;
    let target = partner.target(session(&args, &partner)?);
    // Before the request is sent, so that a session can still be stopped after Ctrl-C.
    partner.remember(&target.session)?;
    let speaking = Box::pin(speak(&args, &partner, &target, &invocation, ui));
    clock::unless_interrupted(speaking)
        .await
        .unwrap_or_else(|| Err(interrupted(&target.session, &partner)))
}

fn payload(args: &Args) -> Result<Vec<u8>, Failure> {
    let payload = match (&args.prompt, args.payload.as_deref()) {
        (Some(prompt), _) => invocation::prompt(prompt),
        (None, Some(text)) => read_payload(text)?,
        (None, None) => {
            return Err(Failure::usage("no payload was given").help(
                "pass a text with `--prompt 'hi'`, or a payload: JSON, `@FILE`, `-` for stdin",
            ));
        }
    };
    let (content_type, raw) = (&args.content_type, args.raw_payload);
    let payload = invocation::without_mark(payload, content_type, raw);
    invocation::check_payload(&payload, content_type, raw, &NOT_JSON)?;
    Ok(payload)
}

/// Reads a payload from the command line: the text itself, `@FILE` or `-`.
pub(super) fn read_payload(text: &str) -> Result<Vec<u8>, Failure> {
    Ok(match text.strip_prefix('@') {
        Some("") => {
            return Err(Failure::usage("`@` must be followed by the name of a file")
                .help("as in `@payload.json`"));
        }
        Some(path) => files::read_bytes(Path::new(path))?,
        None if text == "-" => files::read_stdin()?,
        None => text.as_bytes().to_vec(),
    })
}

/// Reports what is known to fail, before anything is sent.
fn check(args: &Args, partner: &Partner, ui: &Ui) -> Result<(), Failure> {
    if args.user.is_some() && partner.with_token {
        return Err(Failure::usage(
            "`--user` cannot be used with a bearer token, which already identifies the user",
        ));
    }
    let Some(agent) = &partner.agent else {
        return Ok(());
    };
    for header in &args.header {
        if !header.reaches(&agent.header_allowlist) {
            ui.warning(
                &Message::new(format!(
                    "the header `{}` does not reach the agent `{}`",
                    header.name, agent.name
                ))
                .help(format!(
                    "add it to the agent's `header-allowlist = [\"{}\"]`, and deploy again",
                    header.name
                )),
            );
        }
    }
    Ok(())
}

fn session(args: &Args, partner: &Partner) -> Result<SessionId, Failure> {
    if let Some(session) = &args.session {
        return Ok(session.clone());
    }
    if args.continue_last {
        return partner.last_session()?.ok_or_else(|| {
            Failure::world(format!(
                "there is no session to continue with the {}, {}",
                partner.name(),
                partner.place()
            ))
            .help("omit `--continue` to start one, or name one with `--session`")
        });
    }
    Ok(SessionId::parse(&clock::unique_id()).expect("a UUID is a session's id"))
}

async fn speak(
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
    let is_absence = |refusal| !partner.is_developed && invoke_errors::is_absence(refusal);
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
            return Err(invoke_errors::explain(refusal, partner, args.timeout, since, ui).await);
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
async fn send(
    args: &Args,
    partner: &Partner,
    target: &Target,
    invocation: &Invocation,
    ui: &Ui,
) -> Result<Reply, Refusal> {
    for attempt in 1.. {
        let refusal = match partner.plane.invoke(target, invocation, args.timeout).await {
            Ok(reply) => return Ok(reply),
            Err(refusal) => refusal,
        };
        let setback = invoke_errors::setback(&refusal);
        let Some(pause) = retry::repeat(setback, attempt, clock::jitter()) else {
            return Err(refusal);
        };
        ui.status(
            "Retrying",
            &format!(
                "in {:.1} s: {}",
                pause.as_secs_f64(),
                invoke_errors::reason(setback)
            ),
        );
        clock::sleep(pause).await;
    }
    unreachable!("the loop returns")
}

/// An answer that was read, completely or in part.
struct Read {
    /// Only filled for `--output json`.
    body: Kept,
    error: Option<AgentError>,
    cut_off: Option<CutOff>,
    /// Why reading stopped early.
    too_long: Option<String>,
    first_byte: Duration,
    total: Duration,
}

async fn read(args: &Args, reply: &mut Reply, start: Instant, ui: &Ui) -> Read {
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

fn print_document(read: &Read, reply: &Reply, target: &Target, partner: &Partner, ui: &Ui) {
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

fn ended(read: Read, args: &Args, partner: &Partner) -> Result<(), Failure> {
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

fn interrupted(session: &SessionId, partner: &Partner) -> Failure {
    let failure = Failure::new(Exit::Interrupted, "stopped; the agent may still be working");
    if partner.is_developed {
        return failure;
    }
    failure.help(format!(
        "`cargo agentcore stop-session {} --session {session}` ends the session and its work",
        partner.words()
    ))
}
