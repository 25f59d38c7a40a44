//! Writes agents' output to the emulator's log groups, with the service's names.

use std::{collections::VecDeque, time::Duration};

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use super::{
    emulator::{Emulator, Unanswered},
    event::{Event, Events},
};
use crate::{
    effects::{clock, local::agent::Line},
    protocol::{limits, logs},
};

/// The destination of a session's lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stream {
    pub(super) region: String,
    pub(super) runtime: String,
    pub(super) endpoint: String,
    pub(super) session: String,
    pub(super) name: String,
}

/// How long lines are collected before they are written.
const PAUSE: Duration = Duration::from_millis(100);
/// How many bytes of a session's lines may be pending.
const WAITING: usize = 8 << 20;
/// The time limit for writing all lines at the end.
const END: Duration = Duration::from_secs(5);

/// A writer for the log groups.
#[derive(Debug, Clone)]
pub(super) struct Logs {
    emulator: Emulator,
    events: Events,
    /// The number of sessions that still write.
    writers: watch::Sender<usize>,
}

impl Logs {
    pub(super) fn new(emulator: Emulator, events: Events) -> Self {
        Self {
            emulator,
            events,
            writers: watch::Sender::new(0),
        }
    }

    /// Returns a channel for the lines of one session. Senders never wait for the emulator.
    pub(super) fn of(&self, stream: Stream) -> mpsc::Sender<Line> {
        let (sender, lines) = mpsc::channel(1_000);
        self.writers.send_modify(|count| *count += 1);
        let logs = self.clone();
        tokio::spawn(async move {
            logs.write(&stream, lines).await;
            logs.writers.send_modify(|count| *count -= 1);
        });
        sender
    }

    /// Waits until everything is written, up to a limit.
    pub(super) async fn written(&self) {
        let mut writers = self.writers.subscribe();
        let written = writers.wait_for(|count| *count == 0);
        // Lines that are still pending are lost.
        let _ = clock::within(END, written).await;
    }

    async fn write(&self, stream: &Stream, mut lines: mpsc::Receiver<Line>) {
        let mut waiting = Waiting::default();
        let mut is_made = false;
        while let Some(line) = lines.recv().await {
            waiting.push(line);
            waiting.collect(&mut lines, clock::sleep(PAUSE)).await;
            while let Some(batch) = waiting.take() {
                let write = async {
                    if !is_made {
                        self.make(stream).await;
                    }
                    self.put(stream, &batch).await;
                };
                // Lines are received while a batch is written, so that the agent does not block.
                waiting.collect(&mut lines, write).await;
                is_made = true;
            }
            self.tell_lost(
                stream,
                waiting.lost(),
                "they came faster than they could be written",
            );
        }
    }

    fn tell_lost(&self, stream: &Stream, count: usize, why: &str) {
        if count > 0 {
            self.events.tell(Event::LinesLost {
                session: stream.session.clone(),
                count,
                why: why.to_owned(),
            });
        }
    }

    async fn make(&self, stream: &Stream) {
        let group = logs::group(&stream.runtime, &stream.endpoint);
        let input = json!({ "logGroupName": group });
        // Usually it already exists; other errors show when lines are written.
        let _ = self.call(stream, "CreateLogGroup", &input).await;
        let input = json!({ "logGroupName": group, "logStreamName": stream.name });
        let _ = self.call(stream, "CreateLogStream", &input).await;
    }

    async fn put(&self, stream: &Stream, batch: &[Line]) {
        let events: Vec<_> = batch
            .iter()
            .map(|line| json!({ "timestamp": line.at, "message": line.text }))
            .collect();
        let input = json!({
            "logGroupName": logs::group(&stream.runtime, &stream.endpoint),
            "logStreamName": stream.name,
            "logEvents": events,
        });
        if let Err(Unanswered::NotFound(why) | Unanswered::Other(why)) =
            self.call(stream, "PutLogEvents", &input).await
        {
            self.tell_lost(stream, batch.len(), &why);
        }
    }

    async fn call(
        &self,
        stream: &Stream,
        action: &str,
        input: &Value,
    ) -> Result<Value, Unanswered> {
        self.emulator.logs(&stream.region, action, input).await
    }
}

/// Pending lines.
#[derive(Default)]
struct Waiting {
    lines: VecDeque<Line>,
    bytes: usize,
    /// The number of lines that were dropped since the last report.
    lost: usize,
}

impl Waiting {
    fn push(&mut self, line: Line) {
        let size = size(&line);
        if self.bytes + size > WAITING {
            self.lost += 1;
            return;
        }
        self.bytes += size;
        self.lines.push_back(line);
    }

    /// Receives lines until `end` completes.
    async fn collect(&mut self, lines: &mut mpsc::Receiver<Line>, end: impl Future<Output = ()>) {
        let mut end = std::pin::pin!(end);
        let mut is_open = true;
        loop {
            tokio::select! {
                biased;
                () = &mut end => return,
                line = lines.recv(), if is_open => match line {
                    Some(line) => self.push(line),
                    None => is_open = false,
                },
            }
        }
    }

    /// Returns the next batch, sorted by time, because two pipes are read in parallel.
    fn take(&mut self) -> Option<Vec<Line>> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while let Some(line) = self.lines.front() {
            let size = size(line);
            if batch.len() == limits::LOG_BATCH_EVENTS || bytes + size > limits::LOG_BATCH_BYTES {
                break;
            }
            bytes += size;
            batch.extend(self.lines.pop_front());
        }
        self.bytes -= bytes;
        batch.sort_by_key(|line| line.at);
        (!batch.is_empty()).then_some(batch)
    }

    fn lost(&mut self) -> usize {
        std::mem::take(&mut self.lost)
    }
}

/// Returns a line's size as CloudWatch Logs counts it.
fn size(line: &Line) -> usize {
    line.text.len() + limits::LOG_EVENT_OVERHEAD
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(length: usize, at: i64) -> Line {
        Line {
            text: "x".repeat(length),
            at,
        }
    }

    proptest! {
        #[test]
        fn every_line_that_has_room_is_written_once_in_batches_that_fit(
            lengths in proptest::collection::vec(0_usize..300_000, 0..40),
        ) {
            let mut waiting = Waiting::default();
            for (at, length) in lengths.iter().enumerate() {
                waiting.push(line(*length, i64::try_from(at).unwrap()));
            }
            let mut written = Vec::new();
            while let Some(batch) = waiting.take() {
                prop_assert!(batch.iter().map(size).sum::<usize>() <= limits::LOG_BATCH_BYTES);
                written.extend(batch);
            }
            prop_assert_eq!(written.len() + waiting.lost(), lengths.len());
            prop_assert!(written.is_sorted_by_key(|line| line.at));
            prop_assert_eq!(waiting.bytes, 0);
        }
    }

    #[test]
    fn a_flood_takes_no_more_room_than_it_may() {
        let mut waiting = Waiting::default();
        for at in 0..1_000 {
            waiting.push(line(100_000, at));
        }
        assert!(waiting.bytes <= WAITING);
        assert_eq!(waiting.lines.len() + waiting.lost(), 1_000);
        assert!(waiting.lines.len() > 80);
    }
}
