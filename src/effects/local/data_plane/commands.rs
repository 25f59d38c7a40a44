//! `InvokeAgentRuntimeCommand`: a shell command in the environment of a session's agent.

use std::process::Stdio;

use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::{Child, ChildStdin},
    sync::mpsc,
};

use super::sessions::Use;
use crate::{
    effects::{
        clock,
        local::http::{Body, BodyError},
    },
    protocol::{
        Refusal,
        command::{Command, Event, Text},
    },
};

/// Starts the command and streams its output as the body.
pub(super) fn run(used: Use, command: Command) -> Result<Body, Refusal> {
    let mut process = used
        .command(&command.command)
        .ok_or_else(|| Refusal::internal("the session ended"))?;
    let mut child = process
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| Refusal::internal(&format!("the command cannot be started: {error}")))?;
    // The command and its children end when this closes.
    let pipe = child.stdin.take();
    let (events, received) = mpsc::channel(64);
    tokio::spawn(async move {
        watch(child, pipe, command, events, &used).await;
        drop(used);
    });
    let frames = stream::unfold(received, |mut received: mpsc::Receiver<Event>| async move {
        let event = received.recv().await?;
        let frame = Frame::data(Bytes::from(event.frames()));
        Some((Ok::<_, BodyError>(frame), received))
    });
    Ok(StreamBody::new(Box::pin(frames)).boxed_unsync())
}

async fn watch(
    mut child: Child,
    pipe: Option<ChildStdin>,
    command: Command,
    events: mpsc::Sender<Event>,
    used: &Use,
) {
    // A caller that disconnected receives no more events.
    let _ = events.send(Event::Start).await;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let whole = async {
        tokio::join!(
            read(stdout, &events, Event::Stdout),
            read(stderr, &events, Event::Stderr)
        );
        child.wait().await
    };
    let (exit_code, timed_out) = tokio::select! {
        status = whole => (status.ok().and_then(|status| status.code()).unwrap_or(-1), false),
        () = clock::sleep(command.timeout) => (-1, true),
        // A command ends with its session.
        () = used.session_ends() => (-1, false),
    };
    let stop = Event::Stop {
        exit_code,
        timed_out,
    };
    drop(pipe);
    let _ = events.send(stop).await;
}

async fn read(
    from: Option<impl AsyncRead + Unpin>,
    events: &mpsc::Sender<Event>,
    event: fn(String) -> Event,
) {
    let Some(mut from) = from else { return };
    let mut text = Text::default();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut buffer).await.unwrap_or(0);
        if count == 0 {
            break;
        }
        let piece = text.push(&buffer[..count]);
        if !piece.is_empty() && events.send(event(piece)).await.is_err() {
            return;
        }
    }
    let rest = text.finish();
    if !rest.is_empty() {
        let _ = events.send(event(rest)).await;
    }
}
