//! Requests without an SDK, and their signatures.

use std::time::SystemTime;

use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use hyper::body::Bytes;

use super::error::innermost;
use crate::names::Region;

/// A request before it is signed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unsigned<'a> {
    pub(super) method: &'a str,
    pub(super) url: &'a str,
    pub(super) headers: &'a [(String, String)],
    pub(super) body: &'a Bytes,
}

/// How a service's requests are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// As for all services but S3; with the service's signing name.
    Usual(&'static str),
    S3,
}

impl Scheme {
    fn service(self) -> &'static str {
        match self {
            Self::Usual(service) => service,
            Self::S3 => "s3",
        }
    }

    fn settings(self) -> SigningSettings {
        let mut settings = SigningSettings::default();
        if self == Self::S3 {
            // A key is signed as it is written in the address, and its dots mean nothing.
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        settings
    }
}

/// Why a request could not be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotSigned {
    NoCredentials(String),
    Unsuitable(String),
}

impl Unsigned<'_> {
    /// Returns the headers that sign the request at this time.
    pub(super) async fn signature(
        &self,
        scheme: Scheme,
        region: &Region,
        credentials: &SharedCredentialsProvider,
        time: SystemTime,
    ) -> Result<Vec<(String, String)>, NotSigned> {
        let credentials = credentials
            .provide_credentials()
            .await
            .map_err(|error| NotSigned::NoCredentials(innermost(&error)))?;
        let identity = credentials.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region.as_str())
            .name(scheme.service())
            .time(time)
            .settings(scheme.settings())
            .build()
            .map_err(|error| NotSigned::Unsuitable(error.to_string()))?;
        let headers = self.headers.iter();
        let signable = SignableRequest::new(
            self.method,
            self.url,
            headers.map(|(name, value)| (name.as_str(), value.as_str())),
            SignableBody::Bytes(self.body),
        );
        let (instructions, _) = signable
            .and_then(|signable| sign(signable, &params.into()))
            .map_err(|error| NotSigned::Unsuitable(innermost(&error)))?
            .into_parts();
        let headers = instructions.headers();
        Ok(headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect())
    }

    /// Returns the request with these additional headers.
    pub(super) fn with(&self, further: &[(String, String)]) -> Result<HttpRequest, String> {
        let Self {
            method,
            url,
            headers,
            body,
        } = self;
        let refused =
            |error: &(dyn std::error::Error + 'static)| format!("`{url}`: {}", innermost(error));
        let mut request = HttpRequest::new(SdkBody::from(Bytes::clone(body)));
        request
            .set_method(method)
            .map_err(|error| refused(&error))?;
        request.set_uri(*url).map_err(|error| refused(&error))?;
        for (name, value) in headers.iter().chain(further) {
            request
                .headers_mut()
                .try_append(name.clone(), value.clone())
                .map_err(|error| refused(&error))?;
        }
        let length = body.len().to_string();
        request.headers_mut().insert("content-length", length);
        Ok(request)
    }
}
