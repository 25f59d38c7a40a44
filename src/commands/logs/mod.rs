//! `cargo agentcore logs`: an agent's output, past and current.

mod developed;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::{
    commands::not_found::LISTED,
    config::Config,
    effects::{
        aws::{AwsError, Kind, log_events::Query, logs::Logs, runtime::Runtimes},
        clock,
        local::Emulator,
        manifest::Project,
    },
    engine::runtime::find,
    error::{Failure, Message},
    names::{EndpointName, SessionId},
    options,
    plan::{
        log_tail::{LogEvent, Window, pattern},
        retry,
        table::time_in_millis,
    },
    project::{
        self,
        emulator::{self, Reach},
        sessions,
    },
    protocol,
    resources::runtime::observed::DEFAULT_ENDPOINT,
    ui::{Reader, Ui},
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

#[derive(Debug, Clone, Copy)]
enum When {
    Ago(Duration),
    At(SystemTime),
}

impl When {
    fn parse(text: &str) -> Result<Self, String> {
        if let Ok(ago) = humantime::parse_duration(text) {
            return Ok(Self::Ago(ago));
        }
        humantime::parse_rfc3339_weak(text)
            .map(Self::At)
            .map_err(|_| {
                "expected a duration such as `1h` or a time such as `2026-11-25T16:00:00Z`"
                    .to_owned()
            })
    }

    /// Returns milliseconds since 1970.
    fn millis(self, now: SystemTime) -> i64 {
        let at = match self {
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(UNIX_EPOCH),
            Self::At(at) => at,
        };
        millis(at)
    }
}

fn millis(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The format of the lines on stdout.
#[derive(Clone, Copy)]
enum Form {
    Text { telemetry: bool },
    Raw { telemetry: bool },
    Json,
}

impl Form {
    fn of(args: &Args) -> Self {
        let telemetry = args.telemetry;
        match (args.output, args.raw) {
            (options::Output::Json, _) => Self::Json,
            (options::Output::Text, true) => Self::Raw { telemetry },
            (options::Output::Text, false) => Self::Text { telemetry },
        }
    }

    fn line(self, event: &LogEvent) -> Option<String> {
        match self {
            Self::Json => Some(event.json()),
            Self::Text { telemetry } | Self::Raw { telemetry }
                if !telemetry && !event.is_printed() =>
            {
                None
            }
            Self::Text { .. } => Some(event.text()),
            Self::Raw { .. } => Some(event.message.trim_end_matches('\n').to_owned()),
        }
    }
}

impl Form {
    fn offer(self, line: &str, ui: &Ui) -> Reader {
        match self {
            Self::Text { telemetry: _ } => ui.offer(line),
            Self::Raw { telemetry: _ } => ui.offer_raw(line),
            Self::Json => ui.offer_json(line),
        }
    }
}

/// Reads a log group and prints new events.
struct Tail<'a> {
    logs: Logs,
    query: Query,
    window: Window,
    form: Form,
    session: Option<SessionId>,
    shown: usize,
    ui: &'a Ui,
}

/// The result of reading all pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Poll {
    Read,
    /// The service has not created the group yet.
    NoGroup,
    /// The reader of stdout is gone.
    NoReader,
}

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    let pattern = pattern(args.filter.as_deref(), args.session.as_ref())?;
    if args.dev {
        return developed::show(&args, ui).await;
    }
    let stage = project::stage(&args.project, args.aws.local);
    let (project, config) = project::load(&args.project, &stage, ui)?;
    find::single(&config.agents)?;
    if emulator::is_empty(&args.aws, &project, &config, ui)? {
        return Err(find::absent(&config.agents[0]));
    }
    if args.follow {
        emulator::demand(&args.aws, &project, &config)?;
    }
    let place = (&project, &config);
    emulator::with(Reach::Reads, &args.aws, place, ui, async |emulator| {
        show(&args, pattern, place, emulator, ui).await
    })
    .await
}

async fn show(
    args: &Args,
    pattern: Option<String>,
    (project, config): (&Project, &Config),
    emulator: Option<&Emulator>,
    ui: &Ui,
) -> Result<(), Failure> {
    let placed = sessions::place((project, &config.agents), &args.aws, emulator, ui).await?;
    let all = find::observe(&placed, find::Unread::Fails).await?;
    let [deployed] = &all[..] else {
        unreachable!("one agent was selected")
    };
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

impl Tail<'_> {
    /// Reads every page once and prints events that were not printed before.
    async fn poll(&mut self) -> Result<Poll, AwsError> {
        self.query.start = self.window.begin();
        let mut token = None;
        loop {
            let Some(page) = self.logs.page(&self.query, token).await? else {
                return Ok(Poll::NoGroup);
            };
            for event in self.window.fresh(page.events) {
                let asked = self.session.as_ref();
                if asked.is_none_or(|session| event.is_about(session))
                    && let Some(line) = self.form.line(&event)
                {
                    self.shown += 1;
                    if self.form.offer(&line, self.ui) == Reader::Gone {
                        return Ok(Poll::NoReader);
                    }
                }
            }
            token = page.next;
            if token.is_none() {
                self.window.polled(millis(clock::wall()));
                return Ok(Poll::Read);
            }
        }
    }

    async fn follow(&mut self) -> Result<(), Failure> {
        let (mut waiting, mut troubles) = (false, 0);
        loop {
            let pause = match self.poll().await {
                Ok(Poll::NoReader) => return Ok(()),
                Ok(Poll::NoGroup) => {
                    if !waiting {
                        self.ui.note(&self.no_group());
                        waiting = true;
                    }
                    retry::FOLLOW
                }
                Ok(Poll::Read) => {
                    troubles = 0;
                    retry::FOLLOW
                }
                // The next poll prints the lines that a failed poll missed.
                Err(error) if matches!(error.kind, Kind::Throttled | Kind::Connection) => {
                    troubles += 1;
                    if troubles == 1 {
                        self.ui.warning(
                            &Message::new("the log cannot be read at the moment; still trying")
                                .note(error.message),
                        );
                    }
                    retry::look(troubles, clock::jitter()).max(retry::FOLLOW)
                }
                Err(error) => return Err(error.into()),
            };
            clock::sleep(pause).await;
        }
    }

    fn no_group(&self) -> String {
        format!(
            "there are no logs yet: the service creates `{}` with the first session",
            self.query.group
        )
    }
}
