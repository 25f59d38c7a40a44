//! Scans a text of any size once, with limited memory, and returns the positions of secrets.

use std::{
    io::{self, Read},
    sync::LazyLock,
};

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input};

use super::{
    patterns::{anchors, secret_at},
    url, written_out,
};

/// A secret's kind and position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) what: &'static str,
    /// Counted from 1.
    pub(crate) line: usize,
}

/// How to scan a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scan {
    /// How many findings are sufficient.
    pub(crate) enough: usize,
    /// True if a key's first line alone makes the file a key.
    pub(crate) is_key_file: bool,
}

/// How many bytes of surrounding text are available.
const AROUND: usize = 4096;
const CHUNK: usize = 256 * 1024;
/// How many bytes are checked for NUL, as in git, to recognize binary files.
const BEGINNING: usize = 8000;

/// What an anchor indicates.
enum Lead {
    /// A pattern, by its index.
    Pattern(usize),
    Armor,
    Url,
    JsonWebKey,
}

struct Anchors {
    search: AhoCorasick,
    leads: Vec<Lead>,
}

static ANCHORS: LazyLock<Anchors> = LazyLock::new(|| {
    let special = [
        (written_out::ARMOR, Lead::Armor),
        (url::AFTER_SCHEME, Lead::Url),
        ("kty", Lead::JsonWebKey),
    ];
    let patterns = anchors().map(|(anchor, pattern)| (anchor, Lead::Pattern(pattern)));
    let (words, leads): (Vec<_>, Vec<_>) = patterns.chain(special).unzip();
    let search = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::DFA))
        .build(words)
        .expect("the anchors are few");
    Anchors { search, leads }
});

/// Returns the secrets in a text in order, at most one per line. Binary files have none.
pub(crate) fn find(mut reader: impl Read, scan: Scan) -> io::Result<Vec<Finding>> {
    let mut text = Text::begin(&mut reader)?;
    let mut found: Vec<Finding> = Vec::new();
    if text.encoding == Encoding::Binary {
        return Ok(found);
    }
    let is_key_file = scan.is_key_file || written_out::begins_with_armor(&text.known);
    loop {
        let judged = if text.is_whole {
            text.known.len()
        } else {
            text.known.len().saturating_sub(AROUND)
        };
        let input = Input::new(&text.known).range(text.judged.min(judged)..);
        for hit in ANCHORS.search.find_overlapping_iter(input) {
            let at = hit.start();
            if at >= judged {
                continue;
            }
            let known = &text.known;
            let what = match ANCHORS.leads[hit.pattern().as_usize()] {
                Lead::Pattern(pattern) => secret_at(pattern, known, at),
                Lead::Armor => written_out::private_key(known, at, is_key_file),
                Lead::Url => url::has_login(known, at).then_some("a password or token in a URL"),
                Lead::JsonWebKey => written_out::json_web_key(known, at),
            };
            let Some(what) = what else { continue };
            let line = text.line(at);
            if found.iter().all(|finding| finding.line != line) {
                found.push(Finding { what, line });
            }
            if found.len() >= scan.enough {
                return Ok(found);
            }
        }
        if text.is_whole {
            return Ok(found);
        }
        text.judged = judged;
        text.forget();
        text.read(&mut reader)?;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    /// Or any other encoding that contains ASCII.
    Utf8,
    Utf16 {
        big_endian: bool,
    },
    Binary,
}

impl Encoding {
    /// Returns the encoding and the length of its byte order mark.
    fn of(beginning: &[u8]) -> (Self, usize) {
        let utf16 = |big_endian| Self::Utf16 { big_endian };
        match beginning {
            [0xFF, 0xFE, ..] => return (utf16(false), 2),
            [0xFE, 0xFF, ..] => return (utf16(true), 2),
            [0xEF, 0xBB, 0xBF, ..] => return (Self::Utf8, 3),
            _ => {}
        }
        let pairs = || beginning.as_chunks::<2>().0.iter().take(16);
        let is_text = |byte: u8| byte != 0 && byte.is_ascii();
        if pairs().len() == 16 && pairs().all(|[low, high]| is_text(*low) && *high == 0) {
            return (utf16(false), 0);
        }
        if pairs().len() == 16 && pairs().all(|[high, low]| is_text(*low) && *high == 0) {
            return (utf16(true), 0);
        }
        let beginning = &beginning[..beginning.len().min(BEGINNING)];
        if memchr::memchr(0, beginning).is_some() {
            (Self::Binary, 0)
        } else {
            (Self::Utf8, 0)
        }
    }
}

/// A part of a text, with the text around it.
struct Text {
    encoding: Encoding,
    known: Vec<u8>,
    /// How much of `known` was scanned.
    judged: usize,
    /// The number of line ends before `known`.
    lines: usize,
    /// True if this is the last part.
    is_whole: bool,
    raw: Vec<u8>,
}

impl Text {
    fn begin(reader: &mut impl Read) -> io::Result<Self> {
        let mut text = Self {
            encoding: Encoding::Utf8,
            known: Vec::new(),
            judged: 0,
            lines: 0,
            is_whole: false,
            raw: Vec::new(),
        };
        text.fill(reader)?;
        let (encoding, mark) = Encoding::of(&text.raw);
        text.encoding = encoding;
        text.raw.drain(..mark);
        text.decode();
        Ok(text)
    }

    fn read(&mut self, reader: &mut impl Read) -> io::Result<()> {
        self.fill(reader)?;
        self.decode();
        Ok(())
    }

    fn fill(&mut self, reader: &mut impl Read) -> io::Result<()> {
        let wanted = CHUNK - self.raw.len();
        let read = reader.take(wanted as u64).read_to_end(&mut self.raw)?;
        self.is_whole = read < wanted;
        Ok(())
    }

    fn decode(&mut self) {
        match self.encoding {
            Encoding::Utf8 => self.known.append(&mut self.raw),
            Encoding::Utf16 { big_endian } => {
                let (units, rest) = self.raw.as_chunks::<2>();
                self.known.extend(units.iter().map(|unit| {
                    let unit = if big_endian {
                        u16::from_be_bytes(*unit)
                    } else {
                        u16::from_le_bytes(*unit)
                    };
                    // Secrets are ASCII; other characters are replaced to keep the positions.
                    u8::try_from(unit).unwrap_or(b'?')
                }));
                self.raw = rest.to_vec();
            }
            Encoding::Binary => {}
        }
    }

    fn forget(&mut self) {
        let gone = self.judged.saturating_sub(AROUND);
        self.lines += memchr::memchr_iter(b'\n', &self.known[..gone]).count();
        self.known.drain(..gone);
        self.judged -= gone;
    }

    fn line(&self, at: usize) -> usize {
        self.lines + memchr::memchr_iter(b'\n', &self.known[..at]).count() + 1
    }
}
