//! A file that is written from its beginning to its end and hashed on the way.

use std::{
    fs::File,
    io::{self, BufWriter, Seek, SeekFrom, Write},
};

use md5::Md5;
use sha2::{Digest as _, Sha256};

use super::dependencies::hexadecimal;

/// Takes bytes in their final order only: who would go back is refused.
pub(super) struct Sink {
    file: BufWriter<File>,
    length: u64,
    sha256: Sha256,
    md5: Md5,
}

impl Sink {
    /// `file` is empty.
    pub(super) fn new(file: File) -> Self {
        Self {
            file: BufWriter::with_capacity(1 << 20, file),
            length: 0,
            sha256: Sha256::new(),
            md5: Md5::new(),
        }
    }

    /// Length and hashes of what was written so far.
    pub(super) fn so_far(&self) -> (u64, String, [u8; 16]) {
        (
            self.length,
            hexadecimal(&self.sha256.clone().finalize()),
            self.md5.clone().finalize().into(),
        )
    }

    /// Brings everything to the disk; returns the length.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        Ok(self.length)
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.sha256.update(&bytes[..count]);
        self.md5.update(&bytes[..count]);
        self.length += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Sink {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match to {
            SeekFrom::Current(0) | SeekFrom::End(0) => Ok(self.length),
            SeekFrom::Start(at) if at == self.length => Ok(at),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests read what was written")]
mod tests {
    use std::fs;

    use zip::{ZipArchive, ZipWriter};

    use super::{
        super::{
            dependencies::hash_range,
            writer::{self, Input},
        },
        *,
    };

    #[test]
    fn the_hashes_are_those_of_the_file_up_to_its_directory() {
        let home = tempfile::tempdir().expect("a directory");
        let inputs: Vec<Input> = (0..300)
            .map(|at| Input {
                path: format!("{at:03}.txt"),
                from: home.path().to_owned(),
                size: 0,
                executable: at % 2 == 0,
                instead: Some(format!("{at}").repeat(at * 40).into_bytes()),
            })
            .collect();
        let path = home.path().join("a.zip");
        let mut zip = ZipWriter::new(Sink::new(File::create(&path).expect("a file")));
        writer::append(&mut zip, &path, &inputs).expect("it is written");
        let (head, sha256, md5) = zip.get_ref().expect("it is open").so_far();
        let size = zip.finish().expect("a directory").finish().expect("a file");
        assert_eq!(size, fs::metadata(&path).expect("a file").len());
        let found = hash_range(&path, 0, head, Sha256::new()).expect("it is read");
        assert_eq!((sha256, md5), found);
        let archive = ZipArchive::new(File::open(&path).expect("a file")).expect("a zip");
        assert_eq!(archive.central_directory_start(), head);
        assert_eq!(archive.len(), inputs.len());
    }

    #[test]
    fn nobody_goes_back() {
        let file = tempfile::tempfile().expect("a file");
        let mut sink = Sink::new(file);
        sink.write_all(b"abc").expect("room");
        assert_eq!(sink.stream_position().expect("a place"), 3);
        assert!(sink.seek(SeekFrom::Start(1)).is_err());
    }
}
