//! Fetches a version's code from the emulator, and unpacks it.

use std::path::PathBuf;

use serde_json::Value;

use super::{
    emulator::{Emulator, Unanswered},
    replies::words,
};
use crate::{
    effects::{
        aws::emulated::ACCOUNT_ID,
        files,
        local::code::{
            self, Code,
            image::{self, ImageCode},
            layers,
        },
        programs::{Checkout, Programs},
        runtime,
    },
    error::Failure,
    names::image_uri::EcrUri,
    package::image::stored::{Manifest, Settings},
    protocol::{Refusal, refusal::Kind},
};

/// What a version runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Artifact {
    Archive {
        bucket: String,
        key: String,
        version: Option<String>,
        /// Such as `3.13`.
        python: String,
    },
    Image {
        repository: String,
        digest: String,
    },
}

/// A version that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Runnable {
    Python(Code),
    Image(ImageCode),
}

impl Artifact {
    /// Reads the artifact from a runtime as the service describes it. `None` if it does not run on
    /// this machine.
    pub(super) fn read(document: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if let Some(uri) = document["containerConfiguration"]["containerUri"].as_str() {
            let EcrUri {
                account,
                region: _,
                repository,
                digest,
            } = EcrUri::parse(uri)?;
            return (account.as_str() == ACCOUNT_ID).then_some(Self::Image {
                repository,
                digest: digest?,
            });
        }
        let code = &document["codeConfiguration"];
        let s3 = &code["code"]["s3"];
        Some(Self::Archive {
            bucket: text(&s3["bucket"])?,
            key: text(&s3["prefix"])?,
            version: text(&s3["versionId"]),
            python: code["runtime"]
                .as_str()?
                .strip_prefix("PYTHON_")?
                .replace('_', "."),
        })
    }
}

impl Runnable {
    /// Returns a difference from AWS that the user should know.
    pub(super) fn warning(&self) -> Option<&str> {
        match self {
            Self::Python(code) => code.warning.as_deref(),
            Self::Image(image) => image.warning.as_deref(),
        }
    }
}

/// Downloads and unpacks a version's code.
pub(super) struct Unpacking {
    pub(super) emulator: Emulator,
    pub(super) region: String,
    pub(super) artifact: Artifact,
    pub(super) home: PathBuf,
    pub(super) workspace: PathBuf,
}

impl Unpacking {
    pub(super) async fn run(self) -> Result<Runnable, Refusal> {
        if let Some(folder) = self.home.parent() {
            files::create_dir_all(folder).map_err(|error| Refusal::internal(&error.to_string()))?;
        }
        let prepared = match &self.artifact {
            Artifact::Archive {
                bucket,
                key,
                version,
                python,
            } => {
                let place = (bucket.as_str(), key.as_str(), version.as_deref());
                self.archive(place, python).await.map(Runnable::Python)
            }
            Artifact::Image { repository, digest } => self.image(repository, digest).await,
        };
        prepared.map_err(|why| {
            // An incomplete version may occupy the space that was missing.
            let _ = files::remove_tree(&self.home);
            Refusal::new(Kind::RuntimeClient, why)
        })
    }

    async fn archive(
        &self,
        (bucket, key, version): (&str, &str, Option<&str>),
        python: &str,
    ) -> Result<Code, String> {
        let file = self.home.with_extension("zip");
        let downloaded = self
            .emulator
            .download(&self.region, bucket, key, version, &file)
            .await;
        let prepared = match downloaded {
            Ok(()) => {
                let (file, python) = (file.clone(), python.to_owned());
                self.aside(move |home, programs| code::prepare(&file, home, &python, programs))
                    .await
            }
            Err(Unanswered::NotFound(why) | Unanswered::Other(why)) => Err(why),
        };
        // The next download overwrites it.
        let _ = files::remove_file(&file);
        prepared
    }

    async fn image(&self, repository: &str, digest: &str) -> Result<Runnable, String> {
        let pull = async |what: &str, digest: &str| {
            let pulled = self
                .emulator
                .pull(&self.region, repository, what, digest)
                .await;
            pulled.map_err(|(Unanswered::NotFound(why) | Unanswered::Other(why))| why)
        };
        let manifest = Manifest::parse(&pull("manifests", digest).await?)?;
        let settings = Settings::parse(&pull("blobs", &manifest.config.digest).await?)?;
        let mut layers = Vec::new();
        for layer in &manifest.layers {
            layers.push(pull("blobs", &layer.digest).await?);
        }
        self.aside(move |home, programs| match &settings.python {
            Some(python) => layers::prepare_image(&layers, &settings, home, python, programs)
                .map(Runnable::Python),
            None => image::prepare(&layers, settings.clone(), home, programs).map(Runnable::Image),
        })
        .await
    }

    /// Unpacks into the version's folder, aside from the requests.
    async fn aside<T: Send + 'static>(
        &self,
        work: impl Fn(&std::path::Path, &Programs) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, String> {
        let programs = Programs::outside(Checkout::around(&self.workspace));
        let home = self.home.clone();
        let preparing = move |_: &(dyn Fn(()) + Sync)| work(&home, &programs);
        let prepared = runtime::aside(preparing, |()| {}).await;
        prepared.map_err(|failure| words(&failure))
    }
}
