use axum::{
    body::Body,
    http::{Request, header},
};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;

/// Answers as its payload says.
struct Scripted;

impl Handler for Scripted {
    async fn handle(&self, payload: Value, context: Context) -> Result<Reply, Error> {
        match payload.get("do").and_then(Value::as_str) {
            Some("stream") => {
                let items = [
                    Ok(json!("one")),
                    Ok(json!("zwei\nthree")),
                    Err(Error::internal("broke")),
                ];
                Ok(Reply::Stream(futures_util::stream::iter(items).boxed()))
            }
            Some("fail") => Err(Error::internal("broke")),
            _ => Ok(Reply::Json(json!({
                "session": context.session_id,
                "request": context.request_id,
                "token": context.workload_token,
            }))),
        }
    }
}

fn app() -> Router {
    router(Arc::new(Scripted))
}

async fn send(app: Router, request: Request<Body>) -> (StatusCode, String, String) {
    let answer = app.oneshot(request).await.unwrap();
    let kind = answer
        .headers()
        .get(header::CONTENT_TYPE)
        .map_or("", |kind| kind.to_str().unwrap())
        .to_owned();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, kind, String::from_utf8(body.to_vec()).unwrap())
}

fn invocation(body: impl Into<Body>) -> Request<Body> {
    Request::post("/invocations").body(body.into()).unwrap()
}

#[tokio::test]
async fn a_handler_learns_about_the_request() {
    let mut request = invocation("{}");
    for (name, value) in [
        ("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id", "s"),
        ("X-Amzn-Bedrock-AgentCore-Runtime-Request-Id", "r"),
        ("WorkloadAccessToken", "t"),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let (status, kind, body) = send(app(), request).await;
    assert_eq!((status, &*kind), (StatusCode::OK, "application/json"));
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        body,
        json!({ "session": "s", "request": "r", "token": "t" })
    );
    let (_, _, body) = send(app(), invocation("{}")).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["session"], Value::Null);
    assert_eq!(body["request"].as_str().unwrap().len(), 36);
}

#[tokio::test]
async fn a_stream_arrives_as_events_with_its_error_at_the_end() {
    let (status, kind, body) = send(app(), invocation(r#"{"do": "stream"}"#)).await;
    assert_eq!((status, &*kind), (StatusCode::OK, "text/event-stream"));
    assert_eq!(
        body,
        "data: \"one\"\n\ndata: \"zwei\\nthree\"\n\n\
         data: {\"error\":\"broke\",\"error_type\":\"Error\",\"message\":\"An error occurred during streaming\"}\n\n"
    );
}

#[tokio::test]
async fn errors_have_a_status_and_a_message() {
    let (status, _, body) = send(app(), invocation(r#"{"do": "fail"}"#)).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(body, r#"{"error":"broke"}"#);
    for (body, error) in [
        (&b"{"[..], "Invalid JSON"),
        (b"\xff", "Invalid encoding"),
        (b"", "Invalid JSON"),
    ] {
        let (status, _, answer) = send(app(), invocation(body.to_vec())).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["error"], error);
        assert!(answer["details"].is_string());
    }
}

#[tokio::test]
async fn ping_is_healthy() {
    let request = Request::get("/ping").body(Body::empty()).unwrap();
    let (status, _, body) = send(app(), request).await;
    assert_eq!(status, StatusCode::OK);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["status"], "Healthy");
}
