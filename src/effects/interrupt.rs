//! Makes Ctrl-C during a question end the question rather than the process, so that the terminal is
//! restored and the user is told what was done.

use std::io;
#[cfg(unix)]
use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

#[cfg(unix)]
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    termios::{LocalModes, OptionalActions, QueueSelector, tcflush, tcgetattr, tcsetattr},
};

/// The exit code that shells use for a process ended by Ctrl-C.
#[cfg(unix)]
const INTERRUPTED: i32 = 130;

#[cfg(unix)]
static ASKING: AtomicBool = AtomicBool::new(false);

/// True if Ctrl-C was pressed during a question.
#[cfg(unix)]
static INTERRUPTED_QUESTION: AtomicBool = AtomicBool::new(false);

#[cfg(unix)]
static LISTENING: OnceLock<bool> = OnceLock::new();

/// How often a waiting question checks for Ctrl-C, because any thread may receive the signal.
#[cfg(unix)]
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// Discards what was typed so far, calls `show` and reads a line from the terminal. Ctrl-C is an
/// error of the kind `Interrupted`; Ctrl-D ends the line without a newline.
#[cfg(unix)]
pub(crate) fn line_typed_after(show: impl FnOnce()) -> io::Result<Vec<u8>> {
    INTERRUPTED_QUESTION.store(false, Ordering::SeqCst);
    ASKING.store(true, Ordering::SeqCst);
    LISTENING.get_or_init(listen);
    tcflush(io::stdin(), QueueSelector::IFlush)?;
    show();
    let line = next_line();
    if line.is_ok() {
        ASKING.store(false, Ordering::SeqCst);
    }
    line
}

/// Reads a line; the terminal delivers whole lines.
#[cfg(unix)]
fn next_line() -> io::Result<Vec<u8>> {
    let keyboard = io::stdin();
    let mut line = vec![0; 4096];
    loop {
        if INTERRUPTED_QUESTION.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let mut ready = [PollFd::new(&keyboard, PollFlags::IN)];
        match poll(&mut ready, Some(&LOOK)) {
            Ok(0) | Err(Errno::INTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        // Bypasses the standard library's buffer, which may contain earlier input.
        match rustix::io::read(&keyboard, &mut line) {
            Ok(length) => {
                line.truncate(length);
                return Ok(line);
            }
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Reads a line. Earlier input cannot be discarded here, and Ctrl-C ends the process.
#[cfg(not(unix))]
pub(crate) fn line_typed_after(show: impl FnOnce()) -> io::Result<Vec<u8>> {
    use std::io::BufRead as _;

    show();
    let mut line = Vec::new();
    io::stdin().lock().read_until(b'\n', &mut line)?;
    Ok(line)
}

/// Asks a question, in which Ctrl-C is an error of the terminal's. Before and after, Ctrl-C ends
/// the process as usual.
#[cfg(unix)]
pub(crate) fn while_asking<T, E>(ask: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    ASKING.store(true, Ordering::SeqCst);
    LISTENING.get_or_init(listen);
    // Otherwise the terminal would turn Ctrl-C between two keys into a signal, so that the question
    // would miss it, and echo keys that are typed early.
    let keyboard = io::stdin();
    let usual = tcgetattr(&keyboard).ok();
    if let Some(usual) = &usual {
        let mut quiet = usual.clone();
        quiet
            .local_modes
            .remove(LocalModes::ISIG | LocalModes::ICANON | LocalModes::ECHO);
        // Works without it, too.
        let _ = tcsetattr(&keyboard, OptionalActions::Now, &quiet);
    }
    let answer = ask();
    if let Some(usual) = &usual {
        let _ = tcsetattr(&keyboard, OptionalActions::Now, usual);
    }
    // After an interrupted question, the program ends in order; a signal must not end it earlier.
    if answer.is_ok() {
        ASKING.store(false, Ordering::SeqCst);
    }
    answer
}

#[cfg(not(unix))]
pub(crate) fn while_asking<T, E>(ask: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    ask()
}

/// Handles the signal, whose default is to end the process at once with the cursor hidden.
#[cfg(unix)]
fn listen() -> bool {
    use tokio::signal::unix::{SignalKind, signal};

    let (ready, listening) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build();
        let Ok(runtime) = runtime else {
            return;
        };
        runtime.block_on(async {
            let Ok(mut interrupts) = signal(SignalKind::interrupt()) else {
                return;
            };
            // The caller waits for this.
            let _ = ready.send(());
            while interrupts.recv().await.is_some() {
                if !ASKING.load(Ordering::SeqCst) {
                    #[expect(clippy::exit, reason = "this is the end that the signal asks for")]
                    std::process::exit(INTERRUPTED);
                }
                INTERRUPTED_QUESTION.store(true, Ordering::SeqCst);
            }
        });
    });
    // If signals cannot be received, the system's default for Ctrl-C applies.
    listening.recv().is_ok()
}
