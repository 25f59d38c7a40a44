//! Requests to S3. Its SDK would be the largest part of the program.

use std::time::Duration;

use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::base64;
use hyper::body::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    AwsError, Session,
    exchange::{Answer, Exchange, Request, Told},
    session::Connection,
    sign::Scheme,
};
use crate::protocol::xml::Element;

/// The time limit for one attempt.
const LIMIT: Duration = Duration::from_mins(1);

/// The time limit for a part of an object on a slow line. Stalled transfers end earlier.
const PATIENCE: Duration = Duration::from_mins(15);

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// The characters that are not encoded in a key.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

const UNRESERVED_IN_PATH: &AsciiSet = &UNRESERVED.remove(b'/');

#[derive(Debug, Clone)]
pub(super) struct S3Client {
    pub(super) connection: Connection,
    /// The account that must own the bucket. Sent with every request, so that another account's
    /// bucket with the same name is never touched.
    pub(super) owner: String,
}

/// A request to a bucket or an object.
#[derive(Debug)]
pub(super) struct S3Request<'a> {
    client: &'a S3Client,
    action: &'static str,
    resource: String,
    method: &'static str,
    bucket: &'a str,
    key: &'a str,
    query: String,
    headers: Vec<(String, String)>,
    body: Bytes,
    limit: Duration,
}

/// An answer that is not an error.
#[derive(Debug)]
pub(super) struct S3Answer {
    headers: Headers,
    body: Bytes,
}

impl S3Client {
    pub(super) fn new(session: &Session) -> Self {
        Self {
            connection: session.connection(),
            owner: session.account.to_string(),
        }
    }

    /// Begins a request. `action` is the IAM action, and `resource` is in the user's terms.
    pub(super) fn request<'a>(
        &'a self,
        action: &'static str,
        resource: String,
        method: &'static str,
        bucket: &'a str,
    ) -> S3Request<'a> {
        S3Request {
            client: self,
            action,
            resource,
            method,
            bucket,
            key: "",
            query: String::new(),
            headers: Vec::new(),
            body: Bytes::new(),
            limit: LIMIT,
        }
        .header("x-amz-expected-bucket-owner", &self.owner)
    }

    /// Begins the request that creates a bucket, which has no owner yet.
    pub(super) fn creation<'a>(&'a self, resource: String, bucket: &'a str) -> S3Request<'a> {
        let mut request = self.request("s3:CreateBucket", resource, "PUT", bucket);
        request.headers.clear();
        request
    }
}

impl<'a> S3Request<'a> {
    pub(super) fn key(mut self, key: &'a str) -> Self {
        self.key = key;
        self
    }

    /// Adds the name of an aspect, such as `tagging`, to the query.
    pub(super) fn aspect(mut self, name: &str) -> Self {
        self.query
            .push(if self.query.is_empty() { '?' } else { '&' });
        self.query.push_str(name);
        self
    }

    pub(super) fn query(self, name: &str, value: &str) -> Self {
        let value = utf8_percent_encode(value, UNRESERVED);
        self.aspect(&format!("{name}={value}"))
    }

    pub(super) fn maybe_query(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn maybe_header(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    /// Sends these bytes with their checksum.
    pub(super) fn content(mut self, bytes: impl Into<Bytes>) -> Self {
        self.body = bytes.into();
        let checksum = base64::encode(crc32fast::hash(&self.body).to_be_bytes());
        self.header("x-amz-sdk-checksum-algorithm", "CRC32")
            .header("x-amz-checksum-crc32", &checksum)
    }

    /// Sends this document with its checksum.
    pub(super) fn document(self, root: &Element) -> Self {
        self.content(root.document(NAMESPACE))
            .header("content-type", "application/xml")
    }

    /// Sends this document in a request whose checksum is that of the object.
    pub(super) fn document_for_object(mut self, root: &Element) -> Self {
        self.body = root.document(NAMESPACE).into();
        self.header("content-type", "application/xml")
    }

    /// Waits longer for the answer.
    pub(super) fn patient(mut self) -> Self {
        self.limit = PATIENCE;
        self
    }

    pub(super) async fn send(self) -> Result<S3Answer, AwsError> {
        let (exchange, path) = self.exchange();
        let Answer {
            status: _,
            headers,
            body,
        } = exchange.send(&self.request(&path)).await?;
        Ok(S3Answer { headers, body })
    }

    /// Sends the request and returns the answer's document.
    pub(super) async fn send_for_document(self) -> Result<(Element, S3Answer), AwsError> {
        let (exchange, path) = self.exchange();
        let request = self.request(&path);
        let Answer {
            status: _,
            headers,
            body,
        } = exchange.send(&request).await?;
        let answer = S3Answer { headers, body };
        match Element::parse(&answer.text()) {
            Ok(root) => Ok((root, answer)),
            Err(why) => {
                let why = format!("the answer cannot be read: {why}");
                Err(exchange.unusable(&request, why))
            }
        }
    }

    /// Returns where the request goes: an address, and the path and the query below it.
    fn exchange(&self) -> (Exchange, String) {
        let connection = self.client.connection.clone();
        let region = &connection.region;
        let host = format!("s3.{region}.{}", region.partition().dns_suffix());
        let bucket = self.bucket;
        // Emulators need the bucket in the path, and certificates do not cover names with dots.
        let in_path = connection.sdk.endpoint_url().is_some() || bucket.contains('.');
        let (at, above) = if in_path {
            (format!("https://{host}"), format!("/{bucket}"))
        } else {
            (format!("https://{bucket}.{host}"), String::new())
        };
        let key = utf8_percent_encode(self.key, UNRESERVED_IN_PATH);
        let path = format!("{above}/{key}{}", self.query);
        (Exchange::new(connection, Scheme::S3, at), path)
    }

    fn request<'r>(&'r self, path: &'r str) -> Request<'r> {
        let Self {
            client: _,
            action,
            resource,
            method,
            bucket: _,
            key: _,
            query: _,
            headers,
            body,
            limit,
        } = self;
        Request {
            action,
            resource,
            method,
            path,
            headers: headers.clone(),
            body: body.clone(),
            limit: *limit,
            refusal,
        }
    }
}

impl S3Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn refusal(answer: &Answer) -> Option<Told> {
    let text = String::from_utf8_lossy(&answer.body);
    // S3 may have sent the status of a success before the error happened.
    if (200..300).contains(&answer.status) && !begins_as_error(&text) {
        return None;
    }
    let error = Element::parse(&text).ok();
    let error = error.filter(|root| root.name() == "Error");
    let told = |member: &str| error.as_ref()?.text(member).map(str::to_owned);
    let id = answer.headers.get("x-amz-request-id").map(str::to_owned);
    Some(Told {
        code: told("Code"),
        message: told("Message"),
        request_id: id.or_else(|| told("RequestId")),
    })
}

fn begins_as_error(document: &str) -> bool {
    let document = document.trim_start();
    let root = match document.strip_prefix("<?xml") {
        Some(declared) => declared.split_once("?>").map_or("", |(_, root)| root),
        None => document,
    };
    root.trim_start().starts_with("<Error>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_with_the_status_of_a_success_is_found() {
        let declared = "<?xml version=\"1.0\"?>\n  <Error><Code>c</Code></Error>";
        assert!(begins_as_error(declared) && begins_as_error("\n<Error></Error>"));
        for other in [
            "",
            "{}",
            "<?xml",
            "<DeleteResult><Error></Error></DeleteResult>",
        ] {
            assert!(!begins_as_error(other), "{other}");
        }
    }
}
