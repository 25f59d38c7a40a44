//! The life of a session.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{
    Key, Sessions,
    session::{Phase, Serving, Session},
};
use crate::{
    config::Protocol,
    effects::{
        clock, files,
        local::{
            agent::{Agent, Launch, NotReady, State, assigned, environment, ready},
            code,
            data_plane::{
                event::{Event, Why},
                logs::Stream,
                unpacking::Runnable,
                versions::Version,
            },
            pace::lasts,
        },
        runtime,
    },
    protocol::{
        Refusal, contract,
        contract::Contract,
        limits, logs,
        ping::{self, Status},
        refusal::Kind,
        session::{Fate, Lifetime, fate},
    },
};

/// How long to wait for the last output after an agent has ended.
const LAST_WORDS: Duration = Duration::from_millis(20);
/// The limits for the pause between two checks whether an idle agent is busy.
const OFTEN: Duration = Duration::from_secs(1);
const SELDOM: Duration = Duration::from_secs(30);

/// Runs a session from its start to its end.
pub(super) async fn live(sessions: Arc<Sessions>, session: Arc<Session>) {
    let name = session.key.session.to_string();
    let start = clock::now();
    let (serving, refusal) = match sessions.start(&session).await {
        Ok(serving) => {
            let serving = Arc::new(serving);
            session.turn(Phase::Serving(Arc::clone(&serving)));
            sessions.events.tell(Event::SessionStarted {
                session: name.clone(),
                version: session.version.number.clone(),
                took: start.elapsed(),
            });
            let why = sessions.until_end(&session, &serving).await;
            session.turn(Phase::Ending);
            sessions
                .events
                .tell(Event::SessionEnded { session: name, why });
            (Some(serving), None)
        }
        Err(refusal) => {
            sessions.events.tell(Event::SessionNotStarted {
                session: name,
                why: refusal.message.clone(),
            });
            (None, Some(refusal))
        }
    };
    session.clear(serving.as_deref()).await;
    sessions.forget(&session);
    session.turn(Phase::Ended(refusal));
}

impl Sessions {
    async fn start(&self, session: &Session) -> Result<Serving, Refusal> {
        let (key, version, home) = (&session.key, &session.version, &session.home);
        let code = unless_ending(session, self.versions.code(version)).await?;
        let work = home.join("code");
        copy(&code, &work, &home.join("home")).await?;
        let is_program = match &code {
            Runnable::Python(code) => code.is_program,
            Runnable::Image(_) => true,
        };
        let assigned = if is_program {
            let port = assigned::free_port();
            Some(port.map_err(|error| Refusal::internal(&error.to_string()))?)
        } else {
            None
        };
        let places = Places {
            home: home.clone(),
            work,
            address: self.address.clone(),
            access_key: self.key.clone(),
        };
        let launch = launch(version, key, &code, places, assigned);
        let stream = Stream {
            region: version.arn.region.to_string(),
            runtime: version.arn.id.clone(),
            endpoint: key.endpoint.to_string(),
            session: key.session.to_string(),
            name: logs::stream(clock::seconds().unsigned_abs(), &clock::unique_id()),
        };
        let agent = Agent::start(launch, &self.logs.of(stream))
            .map_err(|why| not_ready(&why, &version.contract, &[]))?;
        let serves = async {
            let limit = limits::INITIALIZATION;
            let serves = ready::Serves::With200;
            let port = ready::serves(&agent, &version.contract, &self.client, serves, limit).await;
            if port.is_err() {
                clock::sleep(LAST_WORDS).await;
            }
            port.map_err(|why| not_ready(&why, &version.contract, &agent.last_lines()))
        };
        match unless_ending(session, serves).await {
            Ok(port) => Ok(Serving {
                agent,
                port,
                warning: code.warning().map(str::to_owned),
            }),
            Err(refusal) => {
                agent.stop();
                agent.ended().await;
                Err(refusal)
            }
        }
    }

    /// Waits until the session must end.
    async fn until_end(&self, session: &Session, serving: &Serving) -> Why {
        let Lifetime {
            idle_timeout,
            max_lifetime,
        } = session.version.lifetime;
        let lifetime = Lifetime {
            idle_timeout: lasts(idle_timeout),
            max_lifetime: lasts(max_lifetime),
        };
        let often = (lifetime.idle_timeout / 10).clamp(OFTEN, SELDOM);
        let is_over = async {
            loop {
                let next = match fate(session.activity(), lifetime, session.now()) {
                    Fate::Idle => return Why::Idle,
                    Fate::TooOld => return Why::TooOld,
                    Fate::Lives { ask_again } => ask_again,
                };
                clock::sleep(next.saturating_sub(session.now()).min(often)).await;
                if session.activity().in_flight == 0 {
                    session.is_busy(self.is_busy(session, serving).await);
                }
            }
        };
        let why = tokio::select! {
            why = session.asked_to_end() => return why,
            () = serving.agent.ended() => Why::AgentEnded(match serving.agent.state() {
                State::Ended(code) => code,
                State::Running => 0,
            }),
            why = is_over => why,
        };
        // From here on, no request enters the session.
        session.ask_to_end(why);
        why
    }

    /// Returns true if an idle agent reports that it is busy.
    async fn is_busy(&self, session: &Session, serving: &Serving) -> bool {
        let Some(path) = session.version.contract.ping() else {
            return false;
        };
        let pong = ready::ping(&self.client, serving.port, path).await;
        let status = pong.and_then(|pong| ping::status_of(pong.status, &pong.body));
        status == Some(Status::HealthyBusy)
    }
}

/// Returns the result of `work`, or a refusal if the session is asked to end first.
async fn unless_ending<T>(
    session: &Session,
    work: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    tokio::select! {
        biased;
        _ = session.asked_to_end() => Err(Refusal::session_busy()),
        done = work => done,
    }
}

/// Copies the code for a session. Always waits for the copy to finish, so that nothing is written
/// while the session's files are removed.
///
/// An image's program is started where it is, in an empty folder.
async fn copy(code: &Runnable, work: &Path, home: &Path) -> Result<(), Refusal> {
    let own = match code {
        Runnable::Python(code) => Some(code.own.clone()),
        Runnable::Image(_) => None,
    };
    let (work, home) = (work.to_owned(), home.to_owned());
    let copying = move |_: &(dyn Fn(()) + Sync)| {
        files::create_dir_all(&home)?;
        match &own {
            Some(own) => code::copy(own, &work),
            None => files::create_dir_all(&work),
        }
    };
    let copied = runtime::aside(copying, |()| {}).await;
    copied.map_err(|error| Refusal::internal(&error.to_string()))
}

/// A session's folders, and what replaces AWS.
struct Places {
    home: PathBuf,
    /// The folder of the session's own files.
    work: PathBuf,
    address: String,
    access_key: String,
}

fn launch(
    version: &Version,
    key: &Key,
    code: &Runnable,
    places: Places,
    assigned: Option<u16>,
) -> Launch {
    let Places {
        home,
        work,
        address,
        access_key,
    } = places;
    let listening = home.join("listening");
    let own = home.join("home");
    let (program, args, mut variables) = match code {
        Runnable::Python(code) => {
            let script = code.script.as_ref().or(version.entrypoint.last());
            let script = script.cloned().unwrap_or_default();
            let dependencies = code.dependencies.as_deref();
            (
                code.python.clone(),
                vec![OsString::from("-u"), work.join(script).into_os_string()],
                environment::base(&own, &work, dependencies, &address),
            )
        }
        Runnable::Image(image) => {
            let command = image.command();
            let mut variables = environment::of_binary(&own, &address);
            let of_image = command.environment.into_iter();
            variables.extend(of_image.map(|(name, value)| (name.into(), value)));
            (command.program, command.args, variables)
        }
    };
    let mut set = |name: &str, value: OsString| variables.push((name.into(), value));
    set("AWS_ACCESS_KEY_ID", access_key.into());
    if version.contract.protocol == Protocol::A2a {
        let own_url = format!("{address}{}/", version.arn.invocations_path());
        set("AGENTCORE_RUNTIME_URL", own_url.into());
    }
    for (name, value) in contract::environment(&version.arn, &key.endpoint) {
        set(name, value.into());
    }
    for (name, value) in &version.environment {
        set(name, value.into());
    }
    set("CARGO_AGENTCORE_LISTENING", listening.clone().into());
    let port = version.contract.port;
    match assigned {
        Some(assigned) => set(assigned::PORT, assigned.to_string().into()),
        None => set("CARGO_AGENTCORE_PORT", port.to_string().into()),
    }
    Launch {
        program,
        args,
        directory: work,
        environment: variables,
        listening,
        port,
        assigned,
    }
}

fn not_ready(why: &NotReady, contract: &Contract, lines: &[String]) -> Refusal {
    let refusal = Refusal::slow_start(lines);
    match why {
        NotReady::Ended(code) => Refusal::ended_at_start(&format!("exit status {code}"), lines),
        NotReady::Deaf => refusal,
        NotReady::Disobedient(port) => Refusal {
            message: format!(
                "The agent does not listen on port {port}, which the variable PORT names on this machine. {}",
                refusal.message
            ),
            ..refusal
        },
        NotReady::WrongPort(other) => Refusal {
            message: format!(
                "The agent listens on port {other}, and AgentCore calls port {}. {}",
                contract.port, refusal.message
            ),
            ..refusal
        },
        NotReady::CannotStart(error) => Refusal::new(
            Kind::RuntimeClient,
            format!("the agent cannot be started: {error}"),
        ),
    }
}
