//! Watches whether an agent keeps the contract: pings it as AgentCore does, and follows its streams
//! as they arrive. Reports each kind of problem once, however often the agent restarts.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::{Duration, Instant, UNIX_EPOCH},
};

use http_body_util::BodyExt as _;
use hyper::body::Body as _;

use super::{Event, Events, process::Process};
use crate::{
    effects::{
        clock,
        local::{
            agent::{State, ready},
            http::{Body, HttpClient, Next, Passage, Passing, client},
        },
    },
    protocol::{
        ping::{self, Status},
        serving::{self, Arrivals, Streams},
    },
};

/// How often an agent is pinged after a start and while it works.
const OFTEN: Duration = Duration::from_secs(2);
/// This many pings show whether the time always changes.
const FIRST: u32 = 6;
/// How often an idle agent is pinged; less often, because servers print a line for each ping.
const SELDOM: Duration = Duration::from_secs(20);

pub(super) struct Conduct {
    agent: String,
    events: Events,
    client: HttpClient,
    watched: Mutex<Watched>,
}

#[derive(Default)]
struct Watched {
    pings: ping::Watch,
    streams: Streams,
    told: BTreeSet<&'static str>,
}

impl Conduct {
    pub(super) fn new(agent: String, events: Events) -> Self {
        Self {
            agent,
            events,
            client: client(),
            watched: Mutex::default(),
        }
    }

    /// Checks the environment and port that the agent is started with.
    pub(super) fn starts(&self, environment: &BTreeMap<String, String>, port: u16) {
        self.tell(serving::variables(environment, port));
    }

    /// Pings the agent until it ends.
    pub(super) async fn follow(&self, process: &Process) {
        self.tell(serving::bound(&process.agent.hosts()));
        let Some(path) = process.ping else {
            return;
        };
        self.watched
            .lock()
            .expect("no thread panics with it")
            .pings
            .restart();
        let (mut count, mut is_busy) = (0, false);
        loop {
            let is_fresh = count < FIRST || is_busy || process.requests() > 0;
            let pause = if is_fresh { OFTEN } else { SELDOM };
            if !sleep_while_idle(pause, process).await {
                return;
            }
            count += 1;
            let pong = ready::ping(&self.client, process.port, path).await;
            // An agent that is ending does not answer either.
            let ends =
                pong.is_none() && clock::within(OFTEN, process.agent.ended()).await.is_some();
            if ends || process.agent.state() != State::Running {
                return;
            }
            let mut watched = self.watched.lock().expect("no thread panics with it");
            let seen = match pong {
                Some(pong) => {
                    let now = clock::wall().duration_since(UNIX_EPOCH).unwrap_or_default();
                    watched.pings.see(now, pong.took, pong.status, &pong.body)
                }
                None => watched.pings.unanswered(ready::PING),
            };
            drop(watched);
            if let Some(status) = seen.status {
                is_busy = status == Status::HealthyBusy;
            }
            for problem in seen.problems {
                self.send(problem.code(), problem.what(), problem.fix().to_owned());
            }
        }
    }

    /// Wraps the body of an event stream to follow its arrival.
    pub(super) fn stream(self: &Arc<Self>, body: Body, begin: Instant) -> Body {
        let passage = Followed {
            begin,
            is_whole: body.is_end_stream(),
            arrivals: Arrivals::default(),
            conduct: Arc::clone(self),
        };
        Passing { body, passage }.boxed_unsync()
    }

    fn ended(&self, arrivals: &Arrivals) {
        let mut watched = self.watched.lock().expect("no thread panics with it");
        let problem = watched.streams.ended(arrivals);
        drop(watched);
        self.tell(problem);
    }

    /// Reports problems that were not reported before.
    fn tell(&self, problems: impl IntoIterator<Item = serving::Problem>) {
        for problem in problems {
            let mut watched = self.watched.lock().expect("no thread panics with it");
            let is_new = watched.told.insert(problem.code());
            drop(watched);
            if is_new {
                self.send(problem.code(), problem.what(), problem.fix());
            }
        }
    }

    fn send(&self, code: &'static str, what: String, fix: String) {
        self.events.tell(Event::Contract {
            agent: self.agent.clone(),
            code,
            what,
            fix,
        });
    }
}

/// Sleeps for `pause`, or [`OFTEN`] if the agent has requests meanwhile. Returns whether it still
/// runs.
async fn sleep_while_idle(pause: Duration, process: &Process) -> bool {
    let begin = clock::now();
    while begin.elapsed() < pause {
        if clock::within(OFTEN, process.agent.ended()).await.is_some() {
            return false;
        }
        if process.requests() > 0 {
            return true;
        }
    }
    true
}

/// Records when the pieces of a body arrive.
struct Followed {
    begin: Instant,
    is_whole: bool,
    arrivals: Arrivals,
    conduct: Arc<Conduct>,
}

impl Passage<Body> for Followed {
    fn next(&mut self, mut body: Pin<&mut Body>, context: &mut Context<'_>) -> Next {
        let next = body.as_mut().poll_frame(context);
        match &next {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    self.arrivals.piece(self.begin.elapsed(), data);
                }
                self.is_whole = body.is_end_stream();
            }
            Poll::Ready(None) => self.is_whole = true,
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        next
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        if self.is_whole {
            self.conduct.ended(&self.arrivals);
        }
    }
}
