//! Ctrl-C while a question is open ends the question, not the process, so that the terminal is put in
//! order and the user is told what was done.

#[cfg(unix)]
use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

#[cfg(unix)]
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

/// The shells' exit code of a process that Ctrl-C ended.
#[cfg(unix)]
const INTERRUPTED: i32 = 130;

#[cfg(unix)]
static ASKING: AtomicBool = AtomicBool::new(false);

/// Asks; a question that Ctrl-C cut off is an error of the terminal's. Before the question and after
/// its answer, Ctrl-C ends the process as it always does.
#[cfg(unix)]
pub(crate) fn while_asking<T, E>(ask: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    static LISTENING: OnceLock<bool> = OnceLock::new();
    ASKING.store(true, Ordering::SeqCst);
    LISTENING.get_or_init(listen);
    // Between two keys the terminal would make a signal of Ctrl-C, and the question would not see it.
    let keyboard = std::io::stdin();
    let usual = tcgetattr(&keyboard).ok();
    if let Some(usual) = &usual {
        let mut quiet = usual.clone();
        quiet.local_modes.remove(LocalModes::ISIG);
        // A terminal that does not take it asks all the same.
        let _ = tcsetattr(&keyboard, OptionalActions::Now, &quiet);
    }
    let answer = ask();
    if let Some(usual) = &usual {
        let _ = tcsetattr(&keyboard, OptionalActions::Now, usual);
    }
    // A question that was cut off is followed by the end, which the signal must not forestall.
    if answer.is_ok() {
        ASKING.store(false, Ordering::SeqCst);
    }
    answer
}

#[cfg(not(unix))]
pub(crate) fn while_asking<T, E>(ask: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    ask()
}

/// Takes the signal from its default, which is to end the process at once with the cursor hidden.
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
            // The asker waits for this.
            let _ = ready.send(());
            while interrupts.recv().await.is_some() {
                if !ASKING.load(Ordering::SeqCst) {
                    #[expect(clippy::exit, reason = "this is the end that the signal asks for")]
                    std::process::exit(INTERRUPTED);
                }
            }
        });
    });
    // Where no signal can be heard, the system's own answer to Ctrl-C stands.
    listening.recv().is_ok()
}
