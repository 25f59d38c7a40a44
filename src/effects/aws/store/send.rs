//! Uploads ranges of a file as an object, and compares the result with the local file. Leaves
//! nothing wrong behind: a failed upload is aborted, a different object is deleted.

use std::ops::Range;

use aws_smithy_types::base64;
use futures_util::{StreamExt as _, TryStreamExt as _, future, stream};
use md5::{Digest as _, Md5};

use super::{Store, file::Opened, unquoted};
use crate::{
    effects::{
        aws::{
            AwsError, Kind,
            s3_client::{S3Answer, S3Request},
        },
        files::FileError,
    },
    error::Failure,
    protocol::xml::Element,
    resources::bucket as plan,
};

/// How many parts are in memory and in transit at once.
const AT_ONCE: usize = 4;

/// The bytes to send, and a callback for progress.
#[derive(Clone, Copy)]
pub(super) struct Content<'a> {
    pub(super) file: &'a Opened,
    pub(super) sent: &'a (dyn Fn(u64) + Sync),
}

/// An object in the same bucket that becomes the first part.
pub(super) struct Source<'a> {
    pub(super) key: &'a str,
    pub(super) etag: &'a str,
    pub(super) size: u64,
    pub(super) md5: [u8; 16],
}

#[derive(Debug)]
pub(super) enum SendError {
    Aws(AwsError),
    File(FileError),
    /// The store cannot copy; sending everything may work.
    NoCopy(AwsError),
    /// The object to copy has unexpected content.
    WrongSource,
    /// The store has other bytes than were sent.
    Differs(String),
}

impl From<AwsError> for SendError {
    fn from(error: AwsError) -> Self {
        Self::Aws(error)
    }
}

impl From<FileError> for SendError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

/// A part that was uploaded.
struct Part {
    etag: String,
    /// True if the store's ETags are MD5s; those of objects with a KMS key are not.
    plain: bool,
    md5: [u8; 16],
    crc32: Option<String>,
}

impl Store {
    /// Begins a request that is a step of writing an object.
    fn writing<'a>(&'a self, method: &'static str, key: &'a str) -> S3Request<'a> {
        self.s3
            .client
            .request("s3:PutObject", self.shown(key), method, &self.bucket)
            .key(key)
    }

    /// Uploads a range of the file as an object and returns its ETag.
    pub(super) async fn send(
        &self,
        key: &str,
        content: Content<'_>,
        range: Range<u64>,
    ) -> Result<String, SendError> {
        if range.end - range.start < plan::PART {
            self.in_one(key, content, range).await
        } else {
            self.in_parts(key, content, None, range).await
        }
    }

    async fn in_one(
        &self,
        key: &str,
        content: Content<'_>,
        range: Range<u64>,
    ) -> Result<String, SendError> {
        let size = range.end - range.start;
        let bytes = content.file.read(range).await?;
        let md5: [u8; 16] = Md5::digest(&bytes).into();
        let answer = self
            .writing("PUT", key)
            .header("content-type", "application/zip")
            .content(bytes)
            .patient()
            .send()
            .await?;
        (content.sent)(size);
        let etag = unquoted(answer.header("etag"));
        let plain = is_plain(&answer);
        self.verify(key, size, plain.then(|| plan::etag(&md5)), &etag)
            .await?;
        Ok(etag)
    }

    /// Uploads an object made of the source, if any, and a range of the file. Returns its ETag.
    pub(super) async fn in_parts(
        &self,
        key: &str,
        content: Content<'_>,
        source: Option<&Source<'_>>,
        range: Range<u64>,
    ) -> Result<String, SendError> {
        let size = source.map_or(0, |source| source.size) + range.end - range.start;
        let id = self.begin(key).await?;
        let made = async {
            let parts = self.parts(key, &id, content, source, range).await?;
            let whole = checksum(content.file, source, &parts).await?;
            let etag = self.complete(key, &id, &parts, size, whole).await?;
            Ok((etag, parts))
        };
        let (etag, parts) = match made.await {
            Ok(made) => made,
            Err(error) => {
                self.abort(key, &id).await;
                return Err(error);
            }
        };
        let md5s: Vec<[u8; 16]> = parts.iter().map(|part| part.md5).collect();
        let plain = parts.iter().all(|part| part.plain);
        let expected = plain.then(|| plan::etag_of_parts(&md5s));
        self.verify(key, size, expected, &etag).await?;
        Ok(etag)
    }

    async fn begin(&self, key: &str) -> Result<String, AwsError> {
        let (begun, _) = self
            .writing("POST", key)
            .aspect("uploads")
            .header("content-type", "application/zip")
            // The only checksum that every store supports for both parts and whole objects.
            .header("x-amz-checksum-algorithm", "CRC32")
            .header("x-amz-checksum-type", FULL_OBJECT)
            .send_for_document()
            .await?;
        Ok(begun.text("UploadId").unwrap_or_default().to_owned())
    }

    /// Returns all parts in order. The copy runs in parallel with the uploads.
    async fn parts(
        &self,
        key: &str,
        id: &str,
        content: Content<'_>,
        source: Option<&Source<'_>>,
        range: Range<u64>,
    ) -> Result<Vec<Part>, SendError> {
        let copied = async {
            match source {
                Some(source) => self.copy(key, id, source).await.map(Some),
                None => Ok(None),
            }
        };
        let first = if source.is_some() { 2 } else { 1 };
        let sent = stream::iter((first..).zip(plan::parts(&range)))
            .map(|(number, range)| self.part(key, id, number, content, range))
            .buffered(AT_ONCE)
            .try_collect::<Vec<Part>>();
        let (copied, sent) = future::try_join(copied, sent).await?;
        Ok(copied.into_iter().chain(sent).collect())
    }

    async fn part(
        &self,
        key: &str,
        id: &str,
        number: i32,
        content: Content<'_>,
        range: Range<u64>,
    ) -> Result<Part, SendError> {
        let size = range.end - range.start;
        let bytes = content.file.read(range).await?;
        let md5: [u8; 16] = Md5::digest(&bytes).into();
        let answer = self
            .writing("PUT", key)
            .query("partNumber", &number.to_string())
            .query("uploadId", id)
            .content(bytes)
            .patient()
            .send()
            .await?;
        (content.sent)(size);
        let part = Part {
            etag: unquoted(answer.header("etag")),
            plain: is_plain(&answer),
            md5,
            crc32: answer.header("x-amz-checksum-crc32").map(str::to_owned),
        };
        if part.plain && part.etag != plan::etag(&md5) {
            return Err(SendError::Differs(format!(
                "part {number} has the ETag `{}` instead of `{}`",
                part.etag,
                plan::etag(&md5)
            )));
        }
        Ok(part)
    }

    /// Copies the source as part 1. Fails if the source has changed since it was checked.
    async fn copy(&self, key: &str, id: &str, source: &Source<'_>) -> Result<Part, SendError> {
        let last = source.size.saturating_sub(1);
        let (copied, answer) = self
            .writing("PUT", key)
            .query("partNumber", "1")
            .query("uploadId", id)
            .header(
                "x-amz-copy-source",
                &format!("{}/{}", self.bucket, source.key),
            )
            .header("x-amz-copy-source-range", &format!("bytes=0-{last}"))
            .header(
                "x-amz-copy-source-if-match",
                &format!("\"{}\"", source.etag),
            )
            .header("x-amz-source-expected-bucket-owner", &self.s3.client.owner)
            .patient()
            .send_for_document()
            .await
            .map_err(|error| match error.kind {
                Kind::Denied | Kind::Expired | Kind::NoCredentials | Kind::Connection => {
                    SendError::Aws(error)
                }
                _ => SendError::NoCopy(error),
            })?;
        let plain = is_plain(&answer);
        let etag = unquoted(copied.text("ETag"));
        if plain && etag != plan::etag(&source.md5) {
            return Err(SendError::WrongSource);
        }
        Ok(Part {
            etag,
            plain,
            md5: source.md5,
            crc32: copied.text("ChecksumCRC32").map(str::to_owned),
        })
    }

    async fn complete(
        &self,
        key: &str,
        id: &str,
        parts: &[Part],
        size: u64,
        whole: Option<String>,
    ) -> Result<String, SendError> {
        // The store requires checksums for all parts or for none.
        let with_checksums = parts.iter().all(|part| part.crc32.is_some());
        let completed = (1_u32..).zip(parts).map(|(number, part)| {
            let element = Element::new("Part");
            let element = match &part.crc32 {
                Some(crc32) if with_checksums => element.with_text("ChecksumCRC32", crc32),
                _ => element,
            };
            element
                .with_text("ETag", format!("\"{}\"", part.etag))
                .with_text("PartNumber", number.to_string())
        });
        let answer = self
            .writing("POST", key)
            .query("uploadId", id)
            .maybe_header(
                "x-amz-checksum-type",
                whole.is_some().then_some(FULL_OBJECT),
            )
            .maybe_header("x-amz-checksum-crc32", whole.as_deref())
            .header("x-amz-mp-object-size", &size.to_string())
            .document_for_object(&Element::new("CompleteMultipartUpload").with_all(completed))
            .patient()
            .send_for_document()
            .await;
        match answer {
            Ok((made, _)) => {
                let has = made.text("ChecksumCRC32");
                if let (Some(whole), Some(has)) = (&whole, has)
                    && whole != has
                {
                    self.discard(key).await?;
                    return Err(SendError::Differs(format!(
                        "it has the checksum `{has}` instead of `{whole}`"
                    )));
                }
                Ok(unquoted(made.text("ETag")))
            }
            Err(error) => {
                // The answer to a first attempt may have been lost; its object is compared next.
                match self.find(key).await {
                    Ok(Some(found)) if error.is_not_found() => Ok(found.etag),
                    _ if error.code.as_deref() == Some("BadDigest") => {
                        Err(SendError::Differs(error.message))
                    }
                    _ => Err(error.into()),
                }
            }
        }
    }

    /// Aborts an upload. If that fails, the bucket's lifecycle rule does it later.
    async fn abort(&self, key: &str, id: &str) {
        let _ = self
            .writing("DELETE", key)
            .query("uploadId", id)
            .send()
            .await;
    }

    /// Compares the object with what was sent, and deletes it if it differs.
    async fn verify(
        &self,
        key: &str,
        size: u64,
        expected: Option<String>,
        etag: &str,
    ) -> Result<(), SendError> {
        let differs = match (expected, self.find(key).await?) {
            (_, None) => "it does not exist".to_owned(),
            (_, Some(found)) if found.size != size => {
                format!("it has {} bytes instead of {size}", found.size)
            }
            (Some(expected), _) if expected != etag => {
                format!("it has the ETag `{etag}` instead of `{expected}`")
            }
            _ => return Ok(()),
        };
        self.discard(key).await?;
        Err(SendError::Differs(differs))
    }

    /// Deletes an object that must not be used.
    pub(super) async fn discard(&self, key: &str) -> Result<(), AwsError> {
        self.s3
            .client
            .request("s3:DeleteObject", self.shown(key), "DELETE", &self.bucket)
            .key(key)
            .send()
            .await?;
        Ok(())
    }

    pub(super) fn failure(&self, key: &str, error: SendError) -> Failure {
        match error {
            SendError::Aws(error) | SendError::NoCopy(error) => error.into(),
            SendError::File(error) => error.into(),
            SendError::WrongSource => {
                Failure::world(format!("{} has unexpected contents", self.shown(key)))
            }
            SendError::Differs(how) => Failure::world(format!(
                "{} is not what was sent: {how}",
                self.shown(key)
            ))
            .note("it was deleted again")
            .help("run this again; if it happens again, something between here and S3 changes the bytes"),
        }
    }
}

/// Returns the checksum of the whole file if the store has checksums for copies too. Also compares
/// the copy's own checksum.
async fn checksum(
    file: &Opened,
    source: Option<&Source<'_>>,
    parts: &[Part],
) -> Result<Option<String>, SendError> {
    let (Some(source), Some(copied)) = (source, parts.first().and_then(|p| p.crc32.as_ref()))
    else {
        return Ok(None);
    };
    let (beginning, whole) = file.checksums(source.size).await?;
    if *copied != base64::encode(beginning.to_be_bytes()) {
        return Err(SendError::WrongSource);
    }
    Ok(Some(base64::encode(whole.to_be_bytes())))
}

const FULL_OBJECT: &str = "FULL_OBJECT";

fn is_plain(answer: &S3Answer) -> bool {
    let encryption = answer.header("x-amz-server-side-encryption");
    matches!(encryption, None | Some("AES256"))
}
