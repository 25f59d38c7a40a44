//! Caches results of starting programs in the user's cache, so that an unchanged run starts none.
//!
//! An answer is valid as long as the environment and the files that it names are unchanged. Missing
//! programs may appear without such a change, so those answers are only valid for minutes.
#![expect(clippy::disallowed_methods, reason = "the memory is kept here")]

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Reuse, tool_lookup::stamp};
use crate::effects::{
    cache, clock,
    files::{self, TEMPORARY},
    folder::Folder,
};

/// The number of answers to keep; the oldest ones beyond it are deleted.
const ANSWERS: usize = 64;
/// How long a missing program is cached, in seconds.
const ABSENCE: i64 = 10 * 60;

/// How long an answer is valid if nothing that it depends on changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    Always,
    /// For missing programs, or if it depends on more than is checked.
    Minutes,
}

/// Answers for the same environment.
pub(crate) struct Memory {
    home: Option<PathBuf>,
    surroundings: String,
    reuse: Reuse,
    /// Seconds since 1970.
    now: i64,
}

#[derive(Serialize, Deserialize)]
struct Remembered<T> {
    until: Option<i64>,
    /// Files that must be unchanged, with their state.
    files: Vec<(PathBuf, String)>,
    answer: T,
}

/// Opens the cache. Without a place for it, every run searches again.
pub(crate) fn open(surroundings: String, reuse: Reuse) -> Memory {
    let home = cache::directory().ok();
    Memory {
        home: home.map(|home| home.join("programs")),
        surroundings,
        reuse,
        now: clock::seconds(),
    }
}

impl Memory {
    pub(crate) fn recall<T: DeserializeOwned>(&self, question: &str) -> Option<T> {
        if self.reuse == Reuse::Nothing {
            return None;
        }
        let text = files::read_text(&self.place(question)?).ok()??;
        let remembered: Remembered<T> = serde_json::from_str(&text).ok()?;
        // Setting the clock back does not extend an answer.
        let in_time = remembered
            .until
            .is_none_or(|until| (self.now..=self.now + ABSENCE).contains(&until));
        let mut unchanged = remembered
            .files
            .iter()
            .map(|(path, before)| stamp(path).as_ref() == Some(before));
        (in_time && unchanged.all(|same| same)).then_some(remembered.answer)
    }

    /// Saves an answer. A failure is ignored.
    pub(crate) fn keep<T: Serialize>(
        &self,
        question: &str,
        answer: &T,
        holds: Holds,
        files: &[&Path],
    ) {
        let files = files
            .iter()
            .map(|file| Some((file.to_path_buf(), stamp(file)?)));
        let (Some(place), Some(files)) = (self.place(question), files.collect()) else {
            return;
        };
        let remembered = Remembered {
            until: (holds == Holds::Minutes).then_some(self.now + ABSENCE),
            files,
            answer,
        };
        let (Some(home), Ok(text)) = (&self.home, serde_json::to_string(&remembered)) else {
            return;
        };
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let kept = Folder::private(home.clone());
        if cache::create(home).is_ok() && kept.write(&name, text.as_bytes()).is_ok() {
            forget_the_oldest(home);
        }
    }

    fn place(&self, question: &str) -> Option<PathBuf> {
        let version = env!("CARGO_PKG_VERSION");
        let key = files::hash(format!("{version}\n{question}\n{}", self.surroundings).as_bytes());
        Some(self.home.as_ref()?.join(format!("{}.json", &key[..32])))
    }
}

fn forget_the_oldest(home: &Path) {
    let mut found: Vec<(SystemTime, PathBuf)> = fs::read_dir(home)
        .into_iter()
        .flatten()
        .flatten()
        // A temporary file of another run.
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with(TEMPORARY))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    for (_, path) in found.iter().skip(ANSWERS) {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Desk(tempfile::TempDir);

    impl Desk {
        fn new() -> Self {
            Self(tempfile::tempdir().expect("a directory"))
        }

        fn at(&self, now: i64) -> Memory {
            Memory {
                home: Some(self.0.path().join("programs")),
                surroundings: "here".to_owned(),
                reuse: Reuse::Cache,
                now,
            }
        }

        fn file(&self, content: &str) -> PathBuf {
            let path = self.0.path().join("python");
            fs::write(&path, content).expect("a file");
            path
        }
    }

    #[test]
    fn an_answer_holds_while_its_files_and_surroundings_are_the_same() {
        let desk = Desk::new();
        let file = desk.file("one");
        let memory = desk.at(1000);
        memory.keep("which", &"3.13.0", Holds::Always, &[&file]);
        let recalled = |memory: &Memory| memory.recall::<String>("which");
        assert_eq!(recalled(&desk.at(9_999_999)).as_deref(), Some("3.13.0"));
        assert_eq!(memory.recall::<String>("other"), None);
        let elsewhere = Memory {
            surroundings: "there".to_owned(),
            ..desk.at(1000)
        };
        assert_eq!(recalled(&elsewhere), None);
        let anew = Memory {
            reuse: Reuse::Nothing,
            ..desk.at(1000)
        };
        assert_eq!(recalled(&anew), None);
        desk.file("another");
        assert_eq!(recalled(&memory), None);
        fs::remove_file(&file).expect("it is there");
        assert_eq!(recalled(&memory), None);
    }

    #[test]
    fn an_absence_is_believed_for_minutes_and_no_clock_makes_it_longer() {
        let desk = Desk::new();
        desk.at(1000).keep("which", &(), Holds::Minutes, &[]);
        let recalled = |now| desk.at(now).recall::<()>("which");
        assert_eq!(recalled(1000 + ABSENCE), Some(()));
        assert_eq!(recalled(1001 + ABSENCE), None);
        assert_eq!(recalled(999), None);
    }

    #[test]
    fn the_memory_is_bounded_and_damage_is_forgetting() {
        let desk = Desk::new();
        let memory = desk.at(1000);
        for question in 0..ANSWERS + 3 {
            memory.keep(&question.to_string(), &question, Holds::Always, &[]);
        }
        let home = desk.0.path().join("programs");
        assert_eq!(fs::read_dir(&home).expect("it is there").count(), ANSWERS);
        let last = (ANSWERS + 2).to_string();
        assert_eq!(memory.recall(&last), Some(ANSWERS + 2));
        fs::write(memory.place(&last).expect("a place"), "{").expect("a file");
        assert_eq!(memory.recall::<usize>(&last), None);
    }

    #[test]
    fn without_a_place_nothing_is_remembered() {
        let memory = Memory {
            home: None,
            ..Desk::new().at(1000)
        };
        memory.keep("which", &(), Holds::Always, &[]);
        assert_eq!(memory.recall::<()>("which"), None);
    }
}
