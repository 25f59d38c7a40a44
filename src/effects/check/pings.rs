//! Sends `/ping` repeatedly while the agent works.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use tokio::{sync::Notify, task::JoinHandle};

use super::exchange::{Address, ask};
use crate::{
    check::{
        Report,
        pings::{Pong, is_enough, judge},
        request::Request,
    },
    effects::{clock, local::agent::ready::PING},
};

/// Longer than a second, so that a time in seconds that is always the current one visibly changes.
const EVERY: Duration = Duration::from_millis(1_100);

pub(super) struct Pings {
    seen: Arc<Seen>,
    asking: JoinHandle<()>,
}

struct Seen {
    address: Mutex<Address>,
    pongs: Mutex<Vec<(Instant, Pong)>>,
    asked: Notify,
}

impl Pings {
    pub(super) fn begin(address: Address, path: &'static str) -> Self {
        let seen = Arc::new(Seen {
            address: Mutex::new(Address {
                limit: PING,
                ..address
            }),
            pongs: Mutex::default(),
            asked: Notify::new(),
        });
        let asking = tokio::spawn(Arc::clone(&seen).ask(path));
        Self { seen, asking }
    }

    /// Follows a restarted agent to its new port, discarding pings since then.
    pub(super) fn follow(&self, port: u16, since: Instant) {
        self.seen
            .address
            .lock()
            .expect("no thread panics with it")
            .port = port;
        self.forget(since);
    }

    /// Discards pings since then.
    pub(super) fn forget(&self, since: Instant) {
        self.seen.pongs().retain(|(end, _)| *end < since);
    }

    /// Waits for enough pings and judges them.
    pub(super) async fn end(self, report: &mut Report) {
        while !is_enough(&self.seen.so_far()) {
            self.seen.asked.notified().await;
        }
        self.asking.abort();
        judge(&self.seen.so_far(), report);
    }
}

impl Seen {
    fn pongs(&self) -> MutexGuard<'_, Vec<(Instant, Pong)>> {
        self.pongs.lock().expect("no thread panics with it")
    }

    fn so_far(&self) -> Vec<Pong> {
        let pongs = self.pongs();
        pongs.iter().map(|(_, pong)| pong.clone()).collect()
    }

    async fn ask(self: Arc<Self>, path: &'static str) {
        loop {
            let begin = clock::now();
            let address = self
                .address
                .lock()
                .expect("no thread panics with it")
                .clone();
            let outcome = ask(&address, Request::get(path)).await;
            let milliseconds = u64::try_from(clock::milliseconds()).unwrap_or_default();
            let pong = Pong {
                at: Duration::from_millis(milliseconds),
                took: begin.elapsed(),
                outcome,
            };
            self.pongs().push((clock::now(), pong));
            self.asked.notify_one();
            clock::sleep(EVERY.saturating_sub(begin.elapsed())).await;
        }
    }
}
