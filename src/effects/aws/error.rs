//! An error from AWS with its operation, resource, code, message and request ID.

use std::error::Error;

use aws_sdk_sts::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    operation::RequestId,
};

use super::unanswered::{Lost, Unanswered};
use crate::error::{Exit, Failure};

/// How many characters of a service's message are printed.
const LONGEST_MESSAGE: usize = 4000;

/// A request that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AwsError {
    /// The IAM action, such as `iam:CreateRole`.
    pub(crate) operation: &'static str,
    /// The resource in the user's terms, such as "role `x`".
    pub(crate) resource: String,
    pub(crate) kind: Kind,
    pub(crate) code: Option<String>,
    pub(crate) message: String,
    pub(crate) request_id: Option<String>,
    /// The address if the request did not go to AWS and there was no answer.
    pub(crate) address: Option<String>,
}

/// The kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    NotFound,
    Denied,
    Expired,
    NoCredentials,
    Throttled,
    Conflict,
    /// The service does not know the operation (emulators).
    Unsupported,
    /// No answer, or an incomplete one.
    Connection,
    Other,
}

impl AwsError {
    fn new<E>(
        operation: &'static str,
        resource: impl Into<String>,
        error: &SdkError<E, HttpResponse>,
    ) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let code = error.code().map(str::to_owned);
        let kind = match error {
            SdkError::ServiceError(_) => kind_of(code.as_deref(), status(error)),
            SdkError::DispatchFailure(failure) if failure.is_user() => Kind::NoCredentials,
            SdkError::ConstructionFailure(_) => Kind::Other,
            _ => Kind::Connection,
        };
        let message = match (error.message(), kind) {
            (Some(text), _) => text.to_owned(),
            (None, Kind::Connection | Kind::NoCredentials) => innermost(error),
            (None, _) => status(error).map_or_else(
                || innermost(error),
                |status| format!("HTTP status {status} without an explanation"),
            ),
        };
        let request_id = error.request_id().map(str::to_owned);
        Self {
            operation,
            resource: resource.into(),
            kind,
            code,
            message,
            request_id,
            address: address(error),
        }
    }

    /// For `map_err`: adds the action and the resource to an SDK error.
    pub(super) fn on<E>(
        operation: &'static str,
        resource: impl Into<String>,
    ) -> impl FnOnce(SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        move |error| Self::new(operation, resource, &error)
    }

    /// Builds the error from an answer that no SDK has read: its status, and the code and message
    /// from headers and body.
    pub(crate) fn answered(
        operation: &'static str,
        resource: String,
        status: u16,
        code: Option<String>,
        message: Option<String>,
    ) -> Self {
        Self {
            operation,
            resource,
            kind: kind_of(code.as_deref(), Some(status)),
            code,
            message: message
                .unwrap_or_else(|| format!("HTTP status {status} without an explanation")),
            request_id: None,
            address: None,
        }
    }

    /// Creates the error for a request without an SDK that got no answer, or an incomplete one.
    pub(crate) fn unanswered(operation: &'static str, resource: String, why: String) -> Self {
        Self {
            operation,
            resource,
            kind: Kind::Connection,
            code: None,
            message: why,
            request_id: None,
            address: None,
        }
    }

    /// Builds the error of one item in a batch that was accepted as a whole.
    pub(crate) fn refused(
        operation: &'static str,
        resource: String,
        code: Option<&str>,
        message: Option<&str>,
    ) -> Self {
        Self {
            operation,
            resource,
            kind: kind_of(code, None),
            code: code.map(str::to_owned),
            message: message.unwrap_or("without an explanation").to_owned(),
            request_id: None,
            address: None,
        }
    }

    pub(crate) fn is_not_found(&self) -> bool {
        self.kind == Kind::NotFound
    }
}

/// Returns `None` instead of an error if the resource does not exist.
pub(super) fn found<T>(answer: Result<T, AwsError>) -> Result<Option<T>, AwsError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Accepts that the resource does not exist anymore.
pub(super) fn gone_or<T>(answer: Result<T, AwsError>) -> Result<(), AwsError> {
    found(answer).map(|_| ())
}

fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|raw| raw.status().as_u16())
}

/// Returns the address that a request was sent to instead of AWS.
fn address(error: &(dyn Error + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(Unanswered { address, .. }) = error.downcast_ref() {
            return Some(address.clone());
        }
        cause = error.source();
    }
    None
}

/// The text that introduces the proxy in an error message.
const THROUGH: &str = " (through the proxy ";

/// Returns the root cause of a connection error, and the proxy it happened on.
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    let mut lost = cause.downcast_ref::<Lost>();
    while let Some(source) = cause.source() {
        cause = source;
        lost = lost.or(cause.downcast_ref());
    }
    match lost {
        Some(Lost { proxy, .. }) => {
            format!("{cause}{THROUGH}`{proxy}`, which {} names)", proxy.variable)
        }
        None => cause.to_string(),
    }
}

fn kind_of(code: Option<&str>, status: Option<u16>) -> Kind {
    match code.unwrap_or_default() {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired" => {
            Kind::Expired
        }
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "InvalidAccessKeyId"
        | "MissingAuthenticationToken"
        | "InvalidSignatureException"
        | "IncompleteSignature" => Kind::NoCredentials,
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "UnauthorizedException"
        | "AllAccessDisabled" => Kind::Denied,
        "NoSuchEntity"
        | "ResourceNotFoundException"
        | "NoSuchBucket"
        | "NoSuchKey"
        | "NotFound"
        | "RepositoryNotFoundException"
        | "NoSuchUpload"
        | "NoSuchVersion" => Kind::NotFound,
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "SlowDown" => Kind::Throttled,
        "ConflictException"
        | "DeleteConflict"
        | "EntityAlreadyExists"
        | "ConcurrentModification"
        | "RetryableConflictException"
        | "OperationAborted"
        | "BucketNotEmpty"
        | "RepositoryNotEmptyException" => Kind::Conflict,
        "InvalidAction" | "UnknownOperationException" | "UnknownOperation" | "NotImplemented" => {
            Kind::Unsupported
        }
        _ => match status {
            Some(403) => Kind::Denied,
            Some(404) => Kind::NotFound,
            Some(429) => Kind::Throttled,
            _ => Kind::Other,
        },
    }
}

impl From<AwsError> for Failure {
    fn from(error: AwsError) -> Self {
        let AwsError {
            operation,
            resource,
            kind,
            code,
            message,
            request_id,
            address,
        } = error;
        let is_elsewhere = address.is_some();
        let is_untrusted = message.contains("UnknownIssuer");
        let is_proxied = message.contains(THROUGH);
        let (exit, what) = match kind {
            Kind::Denied => (
                Exit::Access,
                format!("`{operation}` on {resource} was denied"),
            ),
            Kind::Expired => (
                Exit::Access,
                format!("the AWS credentials have expired (`{operation}` on {resource})"),
            ),
            Kind::NoCredentials => (
                Exit::Access,
                format!("the AWS credentials were not accepted (`{operation}` on {resource})"),
            ),
            Kind::Connection => {
                let who = address.map_or("AWS".to_owned(), |address| format!("`{address}`"));
                (
                    Exit::World,
                    format!("no answer from {who} to `{operation}` on {resource}"),
                )
            }
            Kind::NotFound | Kind::Throttled | Kind::Conflict | Kind::Unsupported | Kind::Other => {
                (Exit::World, format!("`{operation}` on {resource} failed"))
            }
        };
        let mut failure = Failure::new(exit, what);
        let message = brief(message);
        let said = match code {
            Some(code) => format!("{code}: {message}"),
            None => message,
        };
        failure = failure.note(said);
        if let Some(id) = request_id {
            failure = failure.note(format!("request id {id}"));
        }
        let help = match kind {
            Kind::Connection if is_untrusted => Some(
                "if a proxy inspects this machine's connections, set AWS_CA_BUNDLE to a file with its certificate authority",
            ),
            Kind::Connection if is_proxied => Some(
                "check that the proxy is right and answers; NO_PROXY names the hosts that are reached without it",
            ),
            Kind::Connection if is_elsewhere => Some(
                "check that the address is right and a server listens there, then run this again: it continues where it stopped",
            ),
            kind => hint(kind),
        };
        match help {
            Some(help) => failure.help(help),
            None => failure,
        }
    }
}

/// Shortens a very long message.
fn brief(message: String) -> String {
    match message.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => {
            format!(
                "{} … (cut: it has {} bytes)",
                &message[..end],
                message.len()
            )
        }
        None => message,
    }
}

/// Returns how to resolve a kind of failure, if there is a usual way.
fn hint(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Denied => Some(
            "`cargo agentcore policy --only deployer` prints what the person who runs this needs to be allowed",
        ),
        Kind::Expired => {
            Some("get new credentials, for example with `aws sso login`, and run this again")
        }
        Kind::NoCredentials => {
            Some("`aws sts get-caller-identity` shows whether the credentials work")
        }
        Kind::Throttled => Some("wait a moment and run this again; it continues where it stopped"),
        Kind::Connection => {
            Some("run this again when the connection is back; it continues where it stopped")
        }
        Kind::NotFound => Some("it may have been deleted a moment ago: run this again"),
        Kind::Conflict => Some("someone else may be changing it: run this again in a while"),
        Kind::Unsupported => Some("the service at the endpoint URL does not support this request"),
        // The service's message is all there is.
        Kind::Other => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: Kind) -> AwsError {
        AwsError {
            operation: "iam:CreateRole",
            resource: "role `r`".into(),
            kind,
            code: Some("Code".into()),
            message: "text".into(),
            request_id: Some("id".into()),
            address: None,
        }
    }

    #[test]
    fn denied_expired_and_missing_credentials_are_three_errors_with_one_exit_code() {
        let whats: Vec<(Exit, String)> = [Kind::Denied, Kind::Expired, Kind::NoCredentials]
            .into_iter()
            .map(|kind| {
                let failure = Failure::from(error(kind));
                (failure.exit, failure.messages[0].what.clone())
            })
            .collect();
        assert!(whats.iter().all(|(exit, _)| *exit == Exit::Access));
        assert_eq!(whats[0].1, "`iam:CreateRole` on role `r` was denied");
        assert!(whats[1].1.contains("expired") && whats[2].1.contains("not accepted"));
    }

    #[test]
    fn the_services_own_words_and_the_request_id_are_kept() {
        let failure = Failure::from(error(Kind::Other));
        assert_eq!(failure.messages[0].notes, ["Code: text", "request id id"]);
        assert_eq!(failure.exit, Exit::World);
    }

    #[test]
    fn codes_come_before_status() {
        assert_eq!(kind_of(Some("ExpiredToken"), Some(403)), Kind::Expired);
        assert_eq!(kind_of(None, Some(403)), Kind::Denied);
        assert_eq!(kind_of(Some("InvalidAction"), Some(400)), Kind::Unsupported);
        assert_eq!(kind_of(Some("ValidationException"), Some(400)), Kind::Other);
    }
}
