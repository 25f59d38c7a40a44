//! Reports every request to AWS and its answer: `-vv`.

use std::sync::OnceLock;

use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
        SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};

use crate::effects::clock;

type Tell = Box<dyn Fn(&str) + Send + Sync>;

static TELL: OnceLock<Tell> = OnceLock::new();

/// Reports each request from now on, including retries, but never headers or bodies.
pub(crate) fn tell(tell: impl Fn(&str) + Send + Sync + 'static) {
    // Only the first reporter is used.
    let _ = TELL.set(Box::new(tell));
}

pub(super) fn told(client: SharedHttpClient) -> SharedHttpClient {
    match TELL.get() {
        Some(_) => SharedHttpClient::new(Told(client)),
        None => client,
    }
}

pub(super) fn told_connector(connector: SharedHttpConnector) -> SharedHttpConnector {
    match TELL.get() {
        Some(_) => SharedHttpConnector::new(Told(connector)),
        None => connector,
    }
}

#[derive(Debug)]
struct Told<T>(T);

impl HttpClient for Told<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        told_connector(self.0.http_connector(settings, components))
    }
}

impl HttpConnector for Told<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let asked = asked(&request);
        let start = clock::now();
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await;
            if let Some(tell) = TELL.get() {
                let answered = answered(&answer);
                tell(&format!(
                    "{asked}: {answered}, after {:.3} s",
                    start.elapsed().as_secs_f64()
                ));
            }
            answer
        })
    }
}

/// Returns the method, the address and, unless the address contains it, the operation.
fn asked(request: &HttpRequest) -> String {
    let target = request.headers().get("x-amz-target");
    let operation = match target.and_then(|target| target.split('.').next_back()) {
        Some(operation) => Some(operation.to_owned()),
        None => request.body().bytes().and_then(form_action),
    };
    let operation = operation.map_or_else(String::new, |operation| format!(" {operation}"));
    format!("{} {}{operation}", request.method(), request.uri())
}

/// Returns `GetRole` from `Action=GetRole&RoleName=x`, the form in which IAM and STS are called.
fn form_action(body: &[u8]) -> Option<String> {
    let rest = body.strip_prefix(b"Action=")?;
    let end = rest.iter().position(|byte| *byte == b'&');
    let action = &rest[..end.unwrap_or(rest.len())];
    std::str::from_utf8(action).ok().map(str::to_owned)
}

fn answered(answer: &Result<HttpResponse, ConnectorError>) -> String {
    match answer {
        Ok(answer) => {
            let id = ["x-amzn-requestid", "x-amz-request-id"]
                .iter()
                .find_map(|name| answer.headers().get(*name));
            let id = id.map_or_else(String::new, |id| format!(", request id {id}"));
            format!("{}{id}", answer.status().as_u16())
        }
        Err(error) => format!("no answer ({error})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operation_is_told_where_the_address_does_not() {
        let request = |target: Option<&'static str>, body: &'static str| {
            let mut request = HttpRequest::new(body.into());
            request.set_method("POST").unwrap();
            request.set_uri("https://iam.amazonaws.com/").unwrap();
            if let Some(target) = target {
                request.headers_mut().insert("x-amz-target", target);
            }
            asked(&request)
        };
        let address = "POST https://iam.amazonaws.com/";
        assert_eq!(request(None, ""), address);
        assert_eq!(
            request(None, "Action=GetRole&RoleName=x"),
            format!("{address} GetRole")
        );
        assert_eq!(
            request(Some("Logs_20140328.FilterLogEvents"), "{}"),
            format!("{address} FilterLogEvents")
        );
    }
}
