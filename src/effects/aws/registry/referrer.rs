//! Attaches a document to an image ("OCI distribution": referrers). A registry without an index of
//! referrers gets one under a tag.

use serde_json::{Value, json};

use super::{AwsError, Registry, Sent, Way, exchange::Answer, part::Part};
use crate::package::image::{Blob, Image, MANIFEST};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The configuration of a manifest that is not an image.
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const OPERATION: &str = "ecr:PutImage";

impl Registry {
    /// Attaches a document of this media type to an image that was pushed.
    pub(crate) async fn attach(
        &self,
        image: &Image,
        (media_type, document): (&str, &[u8]),
    ) -> Result<(), AwsError> {
        if self.way == Way::Parts {
            // ECR's own operations know no referrers.
            return Ok(());
        }
        let (empty, document) = (Blob::new(*b"{}"), Blob::new(document));
        for blob in [&empty, &document] {
            self.push_part(&Part::from(blob), &Sent::default()).await?;
        }
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": media_type,
            "config": { "mediaType": EMPTY, "digest": empty.digest, "size": empty.size() },
            "layers": [{
                "mediaType": media_type, "digest": document.digest, "size": document.size(),
            }],
            "subject": {
                "mediaType": MANIFEST,
                "digest": image.digest(),
                "size": image.manifest.size(),
            },
        });
        let manifest = Blob::new(manifest.to_string().into_bytes());
        let stored = self.put(&manifest.digest, MANIFEST, &manifest).await?;
        if stored.subject.is_some() {
            return Ok(());
        }
        self.list(image, &manifest, media_type).await
    }

    /// Adds a document to the image's list of documents, which has the image's digest as its tag.
    async fn list(&self, image: &Image, manifest: &Blob, media_type: &str) -> Result<(), AwsError> {
        let tag = image.digest().replace(':', "-");
        let url = self.place.manifest(&tag);
        let asked = ("ecr:BatchGetImage", self.shown());
        let there = self
            .ask(asked, ("GET", &url), &[("accept", INDEX)], None)
            .await?;
        let there: Value = serde_json::from_slice(&there.body).unwrap_or_default();
        let mut listed = there["manifests"].as_array().cloned().unwrap_or_default();
        if listed.iter().any(|one| one["digest"] == manifest.digest) {
            return Ok(());
        }
        listed.push(json!({
            "mediaType": MANIFEST,
            "artifactType": media_type,
            "digest": manifest.digest,
            "size": manifest.size(),
        }));
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": listed });
        let index = Blob::new(index.to_string().into_bytes());
        self.put(&tag, INDEX, &index).await.map(|_| ())
    }

    async fn put(&self, name: &str, media_type: &str, blob: &Blob) -> Result<Answer, AwsError> {
        let answer = self
            .ask(
                (OPERATION, self.shown()),
                ("PUT", &self.place.manifest(name)),
                &[("content-type", media_type)],
                Some(&blob.bytes),
            )
            .await?;
        match answer.status {
            201 => Ok(answer),
            _ => Err(answer.refused(OPERATION, self.shown())),
        }
    }
}
