//! Runs the binary on a pseudo-terminal, for user input and screen output.

use std::{
    fs::File,
    io::{Read, Write},
    num::NonZeroU16,
    os::fd::AsFd,
    process::{Child, Command, ExitStatus},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

use super::{command::Cli, waiting::PATIENCE};

const ROWS: u16 = 40;

/// A run whose stdin, stdout and stderr are a terminal; killed on drop.
pub struct Terminal {
    columns: u16,
    child: Child,
    keyboard: File,
    screen: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
    /// The length of the screen that [`Terminal::sees`] has read.
    seen: usize,
}

impl Terminal {
    /// Runs in a terminal with 100 columns.
    pub fn run(cli: &Cli) -> Self {
        Self::wide(cli, 100)
    }

    /// Makes the terminal the controlling one, so that Ctrl-C works in every mode.
    pub fn wide(cli: &Cli, columns: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let size = Winsize {
            ws_row: ROWS,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(master.as_fd(), size).unwrap();
        let slave = File::options()
            .read(true)
            .write(true)
            .open(name.to_str().unwrap())
            .unwrap();
        let plain = cli.prepared();
        let mut command = Command::new("setsid");
        command
            .args(["--ctty", "--wait"])
            .arg(plain.get_program())
            .args(plain.get_args())
            .current_dir(plain.get_current_dir().unwrap())
            .env_clear()
            .envs(plain.get_envs().filter_map(|(k, v)| Some((k, v?))))
            .env("TERM", "xterm")
            .stdin(slave.try_clone().unwrap())
            .stdout(slave.try_clone().unwrap())
            .stderr(slave);
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("the tests of dialogues need `setsid` (Debian: util-linux) on PATH: {error}")
        });
        // The command keeps the other side open, so the reader would never end.
        drop(command);
        let keyboard = File::from(master);
        let screen = Arc::new(Mutex::new(Vec::new()));
        let reader = read(keyboard.try_clone().unwrap(), Arc::clone(&screen));
        Self {
            columns,
            child,
            keyboard,
            screen,
            reader: Some(reader),
            seen: 0,
        }
    }

    /// Waits until the text appears after what was seen before.
    #[track_caller]
    pub fn sees(&mut self, text: &str) {
        let start = Instant::now();
        loop {
            let screen = self.screen();
            if let Some(at) = screen.get(self.seen..).and_then(|new| new.find(text)) {
                self.seen += at + text.len();
                return;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "no `{text}` on the screen:\n{screen}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Returns everything that was printed so far, including control sequences.
    pub fn screen(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap()).into_owned()
    }

    /// Returns the rows on the screen, without empty ones at the end.
    pub fn picture(&self) -> Vec<String> {
        picture(&self.screen.lock().unwrap(), self.columns)
    }

    /// Waits until a row on the screen equals this text.
    #[track_caller]
    pub fn shows(&self, row: &str) {
        self.shows_row(row, |shown| shown == row);
    }

    /// Waits until a row on the screen contains this text.
    #[track_caller]
    pub fn shows_within(&self, part: &str) {
        self.shows_row(part, |shown| shown.contains(part));
    }

    #[track_caller]
    fn shows_row(&self, wanted: &str, is_it: impl Fn(&str) -> bool) {
        let start = Instant::now();
        while !self.picture().iter().any(|shown| is_it(shown)) {
            let rows = self.picture().join("\n");
            assert!(start.elapsed() < PATIENCE, "no row `{wanted}`:\n{rows}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for the end. Returns the status and the final screen.
    #[track_caller]
    pub fn leaves(self) -> (ExitStatus, Vec<String>) {
        let columns = self.columns;
        let (status, screen) = self.ends();
        (status, picture(screen.as_bytes(), columns))
    }

    /// Waits for the end; returns the status and everything that was printed.
    #[track_caller]
    pub fn ends(mut self) -> (ExitStatus, String) {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "still running:\n{}",
                self.screen()
            );
            std::thread::sleep(Duration::from_millis(10));
        };
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        (status, self.screen())
    }
}

fn picture(screen: &[u8], columns: u16) -> Vec<String> {
    let [rows, width] = [ROWS, columns].map(|size| NonZeroU16::new(size).unwrap());
    let mut terminal = vt100::Parser::new(rows, width, 0);
    terminal.process(screen);
    let rows = terminal.screen().rows(0, columns);
    let mut rows: Vec<String> = rows.map(|row| row.trim_end().to_owned()).collect();
    while rows.last().is_some_and(String::is_empty) {
        rows.pop();
    }
    rows
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The run may already be gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ends when no process has the terminal open, because reading then fails on Linux.
fn read(mut master: File, screen: Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = master.read(&mut buffer) {
            screen.lock().unwrap().extend(&buffer[..read]);
        }
    })
}
