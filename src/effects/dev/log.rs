//! The log file of an agent under `dev`: the time and text of each line. Its size is limited: a
//! full file replaces the previous one.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    time::UNIX_EPOCH,
};

use crate::{
    effects::{files::FileError, folder::Folder},
    plan::{log_tail::LogEvent, table::time_in_millis},
};

pub(crate) const LOG: &str = "agent.log";
const PREVIOUS: &str = "agent.previous.log";
/// The size limit of each of the two files, in bytes.
const LARGEST: u64 = 8 << 20;
/// How many bytes are read at once.
const PIECE: u64 = 1 << 20;

/// A log to write to.
pub(super) struct Log {
    folder: Folder,
    file: File,
    size: u64,
}

impl Log {
    /// Begins a new file and keeps that of the last run.
    pub(super) fn begin(folder: Folder) -> Result<Self, FileError> {
        folder.rename(LOG, PREVIOUS)?;
        Ok(Self {
            file: folder.empty_file(LOG)?,
            folder,
            size: 0,
        })
    }

    pub(super) fn write(&mut self, at: i64, text: &str) -> Result<(), FileError> {
        let line = format!("{} {text}\n", time_in_millis(at));
        if self.size > LARGEST {
            *self = Self::begin(self.folder.clone())?;
        }
        self.size += line.len() as u64;
        let written = self.file.write_all(line.as_bytes());
        written.map_err(|error| FileError::new("write", &self.folder.path().join(LOG), error))
    }
}

/// A log to read, starting with the oldest line.
pub(crate) struct Tail {
    folder: Folder,
    agent: String,
    file: Option<File>,
    /// True once the previous file has been read.
    is_current: bool,
    position: u64,
    /// The beginning of an incomplete line.
    pending: Vec<u8>,
}

impl Tail {
    pub(crate) fn new(folder: Folder, agent: String) -> Self {
        Self {
            folder,
            agent,
            file: None,
            is_current: false,
            position: 0,
            pending: Vec::new(),
        }
    }

    /// Returns whether the agent has ever run under `dev`.
    pub(crate) fn exists(&self) -> Result<bool, FileError> {
        self.folder.holds(LOG)
    }

    /// Returns the lines added since the last call.
    pub(crate) fn more(&mut self) -> Result<Vec<LogEvent>, FileError> {
        let mut events = Vec::new();
        loop {
            if self.file.is_none() && !self.open()? {
                return Ok(events);
            }
            while self.read(&mut events)? {}
            if self.is_current && self.is_still_current()? {
                return Ok(events);
            }
            // Written to the old file before it was replaced.
            while self.read(&mut events)? {}
            self.file = None;
            self.is_current = true;
        }
    }

    fn open(&mut self) -> Result<bool, FileError> {
        if !self.is_current {
            self.file = self.folder.open_file(PREVIOUS)?;
            self.is_current = self.file.is_none();
        }
        if self.is_current {
            self.file = self.folder.open_file(LOG)?;
        }
        self.position = 0;
        self.pending.clear();
        Ok(self.file.is_some())
    }

    /// Reads a piece. Returns whether there may be more.
    fn read(&mut self, events: &mut Vec<LogEvent>) -> Result<bool, FileError> {
        let Some(file) = &mut self.file else {
            return Ok(false);
        };
        let mut bytes = Vec::new();
        let read = file
            .seek(SeekFrom::Start(self.position))
            .and_then(|_| (&*file).take(PIECE).read_to_end(&mut bytes));
        let count =
            read.map_err(|error| FileError::new("read", &self.folder.path().join(LOG), error))?;
        self.position += count as u64;
        self.pending.extend(bytes);
        let Some(end) = self.pending.iter().rposition(|byte| *byte == b'\n') else {
            return Ok(count > 0);
        };
        let rest = self.pending.split_off(end + 1);
        let lines = std::mem::replace(&mut self.pending, rest);
        let lines = String::from_utf8_lossy(&lines);
        events.extend(lines.lines().map(|line| event(line, &self.agent)));
        Ok(count > 0)
    }

    /// Returns whether the open file is the one being written.
    #[cfg(unix)]
    fn is_still_current(&self) -> Result<bool, FileError> {
        let (Some(open), Some(current)) = (&self.file, self.folder.open_file(LOG)?) else {
            return Ok(false);
        };
        Ok(crate::effects::env::is_one_file(open, &current))
    }

    #[cfg(not(unix))]
    fn is_still_current(&self) -> Result<bool, FileError> {
        let Some(current) = self.folder.open_file(LOG)? else {
            return Ok(false);
        };
        Ok(current
            .metadata()
            .is_ok_and(|file| file.len() >= self.position))
    }
}

/// Parses a line of the file. A line without a time was cut off while being written.
fn event(line: &str, agent: &str) -> LogEvent {
    let stamped = line.split_once(' ').and_then(|(time, text)| {
        let at = humantime::parse_rfc3339_weak(time).ok()?;
        let since = at.duration_since(UNIX_EPOCH).ok()?;
        Some((i64::try_from(since.as_millis()).ok()?, text))
    });
    let (timestamp, message) = stamped.unwrap_or((0, line));
    LogEvent {
        id: None,
        stream: agent.to_owned(),
        timestamp,
        ingested: None,
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(dir: &tempfile::TempDir) -> Folder {
        Folder::private(dir.path().to_owned())
    }

    fn texts(events: &[LogEvent]) -> Vec<&str> {
        events.iter().map(|event| event.message.as_str()).collect()
    }

    #[test]
    fn lines_are_read_as_they_were_written_and_followed_into_the_next_file() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = Log::begin(folder(&dir)).unwrap();
        log.write(1_000, "one {\"a\": 1}").unwrap();
        let mut tail = Tail::new(folder(&dir), "seller".to_owned());
        assert!(tail.exists().unwrap());
        let events = tail.more().unwrap();
        assert_eq!(
            (events[0].timestamp, texts(&events)),
            (1_000, vec!["one {\"a\": 1}"])
        );
        assert_eq!(tail.more().unwrap(), []);
        log.write(2_000, "two").unwrap();
        let mut log = Log::begin(folder(&dir)).unwrap();
        log.write(3_000, "three").unwrap();
        assert_eq!(texts(&tail.more().unwrap()), ["two", "three"]);
        let mut late = Tail::new(folder(&dir), "seller".to_owned());
        assert_eq!(
            texts(&late.more().unwrap()),
            ["one {\"a\": 1}", "two", "three"]
        );
    }

    #[test]
    fn a_log_that_is_never_read_stays_within_bounds() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = Log::begin(folder(&dir)).unwrap();
        let line = "x".repeat(1 << 20);
        for _ in 0..40 {
            log.write(0, &line).unwrap();
        }
        let sizes = [LOG, PREVIOUS].map(|name| folder(&dir).read(name).unwrap().unwrap().len());
        let largest = usize::try_from(LARGEST).unwrap() + 2 * line.len();
        assert!(
            sizes.iter().all(|size| *size > 0 && *size < largest),
            "{sizes:?}"
        );
    }

    #[test]
    fn a_line_that_was_cut_off_is_a_line() {
        assert_eq!(event("half", "a").message, "half");
        assert_eq!(event("half a line", "a").message, "half a line");
    }
}
