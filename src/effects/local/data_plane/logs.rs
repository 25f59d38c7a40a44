//! What agents print, written to the emulator's log groups under the service's names.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::json;
use tokio::sync::mpsc;

use super::emulator::Emulator;
use crate::{
    effects::{clock, local::agent::Line},
    protocol::logs,
};

/// Where the lines of a session go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stream {
    pub(super) region: String,
    pub(super) runtime: String,
    pub(super) endpoint: String,
    pub(super) name: String,
}

/// How long lines are collected before they are written.
const PAUSE: Duration = Duration::from_millis(100);
/// PutLogEvents takes at most 10,000 events and 1,048,576 bytes, each event counting 26 bytes more.
const LARGEST_BATCH: usize = 1_000;
/// How many lines may wait.
const WAITING: usize = 10_000;

/// A way to the log groups.
#[derive(Debug, Clone)]
pub(super) struct Logs {
    lines: mpsc::Sender<(Stream, Line)>,
}

impl Logs {
    pub(super) fn start(emulator: Emulator) -> Self {
        let (lines, received) = mpsc::channel(WAITING);
        tokio::spawn(write(emulator, received));
        Self { lines }
    }

    /// A channel for the lines of one session.
    pub(super) fn of(&self, stream: Stream) -> mpsc::Sender<Line> {
        let (sender, mut lines) = mpsc::channel(1_000);
        let all = self.lines.clone();
        tokio::spawn(async move {
            while let Some(line) = lines.recv().await {
                if all.send((stream.clone(), line)).await.is_err() {
                    return;
                }
            }
        });
        sender
    }
}

async fn write(emulator: Emulator, mut received: mpsc::Receiver<(Stream, Line)>) {
    let mut made = BTreeSet::new();
    let mut batch = Vec::new();
    while received.recv_many(&mut batch, LARGEST_BATCH).await > 0 {
        let mut by_stream: BTreeMap<Stream, Vec<Line>> = BTreeMap::new();
        for (stream, line) in batch.drain(..) {
            by_stream.entry(stream).or_default().push(line);
        }
        for (stream, mut lines) in by_stream {
            if made.insert(stream.clone()) {
                make(&emulator, &stream).await;
            }
            // Both streams of the process are read at once.
            lines.sort_by_key(|line| line.at);
            put(&emulator, &stream, &lines).await;
        }
        clock::sleep(PAUSE).await;
    }
}

async fn make(emulator: &Emulator, stream: &Stream) {
    let group = logs::group(&stream.runtime, &stream.endpoint);
    let input = json!({ "logGroupName": group });
    // Usually it exists already; what else is wrong shows at the lines.
    let _ = emulator
        .logs(&stream.region, "CreateLogGroup", &input)
        .await;
    let input = json!({ "logGroupName": group, "logStreamName": stream.name });
    let _ = emulator
        .logs(&stream.region, "CreateLogStream", &input)
        .await;
}

async fn put(emulator: &Emulator, stream: &Stream, lines: &[Line]) {
    let events: Vec<_> = lines
        .iter()
        .map(|line| json!({ "timestamp": line.at, "message": line.text }))
        .collect();
    let input = json!({
        "logGroupName": logs::group(&stream.runtime, &stream.endpoint),
        "logStreamName": stream.name,
        "logEvents": events,
    });
    if let Err(why) = emulator.logs(&stream.region, "PutLogEvents", &input).await {
        super::tell(&format!("lines of an agent are lost: {why:?}"));
    }
}
