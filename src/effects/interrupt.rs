//! Makes Ctrl-C during a question end the question rather than the process, so that the terminal is
//! restored and the user is told what was done; and lets other work clean up before Ctrl-C ends the
//! process.

#[cfg(unix)]
use std::sync::OnceLock;
use std::{
    io,
    process::ExitStatus,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
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

/// How many parts of this process wait for Ctrl-C themselves.
static AWAITED: AtomicUsize = AtomicUsize::new(0);

/// What to do before Ctrl-C ends the process.
static BEFORE_THE_END: Mutex<Vec<(u64, Act)>> = Mutex::new(Vec::new());

type Act = Box<dyn FnOnce() + Send>;

/// Work to do if Ctrl-C ends the process before this is dropped.
pub(crate) struct OnInterrupt(u64);

/// Calls `act` if Ctrl-C ends the process, unless the result is dropped before.
pub(crate) fn on_interrupt(act: impl FnOnce() + Send + 'static) -> OnInterrupt {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    #[cfg(unix)]
    LISTENING.get_or_init(listen);
    let number = NEXT.fetch_add(1, Ordering::SeqCst);
    acts().push((number, Box::new(act)));
    OnInterrupt(number)
}

impl Drop for OnInterrupt {
    fn drop(&mut self) {
        acts().retain(|(number, _)| *number != self.0);
    }
}

fn acts() -> MutexGuard<'static, Vec<(u64, Act)>> {
    BEFORE_THE_END
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// True if Ctrl-C is about to end the process.
static ENDING: AtomicBool = AtomicBool::new(false);

/// Never returns if Ctrl-C is about to end the process. To be called after a child failed, because
/// Ctrl-C reaches the child too, and its failure is then not to be reported.
pub(crate) fn end_with_child(status: ExitStatus) {
    // The signal may arrive here a little later.
    let looks = if is_of_interrupt(status) { 20 } else { 1 };
    for look in 0..looks {
        while ENDING.load(Ordering::SeqCst) {
            thread::park();
        }
        if look > 0 {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

#[cfg(unix)]
fn is_of_interrupt(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;

    let signal = rustix::process::Signal::INT.as_raw();
    status.signal() == Some(signal) || status.code() == Some(INTERRUPTED)
}

#[cfg(not(unix))]
fn is_of_interrupt(_status: ExitStatus) -> bool {
    false
}

/// Makes Ctrl-C end the process also when a part of it has waited for Ctrl-C and no longer does. The
/// system's default, which did that, does not come back.
pub(crate) fn ends_the_process() {
    #[cfg(unix)]
    LISTENING.get_or_init(listen);
}

/// While this exists, Ctrl-C is left to the part of the process that waits for it.
pub(crate) struct Awaiting(());

impl Awaiting {
    pub(crate) fn begin() -> Self {
        AWAITED.fetch_add(1, Ordering::SeqCst);
        Self(())
    }

    /// Tells that this part received the signal, which may still be on its way to the thread that
    /// would end the process.
    pub(crate) fn took_it(self, now: Instant) {
        *taken() = Some(now);
        drop(self);
    }
}

/// When a part of the process received the last signal that it waited for.
static TAKEN: Mutex<Option<Instant>> = Mutex::new(None);

/// How long a signal is on its way at most.
#[cfg(unix)]
const ON_ITS_WAY: Duration = Duration::from_millis(500);

fn taken() -> MutexGuard<'static, Option<Instant>> {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns whether another part of the process received this signal.
#[cfg(unix)]
fn is_taken() -> bool {
    taken().is_some_and(|at| at.elapsed() < ON_ITS_WAY)
}

impl Drop for Awaiting {
    fn drop(&mut self) {
        AWAITED.fetch_sub(1, Ordering::SeqCst);
    }
}

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
                if ASKING.load(Ordering::SeqCst) {
                    INTERRUPTED_QUESTION.store(true, Ordering::SeqCst);
                } else if AWAITED.load(Ordering::SeqCst) == 0 && !is_taken() {
                    ENDING.store(true, Ordering::SeqCst);
                    let acts = std::mem::take(&mut *acts());
                    for (_, act) in acts.into_iter().rev() {
                        act();
                    }
                    #[expect(clippy::exit, reason = "this is the end that the signal asks for")]
                    std::process::exit(INTERRUPTED);
                }
            }
        });
    });
    // If signals cannot be received, the system's default for Ctrl-C applies.
    listening.recv().is_ok()
}
