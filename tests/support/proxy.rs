//! A proxy between the binary and an emulator. Counts requests, records the permissions that each
//! would need in AWS, injects faults, and kills the client at a given request.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use http_body_util::{BodyExt, Full};
use hyper::{Request, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::sleep};

use super::{
    actions::{Asked, Call},
    command::{Cli, Outcome},
    emulator::Emulator,
    faults::{Fault, Times},
    server::{Answer, Reply, Server},
};

/// When the client is killed: before the emulator gets the request, or after it was carried out and
/// before the client gets the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    Before,
    After,
}

/// Which requests of a run are counted to choose the one that kills it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Those that change something. Before and after each of them, the account is in every state in
    /// which a run can leave it.
    Writes,
    All,
}

/// A request and its permissions.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The access key that signed it, which identifies the caller.
    pub access_key: String,
    pub region: String,
    pub calls: Vec<Call>,
    /// The number of the client's attempt, starting with 1.
    pub attempt: usize,
    /// The size of the body in bytes.
    pub bytes: usize,
    /// The body, if it is JSON.
    pub document: Option<serde_json::Value>,
    /// `None` if the client got no answer.
    pub status: Option<u16>,
}

/// A running proxy.
pub struct Proxy {
    server: Server,
    state: Arc<Mutex<State>>,
}

type Killer = Arc<dyn Fn() + Send + Sync>;

/// Which request kills the client.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kill {
    /// At the n-th request, starting with 1.
    At(usize, Counted, Moment),
    /// After the first request for this action.
    After(String),
    /// After the first request that changes something and that this proxy sees for the first time.
    AfterNewWrite,
}

/// How the names of operations that change nothing start.
const READS: [&str; 5] = ["BatchCheck", "BatchGet", "Describe", "Get", "List"];

#[derive(Default)]
struct State {
    requests: Vec<Recorded>,
    roles: BTreeMap<String, String>,
    faults: Vec<(String, Times, Fault, usize)>,
    taken_away: Option<String>,
    kill: Option<Kill>,
    killer: Option<Killer>,
    killed: bool,
}

/// Starts a server in front of an emulator with this port and account. `handle` gets each request, and
/// what it asks for.
pub fn in_front_of<S, F>(
    port: u16,
    account: &str,
    state: &Arc<Mutex<S>>,
    handle: impl Fn(Arc<Mutex<S>>, Request<Bytes>, Asked, u16) -> F + Send + Sync + 'static,
) -> Server
where
    S: Send + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let (state, account) = (Arc::clone(state), account.to_owned());
    Server::start(move |request| {
        let asked = Asked::new(&request, &account);
        handle(Arc::clone(&state), request, asked, port)
    })
}

impl Proxy {
    pub fn to(emulator: &Emulator) -> Self {
        Self::to_port(emulator.port(), emulator.account())
    }

    /// A proxy to a server in front of an emulator, which has this account.
    pub fn to_port(port: u16, account: &str) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let server = in_front_of(port, account, &state, handle);
        Self { server, state }
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Returns the number of requests.
    pub fn count(&self) -> usize {
        self.count_of(Counted::All)
    }

    pub fn count_of(&self, counted: Counted) -> usize {
        self.state.lock().unwrap().count_of(counted)
    }

    /// Returns the size of all bodies in bytes.
    pub fn bytes(&self) -> usize {
        self.requests().iter().map(|request| request.bytes).sum()
    }

    /// Returns every request so far, in order of arrival.
    pub fn requests(&self) -> Vec<Recorded> {
        self.state.lock().unwrap().requests.clone()
    }

    /// Returns the JSON bodies sent with an action, in order of arrival.
    pub fn documents(&self, action: &str) -> Vec<serde_json::Value> {
        let requests = self.requests().into_iter();
        let asked = requests.filter(|r| r.calls.first().is_some_and(|call| call.action == action));
        asked.filter_map(|request| request.document).collect()
    }

    /// Returns every permission that the requests so far would need in AWS.
    pub fn recorded(&self) -> Vec<Call> {
        self.requests().into_iter().flat_map(|r| r.calls).collect()
    }

    /// Returns the called actions in order, without implied ones.
    pub fn actions(&self) -> Vec<String> {
        let calls = self.recorded().into_iter();
        calls.filter(|c| !c.implied).map(|c| c.action).collect()
    }

    /// Returns the actions that change something and their resources, each at its first time.
    pub fn writes(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for request in self.requests() {
            if let Some(write) = request.calls.first().and_then(write)
                && !found.contains(&write)
            {
                found.push(write);
            }
        }
        found
    }

    pub fn forget(&self) {
        self.state.lock().unwrap().requests.clear();
    }

    /// Injects a fault into requests for an action (`iam:CreateRole`; `iam:*`; `*`).
    pub fn fault(&self, action: &str, times: Times, fault: Fault) {
        self.state
            .lock()
            .unwrap()
            .faults
            .push((action.to_owned(), times, fault, 0));
    }

    /// Removes an action's faults.
    pub fn mend(&self, action: &str) {
        let mut state = self.state.lock().unwrap();
        state.faults.retain(|(pattern, ..)| pattern != action);
    }

    /// From now on, answers as AWS does without the permission for this action, whether it is
    /// called or implied. `None` restores all permissions.
    pub fn take_away(&self, action: Option<&str>) {
        self.state.lock().unwrap().taken_away = action.map(str::to_owned);
    }

    /// Runs the command through this proxy and kills it at the n-th of the counted requests,
    /// starting with 1.
    ///
    /// Returns `Err` with the outcome if the run ended before that.
    pub fn kill_at(
        &self,
        cli: Cli,
        n: usize,
        counted: Counted,
        moment: Moment,
    ) -> Result<Outcome, Outcome> {
        self.kill(cli, Kill::At(self.count_of(counted) + n, counted, moment))
    }

    /// Runs the command through this proxy and kills it after its first request for an action.
    ///
    /// Returns `Err` with the outcome if the run ended before that.
    pub fn kill_after(&self, cli: Cli, action: &str) -> Result<Outcome, Outcome> {
        self.kill(cli, Kill::After(action.to_owned()))
    }

    /// Runs the command through this proxy and kills it after its first request that changes
    /// something and that this proxy has not seen before; the client gets no answer.
    ///
    /// Returns `Err` with the outcome if the run ended before that.
    pub fn kill_after_new_write(&self, cli: Cli) -> Result<Outcome, Outcome> {
        self.kill(cli, Kill::AfterNewWrite)
    }

    fn kill(&self, cli: Cli, kill: Kill) -> Result<Outcome, Outcome> {
        {
            let mut state = self.state.lock().unwrap();
            state.kill = Some(kill);
            state.killer = None;
            state.killed = false;
        }
        let running = cli.at(&self.url()).start();
        self.state.lock().unwrap().killer = Some(Arc::new(running.killer()));
        let outcome = running.wait();
        let mut state = self.state.lock().unwrap();
        state.kill = None;
        if std::mem::take(&mut state.killed) {
            Ok(outcome)
        } else {
            Err(outcome)
        }
    }
}

async fn handle(
    state: Arc<Mutex<State>>,
    request: Request<Bytes>,
    asked: Asked,
    port: u16,
) -> Reply {
    let (at, action, missing, kill) = {
        let mut state = state.lock().unwrap();
        if state.killed {
            return Reply::Silence;
        }
        let calls = asked.calls(&state.roles);
        let action = calls.first().map_or_else(String::new, |c| c.action.clone());
        let taken_away = |call: &&Call| Some(&call.action) == state.taken_away.as_ref();
        let missing: Vec<Call> = calls.iter().filter(taken_away).cloned().collect();
        let of = |calls: &[Call]| calls.first().and_then(write);
        let changes = of(&calls);
        let is_new = changes.is_some() && !state.requests.iter().any(|r| of(&r.calls) == changes);
        state.requests.push(Recorded {
            access_key: asked.access_key.clone(),
            region: asked.region.clone(),
            calls,
            attempt: asked.attempt(),
            bytes: request.body().len(),
            document: serde_json::from_slice(request.body()).ok(),
            status: None,
        });
        let at = state.requests.len();
        let kill = state.kill.clone().filter(|kill| match kill {
            Kill::At(n, counted, _) => {
                (*counted == Counted::All || changes.is_some()) && state.count_of(*counted) == *n
            }
            Kill::After(last) => *last == action,
            Kill::AfterNewWrite => is_new,
        });
        (at, action, missing, kill)
    };
    if matches!(kill, Some(Kill::At(_, _, Moment::Before))) {
        kill_client(&state).await;
        return Reply::Silence;
    }
    let fault = match &missing[..] {
        [] => state.lock().unwrap().fault_for(&action, asked.attempt()),
        [beside] if beside.implied && beside.action == "s3:ListBucket" => Some(Fault::HidesAbsence),
        _ => Some(Fault::Denied(missing)),
    };
    let reply = match &fault {
        Some(fault) if !fault.reaches_the_emulator() => fault.reply(&asked, None),
        _ => match forward(request, port).await {
            Some(answer) => {
                state.lock().unwrap().learn_roles(&asked, &answer);
                match &fault {
                    Some(fault) => fault.reply(&asked, Some(answer)),
                    None => Reply::Answer(answer),
                }
            }
            None => Reply::Silence,
        },
    };
    if kill.is_some() {
        kill_client(&state).await;
        return Reply::Silence;
    }
    if let Reply::Answer(answer) = &reply
        && let Some(recorded) = state.lock().unwrap().requests.get_mut(at - 1)
    {
        recorded.status = Some(answer.status);
    }
    reply
}

impl State {
    fn count_of(&self, counted: Counted) -> usize {
        let counts = |request: &&Recorded| match counted {
            Counted::Writes => request.calls.first().and_then(write).is_some(),
            Counted::All => true,
        };
        self.requests.iter().filter(counts).count()
    }

    fn fault_for(&mut self, action: &str, attempt: usize) -> Option<Fault> {
        for (pattern, times, fault, seen) in &mut self.faults {
            let matches = match pattern.strip_suffix('*') {
                Some(prefix) => action.starts_with(prefix),
                None => action == pattern,
            };
            if matches {
                *seen += 1;
                if times.include(*seen, attempt) {
                    return Some(fault.clone());
                }
            }
        }
        None
    }

    /// Records the paths of roles, which are only in IAM's answers and in the request that creates
    /// a role.
    fn learn_roles(&mut self, asked: &Asked, answer: &Answer) {
        if asked.service != "iam" {
            return;
        }
        let body = answer.body();
        let text = String::from_utf8_lossy(&body);
        for part in text.split("<Arn>").skip(1) {
            let arn = part.split('<').next().unwrap_or_default();
            if let (true, Some((_, name))) = (arn.contains(":role/"), arn.rsplit_once('/')) {
                self.roles.insert(name.to_owned(), arn.to_owned());
            }
        }
    }
}

/// Returns what a call changes; `None` if it only reads.
fn write(call: &Call) -> Option<(String, String)> {
    let (_, operation) = call.action.split_once(':')?;
    let reads = READS.iter().any(|read| operation.starts_with(read));
    (!reads).then(|| (call.action.clone(), call.resource.clone()))
}

/// Waits for the killer, because the first request may come before the test has set it.
async fn kill_client(state: &Mutex<State>) {
    loop {
        let killer = state.lock().unwrap().killer.clone();
        if let Some(kill) = killer {
            state.lock().unwrap().killed = true;
            kill();
            return;
        }
        sleep(Duration::from_millis(2)).await;
    }
}

/// Forwards a request to this port of 127.0.0.1; returns `None` without an answer.
pub async fn forward(request: Request<Bytes>, port: u16) -> Option<Answer> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    let connection = tokio::spawn(connection);
    let (mut head, body) = request.into_parts();
    let target = head.uri.path_and_query()?.as_str().parse().ok()?;
    head.uri = target;
    for name in [
        header::CONNECTION,
        header::EXPECT,
        header::TRANSFER_ENCODING,
    ] {
        head.headers.remove(name);
    }
    let request = Request::from_parts(head, Full::new(body));
    let (head, body) = sender.send_request(request).await.ok()?.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    connection.abort();
    let headers = head
        .headers
        .iter()
        .filter(|(name, _)| {
            !["connection", "transfer-encoding", "keep-alive"].contains(&name.as_str())
        })
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect();
    Some(Answer {
        status: head.status.as_u16(),
        headers,
        pieces: vec![(Duration::ZERO, body)],
        torn: false,
        delay: Duration::ZERO,
    })
}
