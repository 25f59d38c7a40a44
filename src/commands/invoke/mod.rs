//! `cargo agentcore invoke`: sends a request to an agent and prints its answer as it arrives.

mod exchange;
mod reading;

use std::{path::Path, time::Duration};

use self::exchange::speak;
use crate::{
    commands::target::Whom,
    effects::{aws::data_plane::Invocation, clock, files},
    engine::target::Partner,
    error::{Exit, Failure, Message},
    names::SessionId,
    options,
    protocol::invocation::{self, Header},
    ui::Ui,
};

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
