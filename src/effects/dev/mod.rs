//! Runs agents from their sources, each at its own address, and restarts them on changes.

mod background;
mod conduct;
mod layout;
mod log;
mod own_output;
mod port;
mod preloading;
mod process;
mod record;
mod server;
mod sessions;
mod watch;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex, atomic::AtomicU32},
    time::Duration,
};

use tokio::{
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinHandle,
};

pub(crate) use self::{
    background::{Background, leave_terminal},
    layout::copy_binary,
    log::{LOG, Tail},
    own_output::OwnOutput,
    port::{debugger_port, listen, port_of},
    process::{Birth, Debug, NotStarted, Program, Python, Start},
    record::{Hold, Reason, Record, Sight, Standing, ask_to_stop, hold, look, write as tell},
    server::{NOT_RUNNING, STARTS_AGAIN},
    watch::Watch,
};
use self::{
    conduct::Conduct,
    log::Log,
    preloading::Preloading,
    process::Process,
    server::{Phase, Server},
    sessions::{Serving, Starter},
};
use crate::{
    config::Protocol,
    effects::{
        clock,
        files::{FileError, Lock},
        folder::Folder,
        local::{agent::left, data_plane::accept::accept},
    },
};

/// An event in an agent's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// The agent printed a line.
    Line { agent: String, text: String },
    /// The agent ended without being asked to. `session` is set if each session has its own
    /// process.
    Ended {
        agent: String,
        code: i32,
        lines: Vec<String>,
        session: Option<String>,
    },
    /// A session got its own process.
    SessionStarted {
        agent: String,
        session: String,
        took: Duration,
        birth: Birth,
    },
    /// Requests were cut off because they did not finish in time.
    Cut { agent: String, requests: usize },
    /// A header was dropped, as the service would.
    HeaderLeftOut { agent: String, header: String },
    /// The agent breaks the contract; reported once for each `code`.
    Contract {
        agent: String,
        code: &'static str,
        what: String,
        fix: String,
    },
    /// The agent's output cannot be saved.
    LogLost { agent: String, why: String },
}

/// How many lines can be queued for display. An agent that prints more blocks.
const LINES: usize = 4096;

/// The sender of events.
#[derive(Clone)]
pub(crate) struct Events {
    sender: mpsc::UnboundedSender<Waiting>,
    lines: Arc<Semaphore>,
}

/// A queued event, and its place in the queue of lines.
struct Waiting {
    event: Event,
    _place: Option<OwnedSemaphorePermit>,
}

impl Events {
    /// Sends a rare event. Does nothing if the command has ended.
    fn tell(&self, event: Event) {
        let _ = self.sender.send(Waiting {
            event,
            _place: None,
        });
    }

    /// Sends a line once there is space for it. Returns false if the command has ended.
    async fn line(&self, agent: String, text: String) -> bool {
        let Ok(place) = Arc::clone(&self.lines).acquire_owned().await else {
            return false;
        };
        let line = Waiting {
            event: Event::Line { agent, text },
            _place: Some(place),
        };
        self.sender.send(line).is_ok()
    }
}

/// The events, in order.
pub(crate) struct Heard(mpsc::UnboundedReceiver<Waiting>);

impl Heard {
    pub(crate) async fn next(&mut self) -> Event {
        match self.0.recv().await {
            Some(Waiting { event, _place: _ }) => event,
            // No more events can come.
            None => std::future::pending().await,
        }
    }

    /// Returns the events that are already waiting.
    pub(crate) fn rest(&mut self) -> Vec<Event> {
        let waiting = std::iter::from_fn(|| self.0.try_recv().ok());
        waiting.map(|Waiting { event, _place: _ }| event).collect()
    }
}

pub(crate) fn events() -> (Events, Heard) {
    let (sender, heard) = mpsc::unbounded_channel();
    let lines = Arc::new(Semaphore::new(LINES));
    (Events { sender, lines }, Heard(heard))
}

/// How long requests may continue with replaced code.
const LAST_REQUESTS: Duration = Duration::from_secs(5);
/// How often to check whether they are done.
const LOOK: Duration = Duration::from_millis(10);
/// How long an agent may take to end.
const END: Duration = Duration::from_secs(4);

/// How an agent is reached.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) agent: String,
    pub(crate) host: IpAddr,
    pub(crate) port: u16,
    pub(crate) protocol: Protocol,
    pub(crate) allowlist: Vec<String>,
    pub(crate) has_authorizer: bool,
}

impl Access {
    /// Returns the agent's URL from this machine.
    pub(crate) fn url(&self) -> String {
        let host = match self.host {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
            host => host,
        };
        format!("http://{}", SocketAddr::new(host, self.port))
    }
}

/// An agent with its address. The address stays while processes come and go behind it.
pub(crate) struct Served {
    server: Arc<Server>,
    accepting: JoinHandle<()>,
    starter: Arc<Starter>,
}

/// How an agent's processes are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Manner {
    /// Fork from a process that has imported the dependencies, if possible.
    pub(crate) preloads: bool,
    /// Start one for each session, as in AgentCore, instead of one for all.
    pub(crate) one_each: bool,
}

/// Written by all of the agent's processes.
type SharedLog = Arc<Mutex<Log>>;

impl Served {
    pub(crate) fn begin(
        listener: TcpListener,
        access: Access,
        folder: Folder,
        manner: Manner,
        events: Events,
    ) -> Result<Self, FileError> {
        let Manner { preloads, one_each } = manner;
        let log = Arc::new(Mutex::new(Log::begin(folder.clone())?));
        let conduct = Arc::new(Conduct::new(access.agent.clone(), events.clone()));
        let agent = access.agent.clone();
        let server = Arc::new(Server::new(access, Arc::clone(&conduct), events.clone()));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&server)));
        let starter = Starter {
            agent,
            preloading: Preloading::new(preloads, folder.clone()),
            folder,
            starts: AtomicU32::new(0),
            log,
            conduct,
            events,
            one_each,
        };
        Ok(Self {
            server,
            accepting,
            starter: Arc::new(starter),
        })
    }

    /// Makes requests wait until the agent is available or cannot be.
    pub(crate) fn hold(&self) {
        retire_all(&self.server.turn(Phase::Starting));
    }

    /// Answers every request with this text until the next start.
    pub(crate) fn break_with(&self, text: String) {
        retire_all(&self.server.turn(Phase::Broken(text)));
    }

    /// Changes the rules for later requests.
    pub(crate) fn change_access(&self, access: Access) {
        self.server.change_access(access);
    }

    /// Starts the agent. A process that is still running finishes its requests meanwhile.
    pub(crate) async fn start(&self, start: Start) -> Result<Birth, NotStarted> {
        self.hold();
        self.replace(start).await
    }

    /// Starts the agent, and replaces the running one once the new one serves. If it does not, the
    /// running one stays.
    pub(crate) async fn replace(&self, start: Start) -> Result<Birth, NotStarted> {
        let (serving, birth) = Serving::begin(&self.starter, start).await?;
        retire_all(&self.server.turn(Phase::Serving(Arc::clone(&serving))));
        let events = self.starter.events.clone();
        tokio::spawn(tell_end(Arc::clone(&self.server), serving, events));
        Ok(birth)
    }

    /// Returns the folder of the code under a debugger, which never changes because of breakpoints.
    pub(crate) fn code_under_debugger(&self) -> PathBuf {
        layout::code(&self.starter.folder.join(run_folder(0, true))).path()
    }

    /// Ends the agent and closes its address.
    pub(crate) async fn end(self) {
        let before = self
            .server
            .turn(Phase::Broken("the agent is ending".to_owned()));
        self.accepting.abort();
        if let Phase::Serving(serving) = before {
            // If it does not end, dropping the process kills it.
            let _ = clock::within(END, serving.end_all()).await;
        }
        // The next start removes what is left.
        let _ = clear(&self.starter.folder);
    }
}

fn run_folder(start: u32, under_debugger: bool) -> String {
    if under_debugger {
        "run-debug".to_owned()
    } else {
        format!("run-{start}")
    }
}

/// How often to check whether this process should end.
const WATCH: Duration = Duration::from_millis(200);

/// Waits until another command asks this `dev` to end, or one of its folders is removed.
pub(crate) async fn stopped(held: &[(Folder, Lock)], nonce: &str) -> Reason {
    loop {
        clock::sleep(WATCH).await;
        let mut reasons = held
            .iter()
            .filter_map(|(folder, lock)| record::reason_to_end(folder, lock, nonce));
        if let Some(reason) = reasons.next() {
            return reason;
        }
    }
}

/// Removes what earlier starts left, including processes.
pub(crate) fn clear(folder: &Folder) -> Result<(), FileError> {
    left::end_all_below(&folder.path());
    for name in folder.names()? {
        if name.starts_with("run-") || name.starts_with(preloading::FOLDER) {
            folder.join(name).remove_whole()?;
        }
    }
    Ok(())
}

/// Ends the serving processes once their requests are done.
fn retire_all(before: &Phase) {
    if let Phase::Serving(serving) = before {
        serving.retire();
    }
}

async fn retire(agent: String, process: Arc<Process>, events: Events) {
    let start = clock::now();
    while process.requests() > 0 && start.elapsed() < LAST_REQUESTS {
        clock::sleep(LOOK).await;
    }
    let requests = process.requests();
    if requests > 0 {
        events.tell(Event::Cut { agent, requests });
    }
    process.agent.stop();
    process.agent.ended().await;
    // The next start removes what is left.
    let _ = process.folder.remove_whole();
}

/// Reports an agent that ended without being asked to.
async fn tell_end(server: Arc<Server>, serving: Arc<Serving>, events: Events) {
    let process = serving.first();
    process.agent.ended().await;
    if !serving.first_ended() {
        return;
    }
    let (code, lines) = (process.code(), process.last_lines());
    if server.is_broken_by(&serving, code, &lines) {
        events.tell(Event::Ended {
            agent: server.agent(),
            code,
            lines,
            session: None,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_wait_for_their_place_and_other_events_do_not() {
        let (events, mut heard) = events();
        for number in 0..LINES {
            assert!(events.line("seller".to_owned(), number.to_string()).await);
        }
        let more = events.line("seller".to_owned(), "one more".to_owned());
        let mut more = std::pin::pin!(more);
        assert!(clock::within(Duration::ZERO, &mut more).await.is_none());
        let cut = Event::Cut {
            agent: "seller".to_owned(),
            requests: 1,
        };
        events.tell(cut.clone());
        heard.next().await;
        assert!(more.await);
        let rest = heard.rest();
        assert_eq!(rest.len(), LINES + 1);
        assert_eq!(rest[LINES - 1], cut);
        drop(heard);
        assert!(!events.line("seller".to_owned(), String::new()).await);
    }
}
