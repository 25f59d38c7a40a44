//! `cargo agentcore logs`: an agent's output, past and current.

mod developed;

mod form;
mod tail;

use self::{
    form::{Form, When},
    tail::{Poll, Tail},
};
use super::starting::Opened;
use crate::{
    effects::{
        aws::{AwsError, log_events::Query, logs::Logs, runtime::Runtimes},
        clock,
    },
    engine::{runtime::find::Deployed, target::not_found::LISTED},
    error::Failure,
    names::{EndpointName, SessionId},
    options,
    plan::{
        log_tail::{Window, pattern},
        table::time_in_millis,
    },
    project::emulator::{self, Reach},
    protocol,
    resources::runtime::observed::DEFAULT_ENDPOINT,
    ui::Ui,
};

/// Show the logs of an agent
///
/// Shows the JSON lines of the AgentCore SDK as level and message, unless `--raw` is used. Ctrl-C ends
/// `--follow` with exit code 0.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Keep showing new lines until Ctrl-C
    #[arg(short, long, conflicts_with = "until")]
    follow: bool,
    /// Start time: how long ago, such as `1h`, or in UTC, such as `2026-11-25T16:00:00Z`
    #[arg(long, value_name = "WHEN", default_value = "10m", value_parser = When::parse)]
    since: When,
    /// End time, in the same formats [default: now]
    #[arg(long, value_name = "WHEN", value_parser = When::parse)]
    until: Option<When>,
    /// Show only lines that match a CloudWatch Logs filter pattern, such as `timeout` or `?ERROR ?WARN`
    #[arg(long, value_name = "PATTERN")]
    filter: Option<String>,
    /// Show only the SDK's lines for this session
    #[arg(long, value_name = "ID", value_parser = SessionId::from_option)]
    session: Option<SessionId>,
    /// Endpoint that was invoked
    #[arg(long, value_name = "NAME", default_value = "DEFAULT", value_parser = EndpointName::from_option)]
    endpoint: EndpointName,
    /// Print the lines as they are, without timestamps
    #[arg(long, conflicts_with = "output")]
    raw: bool,
    /// Show OpenTelemetry records too (`--output json` always does)
    #[arg(long)]
    telemetry: bool,
    /// Show the logs of the agents that `cargo agentcore dev` runs
    #[arg(long, conflicts_with_all = ["filter", "endpoint", "telemetry", "local"])]
    dev: bool,
    /// Output format; `json` prints one object per line
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    output: options::Output,
    #[command(flatten)]
    project: options::Project,
    #[command(flatten)]
    aws: options::Aws,
}

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    let pattern = pattern(args.filter.as_deref(), args.session.as_ref())?;
    if args.dev {
        return developed::show(&args, ui).await;
    }
    let opened = Opened::load_one(&args.project, &args.aws, ui)?;
    if args.follow {
        let (project, config) = opened.place();
        emulator::demand(&args.aws, project, config)?;
    }
    let show = async |deployed: &Deployed<'_>| show(&args, pattern, deployed, ui).await;
    opened.with_one(Reach::Reads, show).await
}

async fn show(
    args: &Args,
    pattern: Option<String>,
    deployed: &Deployed<'_>,
    ui: &Ui,
) -> Result<(), Failure> {
    let found = deployed.there()?;
    found.say_whose(ui);
    let id = &found.state.id;
    let now = clock::wall();
    let start = args.since.millis(now);
    let mut tail = Tail {
        logs: Logs::new(&deployed.placed.session),
        query: Query {
            group: protocol::logs::group(id, args.endpoint.as_str()),
            start,
            end: args.until.map(|until| until.millis(now)),
            pattern,
        },
        window: Window::since(start),
        form: Form::of(args),
        session: args.session.clone(),
        shown: 0,
        ui,
    };
    ui.detail("Reading", &format!("log group `{}`", tail.query.group));
    let endpoint = args.endpoint.as_str();
    // A deleted endpoint leaves its logs; an endpoint that never existed has none.
    let never_was = async || -> Result<bool, AwsError> {
        let runtimes = Runtimes::new(&deployed.placed.session);
        let is_named = endpoint != DEFAULT_ENDPOINT;
        Ok(is_named && runtimes.read_endpoint(id, endpoint).await?.is_none())
    };
    let nowhere = || {
        Failure::world(format!(
            "the runtime `{id}` has no endpoint `{endpoint}`, and there are no logs of one"
        ))
        .help(LISTED)
    };
    if args.follow {
        if never_was().await? && matches!(tail.poll().await?, Poll::NoGroup) {
            return Err(nowhere());
        }
        return tokio::select! {
            result = tail.follow() => result,
            () = clock::interrupt() => Ok(()),
        };
    }
    match tail.poll().await? {
        Poll::NoGroup if never_was().await? => return Err(nowhere()),
        Poll::NoGroup => ui.note(&tail.no_group()),
        Poll::Read if tail.shown == 0 => ui.note(&format!(
            "no matching lines since {}; `--since 1d` looks further back",
            time_in_millis(start)
        )),
        Poll::Read | Poll::NoReader => {}
    }
    Ok(())
}
