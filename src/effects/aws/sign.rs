//! Requests without an SDK, and their signatures.

use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;

use super::error::innermost;
use crate::{effects::clock, names::Region};

/// A request before it is signed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unsigned<'a> {
    pub(super) method: &'a str,
    pub(super) url: &'a str,
    pub(super) headers: &'a [(String, String)],
    pub(super) body: &'a [u8],
}

/// Why a request could not be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotSigned {
    NoCredentials(String),
    Unsuitable(String),
}

impl Unsigned<'_> {
    /// Returns the headers that sign the request.
    pub(super) async fn signature(
        &self,
        service: &str,
        region: &Region,
        credentials: &SharedCredentialsProvider,
    ) -> Result<Vec<(String, String)>, NotSigned> {
        let credentials = credentials
            .provide_credentials()
            .await
            .map_err(|error| NotSigned::NoCredentials(innermost(&error)))?;
        let identity = credentials.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region.as_str())
            .name(service)
            .time(clock::wall())
            .settings(SigningSettings::default())
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
        let mut request = HttpRequest::new(SdkBody::from(body.to_vec()));
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
