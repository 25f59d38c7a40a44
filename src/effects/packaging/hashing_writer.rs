//! A file that is written sequentially and hashed on the way.

use std::{
    fs::File,
    io::{self, BufWriter, Cursor, Read, Seek, SeekFrom, Write},
};

use md5::Md5;
use sha2::{Digest as _, Sha256};

use crate::text::hex;

/// Accepts bytes only in their final order: seeking back to write is refused.
pub(crate) struct Sink {
    file: BufWriter<File>,
    start: u64,
    /// The bytes that reads return from `start` on, until something is written there.
    directory: Cursor<Vec<u8>>,
    /// The position of the next read or write.
    at: u64,
    length: u64,
    sha256: Sha256,
    md5: Md5,
}

/// The written part, from the sink's start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extent {
    /// The file's length in bytes.
    pub(crate) length: u64,
    pub(crate) sha256: String,
    pub(crate) md5: [u8; 16],
}

impl Sink {
    /// `file` must be empty.
    pub(crate) fn new(file: File) -> Self {
        Self::after(file, 0, Vec::new())
    }

    /// Continues `file`, which ends at `start`, is positioned there, and is readable. Until
    /// something is written, an archive's `directory` follows and can be read.
    pub(crate) fn after(file: File, start: u64, directory: Vec<u8>) -> Self {
        Self {
            file: BufWriter::with_capacity(1 << 20, file),
            start,
            directory: Cursor::new(directory),
            at: start,
            length: start,
            sha256: Sha256::new(),
            md5: Md5::new(),
        }
    }

    pub(crate) fn so_far(&self) -> Extent {
        Extent {
            length: self.length,
            sha256: hex(&self.sha256.clone().finalize()),
            md5: self.md5.clone().finalize().into(),
        }
    }

    /// Flushes and returns the file.
    pub(crate) fn finish(self) -> io::Result<File> {
        Ok(self.file.into_inner()?)
    }

    /// Reads before the start, because the search for the directory reads whole blocks from the
    /// end.
    fn read_before_start(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let file = self.file.get_mut();
        file.seek(SeekFrom::Start(self.at))?;
        let count = file.take(self.start - self.at).read(buffer);
        file.seek(SeekFrom::Start(self.start))?;
        count
    }

    fn end(&self) -> u64 {
        if self.length > self.start {
            return self.length;
        }
        self.start + self.directory.get_ref().len() as u64
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.at != self.length {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let count = self.file.write(bytes)?;
        self.sha256.update(&bytes[..count]);
        self.md5.update(&bytes[..count]);
        self.length += count as u64;
        self.at = self.length;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Read for Sink {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.length > self.start {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let count = if let Some(from) = self.at.checked_sub(self.start) {
            self.directory.set_position(from);
            self.directory.read(buffer)?
        } else {
            self.read_before_start(buffer)?
        };
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Sink {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (base, offset) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::Current(offset) => (self.at, offset),
            SeekFrom::End(offset) => (self.end(), offset),
        };
        let at = base.checked_add_signed(offset);
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests read what was written")]
mod tests {
    use std::fs;

    use zip::{ZipArchive, ZipWriter};

    use super::{
        super::writer::{self, Input, Whose},
        *,
    };
    use crate::effects::files;

    #[test]
    fn the_hashes_are_those_of_the_file_up_to_its_directory() {
        let home = tempfile::tempdir().expect("a directory");
        let inputs: Vec<Input> = (0..300)
            .map(|at| Input {
                path: format!("{at:03}.txt"),
                from: home.path().to_owned(),
                size: 0,
                instead: Some(format!("{at}").repeat(at * 40).into_bytes()),
            })
            .collect();
        let path = home.path().join("a.zip");
        let mut zip = ZipWriter::new(Sink::new(File::create(&path).expect("a file")));
        writer::append(&mut zip, &path, &inputs, Whose::Agents).expect("it is written");
        let head = zip.get_ref().expect("it is open").so_far();
        let sink = zip.finish().expect("a directory");
        let size = sink.so_far().length;
        sink.finish().expect("a file");
        assert_eq!(size, fs::metadata(&path).expect("a file").len());
        let found = files::hash_part(&path, 0, head.length).expect("it is read");
        assert_eq!(head.sha256, found);
        let bytes = fs::read(&path).expect("it is read");
        let end = usize::try_from(head.length).expect("a small file");
        assert_eq!(head.md5, <[u8; 16]>::from(Md5::digest(&bytes[..end])));
        let archive = ZipArchive::new(File::open(&path).expect("a file")).expect("a zip");
        assert_eq!(archive.central_directory_start(), head.length);
        assert_eq!(archive.len(), inputs.len());
    }

    /// The directory of a few files is shorter than the blocks in which it is searched.
    #[test]
    fn an_archive_of_one_file_goes_on() {
        let home = tempfile::tempdir().expect("a directory");
        let input = |name: &str| Input {
            path: name.to_owned(),
            from: home.path().to_owned(),
            size: 0,
            instead: Some(b"x".repeat(5000)),
        };
        let path = home.path().join("a.zip");
        let mut zip = ZipWriter::new(Sink::new(File::create(&path).expect("a file")));
        writer::append(&mut zip, &path, &[input("one")], Whose::Agents).expect("it is written");
        let head = zip.get_ref().expect("it is open").so_far().length;
        let sink = zip.finish().expect("a directory");
        sink.finish().expect("a file");
        let directory = fs::read(&path)
            .expect("a file")
            .split_off(usize::try_from(head).expect("a small file"));

        let mut options = File::options();
        options.read(true).write(true);
        let mut file = options.open(&path).expect("a file");
        file.set_len(head).expect("it is cut off");
        file.seek(SeekFrom::End(0)).expect("a place");
        let sink = Sink::after(file, head, directory);
        let mut zip = ZipWriter::new_append(sink).expect("its directory is read");
        writer::append(&mut zip, &path, &[input("two")], Whose::Agents).expect("it is written");
        zip.finish().expect("a directory").finish().expect("a file");
        let mut archive = ZipArchive::new(File::open(&path).expect("a file")).expect("a zip");
        for name in ["one", "two"] {
            let mut content = Vec::new();
            let mut found = archive.by_name(name).expect(name);
            found.read_to_end(&mut content).expect("whole");
            assert_eq!(content, b"x".repeat(5000));
        }
    }

    #[test]
    fn nobody_goes_back() {
        let file = tempfile::tempfile().expect("a file");
        let mut sink = Sink::new(file);
        sink.write_all(b"abc").expect("room");
        assert_eq!(sink.stream_position().expect("a place"), 3);
        sink.seek(SeekFrom::Start(1)).expect("a place");
        assert!(sink.write(b"x").is_err());
        sink.seek(SeekFrom::End(0)).expect("a place");
        sink.write_all(b"d").expect("room");
        assert_eq!(sink.so_far().length, 4);
    }
}
