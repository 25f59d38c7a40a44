//! Uploads an archive, except for the parts that the bucket already has.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{
    How, Store, Uploaded,
    file::Opened,
    send::{Content, SendError, Source},
};
use crate::{
    error::Failure,
    names::RuntimeName,
    package::archive::Archive,
    resources::bucket::{self as plan, Found, Held, Upload},
};

impl Store {
    /// Sends the parts of the archive that `held` lacks. `sent` is called with the size of each
    /// part after it was sent.
    pub(crate) async fn put(
        &self,
        runtime: &RuntimeName,
        archive: &Archive,
        held: &Held,
        sent: &(dyn Fn(u64) + Sync),
    ) -> Result<Uploaded, Failure> {
        let key = plan::archive_key(runtime, archive);
        let total = AtomicU64::new(0);
        let count = |bytes| {
            total.fetch_add(bytes, Ordering::Relaxed);
            sent(bytes);
        };
        let upload = Upload::of(archive, held);
        let file = Opened::open(&archive.path)?;
        check(&file, archive, upload).await?;
        let content = Content {
            file: &file,
            sent: &count,
        };
        let how = match upload {
            Upload::Nothing => How::Present,
            Upload::Whole => {
                self.whole(&key, content, archive).await?;
                How::Whole
            }
            Upload::Rest | Upload::DependenciesAndRest => {
                match self.compose(runtime, &key, content, archive, held).await {
                    Ok(()) => How::Composed,
                    Err(error) => {
                        let why = self.why_whole(runtime, archive, error).await?;
                        check(&file, archive, Upload::Whole).await?;
                        self.whole(&key, content, archive).await?;
                        How::WholeAfter(why)
                    }
                }
            }
        };
        Ok(Uploaded {
            bucket: self.bucket.clone(),
            key,
            sent_bytes: total.load(Ordering::Relaxed),
            how,
        })
    }

    /// Sends an archive of sources whose key names its content.
    pub(crate) async fn put_sources(
        &self,
        key: &str,
        path: &std::path::Path,
        size: u64,
    ) -> Result<(), Failure> {
        let content = Content {
            file: &Opened::open(path)?,
            sent: &|_| {},
        };
        let sent = self.send(key, content, 0..size).await;
        sent.map(|_| ()).map_err(|error| self.failure(key, error))
    }

    async fn whole(
        &self,
        key: &str,
        content: Content<'_>,
        archive: &Archive,
    ) -> Result<(), Failure> {
        self.send(key, content, 0..archive.size)
            .await
            .map_err(|error| self.failure(key, error))?;
        Ok(())
    }

    async fn compose(
        &self,
        runtime: &RuntimeName,
        key: &str,
        content: Content<'_>,
        archive: &Archive,
        held: &Held,
    ) -> Result<(), SendError> {
        let dependencies = &archive.dependencies;
        let source = plan::dependencies_key(runtime, dependencies);
        let etag = match &held.dependencies {
            Some(Found { size, etag }) if *size == dependencies.size => etag.clone(),
            _ => self.send(&source, content, 0..dependencies.size).await?,
        };
        let source = Source {
            key: &source,
            etag: &etag,
            size: dependencies.size,
            md5: dependencies.md5,
        };
        let rest = dependencies.size..archive.size;
        self.in_parts(key, content, Some(&source), rest).await?;
        Ok(())
    }

    /// Returns why the whole archive is sent instead, or the failure if that would not help.
    async fn why_whole(
        &self,
        runtime: &RuntimeName,
        archive: &Archive,
        error: SendError,
    ) -> Result<String, Failure> {
        let source = plan::dependencies_key(runtime, &archive.dependencies);
        match error {
            SendError::NoCopy(error) => Ok(match error.code {
                Some(code) => format!("the store refused the copy ({code}: {})", error.message),
                None => format!("the store refused the copy ({})", error.message),
            }),
            SendError::WrongSource => {
                // Otherwise, the next run would use it again.
                self.discard(&source).await?;
                Ok(format!(
                    "{} had unexpected contents and was deleted",
                    self.shown(&source)
                ))
            }
            SendError::Differs(how) => Ok(format!("what the store made differs: {how}")),
            error => Err(self.failure(&source, error)),
        }
    }
}

/// Checks that the file is still the archive that was described, because a key identifies its
/// bytes. Does not read parts that are not sent.
async fn check(file: &Opened, archive: &Archive, upload: Upload) -> Result<(), Failure> {
    let Archive {
        path,
        size,
        id: _,
        source: _,
        bytecode: _,
        dependencies,
        rest_md5,
    } = archive;
    let reads_dependencies = match upload {
        Upload::Nothing => return Ok(()),
        Upload::Rest => false,
        Upload::DependenciesAndRest | Upload::Whole => true,
    };
    let same = file.md5(dependencies.size..*size).await? == *rest_md5
        && (!reads_dependencies || file.md5(0..dependencies.size).await? == dependencies.md5);
    if same {
        return Ok(());
    }
    Err(Failure::world(format!(
        "`{}` changed after it was packaged",
        path.display()
    ))
    .help("run this again to package it from scratch"))
}
