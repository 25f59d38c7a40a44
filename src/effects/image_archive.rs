//! Reads an image from an archive that another program wrote, into a folder of our own.

use std::{
    fs::File,
    io::{self, Read, Write as _},
    path::Path,
};

use sha2::{Digest as _, Sha256};
use tar::{Archive, EntryType};

use super::{
    files::{self, FileError},
    folder::{Folder, Mode},
};
use crate::{
    error::Failure,
    names::image_uri::is_digest,
    package::image::{
        Image, StoredLayer,
        built::{self, Compression, Document, Parts},
        layer, layout,
    },
    text::hex,
};

/// The folder of blobs in an image's folder, and in an archive.
const BLOBS: &str = "blobs/sha256";
/// How many documents lead to each other at most.
const DEEPEST: usize = 4;
/// A document that is longer is none.
const LONGEST: u64 = 16 * 1024 * 1024;

/// Reads the image for the service into the folder, which is emptied first.
pub(crate) fn unpack(archive: &Path, folder: &Folder) -> Result<Image, Failure> {
    let unusable =
        |why: String| Failure::world("the image that was built cannot be used").note(why);
    folder.remove_whole()?;
    let blobs = folder.join(BLOBS);
    blobs.create()?;
    let failed = |error| FileError::new("read", archive, error);
    #[expect(clippy::disallowed_methods, reason = "the archive is read here")]
    let file = File::open(archive).map_err(failed)?;
    let mut index = None;
    let mut entries = Archive::new(file);
    for entry in entries.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        if entry.header().entry_type() != EntryType::Regular {
            continue;
        }
        let path = entry.path().map_err(failed)?.to_string_lossy().into_owned();
        let path = path.trim_start_matches("./");
        if path == "index.json" {
            let mut bytes = Vec::new();
            entry
                .by_ref()
                .take(LONGEST)
                .read_to_end(&mut bytes)
                .map_err(failed)?;
            index = Some(bytes);
        } else if let Some(name) = path
            .strip_prefix(BLOBS)
            .and_then(|rest| rest.strip_prefix('/'))
        {
            let digest = format!("sha256:{name}");
            if is_digest(&digest) && keep(&mut entry, &blobs)? != digest {
                return Err(unusable(format!(
                    "the content of `{digest}` is another one"
                )));
            }
        }
    }
    let Some(index) = index else {
        return Err(unusable("the archive has no `index.json`".to_owned())
            .help("Docker writes one since version 25: update Docker"));
    };
    let parts = find(index, &blobs)?.map_err(unusable)?;
    let image = together(parts, &blobs)?;
    for (path, content) in layout::files(&image) {
        folder.write_below(&path, &content, Mode::Plain)?;
    }
    let mut needed: Vec<&str> = image
        .stored
        .iter()
        .map(|layer| layer.digest.as_str())
        .collect();
    needed.extend([image.digest(), image.config.digest.as_str()]);
    for name in blobs.names()? {
        if !needed.contains(&format!("sha256:{name}").as_str()) {
            blobs.remove_file(&name)?;
        }
    }
    Ok(image)
}

/// Returns the image in a folder that [`unpack`] filled; `None` if it is not whole.
pub(crate) fn read(folder: &Folder, digest: &str) -> Result<Option<Image>, FileError> {
    let blobs = folder.join(BLOBS);
    let (Some(manifest), true) = (document(&blobs, digest)?, is_digest(digest)) else {
        return Ok(None);
    };
    let Ok(Document::Image(Parts { config, layers: _ })) = Document::parse(&manifest) else {
        return Ok(None);
    };
    let Some(config) = document(&blobs, &config)? else {
        return Ok(None);
    };
    let place = blobs.path();
    Ok(built::read(&manifest, config, |digest, size| {
        let path = place.join(name(digest));
        let is_whole = files::length(&path) == Some(size);
        is_whole.then(|| StoredLayer {
            digest: digest.to_owned(),
            size,
            path,
        })
    }))
}

fn name(digest: &str) -> &str {
    digest.trim_start_matches("sha256:")
}

fn document(blobs: &Folder, digest: &str) -> Result<Option<Vec<u8>>, FileError> {
    blobs.read(name(digest))
}

/// Writes content to the blobs, and returns its digest.
fn keep(content: &mut impl Read, blobs: &Folder) -> Result<String, FileError> {
    const ARRIVING: &str = "arriving";
    let path = blobs.path().join(ARRIVING);
    let failed = |error| FileError::new("write", &path, error);
    let mut file = blobs.empty_file(ARRIVING)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let count = match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed(error)),
        };
        hash.update(&buffer[..count]);
        file.write_all(&buffer[..count]).map_err(failed)?;
    }
    let digits = hex(&hash.finalize());
    blobs.rename(ARRIVING, &digits)?;
    Ok(format!("sha256:{digits}"))
}

/// Follows indexes to the image for the service. Fails with a text if there is none.
fn find(index: Vec<u8>, blobs: &Folder) -> Result<Result<Parts, String>, FileError> {
    let mut bytes = index;
    for _ in 0..DEEPEST {
        match Document::parse(&bytes) {
            Ok(Document::Image(parts)) => return Ok(Ok(parts)),
            Ok(Document::Index(digest)) => match document(blobs, &digest)? {
                Some(next) => bytes = next,
                None => return Ok(Err(format!("the archive lacks `{digest}`"))),
            },
            Err(why) => return Ok(Err(why)),
        }
    }
    Ok(Err("its indexes lead to more indexes".to_owned()))
}

/// Compresses layers that are not, and puts the image together.
fn together(parts: Parts, blobs: &Folder) -> Result<Image, Failure> {
    const ARRIVING: &str = "compressing";
    let lacks = |digest: &str| Failure::world(format!("the image that was built lacks `{digest}`"));
    let config = document(blobs, &parts.config)?.ok_or_else(|| lacks(&parts.config))?;
    let mut layers = Vec::new();
    for (digest, compression) in parts.layers {
        let path = blobs.path().join(name(&digest));
        let file = blobs
            .open_file(name(&digest))?
            .ok_or_else(|| lacks(&digest))?;
        let (digest, size) = match compression {
            Compression::Gzip => {
                let size = files::length(&path).unwrap_or_default();
                (digest, size)
            }
            Compression::None => {
                let failed = |error| FileError::new("compress", &path, error);
                let mut compressed = blobs.empty_file(ARRIVING)?;
                let (_, digest, size) = layer::compress(file, &mut compressed).map_err(failed)?;
                blobs.rename(ARRIVING, name(&digest))?;
                (digest, size)
            }
        };
        let path = blobs.path().join(name(&digest));
        layers.push(StoredLayer { digest, size, path });
    }
    Ok(built::image(config, layers))
}
