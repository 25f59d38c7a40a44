use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use http_body_util::BodyExt;
use tokio::sync::Semaphore;
use tower::ServiceExt;

use super::*;

/// Answers as its prompt says.
struct Scripted {
    /// What the prompt `wait` waits for.
    go: Semaphore,
}

impl Handler for Scripted {
    async fn handle(&self, payload: Value, context: Context) -> Result<Reply, Error> {
        let items = match payload["prompt"].as_str().unwrap() {
            "break" => vec![Ok(json!("one ")), Err(Error::internal("broke"))],
            "refuse" => return Err(Error::bad_request("no")),
            "who" => return Ok(Reply::Json(json!(context.conversation_id))),
            "wait" => {
                self.go.acquire().await.unwrap().forget();
                vec![Ok(json!("done"))]
            }
            _ => vec![Ok(json!("one ")), Ok(json!("two"))],
        };
        Ok(Reply::Stream(stream::iter(items).boxed()))
    }
}

fn scripted() -> Arc<Scripted> {
    Arc::new(Scripted {
        go: Semaphore::new(0),
    })
}

fn app() -> Router {
    router(scripted())
}

fn call(method: &str, params: &Value) -> Request<Body> {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    Request::post("/")
        .header("content-type", "application/json")
        .body(body.to_string().into())
        .unwrap()
}

/// A message of one part for each text.
fn message(texts: &[&str]) -> Value {
    let parts: Vec<Value> = texts.iter().map(|text| json!({ "text": text })).collect();
    json!({ "message": { "messageId": "m", "role": "ROLE_USER", "parts": parts } })
}

async fn send(app: Router, request: Request<Body>) -> String {
    let answer = app.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

/// Returns the task that a message makes.
async fn task(texts: &[&str]) -> Value {
    let body = send(app(), call("SendMessage", &message(texts))).await;
    let mut body: Value = serde_json::from_str(&body).unwrap();
    assert!(body["error"].is_null(), "{body}");
    body["result"]["task"].take()
}

#[tokio::test]
async fn an_answer_is_the_artifact_of_a_task() {
    let task = task(&["Hello", "there"]).await;
    assert_eq!(task["status"]["state"], "TASK_STATE_COMPLETED");
    assert_eq!(
        task["artifacts"][0]["parts"],
        json!([{ "text": "one two" }])
    );
}

#[tokio::test]
async fn a_stream_sends_the_pieces_and_then_the_answer() {
    let body = send(app(), call("SendStreamingMessage", &message(&["Hello"]))).await;
    let told: Vec<String> = body
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(|data| {
            let event: Value = serde_json::from_str(data).unwrap();
            let event = &event["result"];
            let status = &event["statusUpdate"]["status"];
            let text = status["message"]["parts"][0]["text"]
                .as_str()
                .or(event["artifactUpdate"]["artifact"]["parts"][0]["text"].as_str());
            text.or(status["state"].as_str()).unwrap().to_owned()
        })
        .collect();
    let expected = [
        "TASK_STATE_WORKING",
        "one ",
        "two",
        "one two",
        "TASK_STATE_COMPLETED",
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn the_status_of_a_failed_task_says_why() {
    for (prompt, state, why) in [
        ("break", "TASK_STATE_FAILED", "broke"),
        ("refuse", "TASK_STATE_REJECTED", "no"),
    ] {
        let task = task(&[prompt]).await;
        assert_eq!(task["status"]["state"], state);
        assert_eq!(task["status"]["message"]["parts"][0]["text"], why);
    }
}

#[tokio::test]
async fn a_context_is_a_conversation() {
    let mut params = message(&["who"]);
    params["message"]["contextId"] = json!("c");
    let body = send(app(), call("SendMessage", &params)).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    let artifact = &body["result"]["task"]["artifacts"][0];
    assert_eq!(artifact["parts"][0]["text"], "c");
}

#[tokio::test]
async fn the_agent_is_busy_until_the_task_ends_and_a_task_can_be_canceled() {
    let handler = scripted();
    let app = router(Arc::clone(&handler));
    let status = async || {
        let ping = Request::get("/ping").body(Body::empty()).unwrap();
        let body: Value = serde_json::from_str(&send(app.clone(), ping).await).unwrap();
        body["status"].clone()
    };
    assert_eq!(status().await, "Healthy");
    let mut params = message(&["wait"]);
    params["configuration"] = json!({ "returnImmediately": true });
    let body = send(app.clone(), call("SendMessage", &params)).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    let task = &body["result"]["task"];
    assert_eq!(task["status"]["state"], "TASK_STATE_WORKING");
    assert_eq!(status().await, "HealthyBusy");

    let cancel = call("CancelTask", &json!({ "id": task["id"] }));
    let body: Value = serde_json::from_str(&send(app.clone(), cancel).await).unwrap();
    assert_eq!(body["result"]["status"]["state"], "TASK_STATE_CANCELED");
    handler.go.add_permits(1);
    while status().await != "Healthy" {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn only_version_1_is_spoken_and_a_request_without_a_version_is_one_of_it() {
    for (version, code) in [("1.0", 0), ("0.3", -32009)] {
        let mut request = call("SendMessage", &message(&["Hello"]));
        let header = HeaderValue::from_static(version);
        request.headers_mut().insert("a2a-version", header);
        let body: Value = serde_json::from_str(&send(app(), request).await).unwrap();
        assert_eq!(body["error"]["code"].as_i64().unwrap_or(0), code, "{body}");
    }
}

#[tokio::test]
async fn the_card_has_the_address_that_it_was_asked_at() {
    let request = Request::get("/.well-known/agent-card.json")
        .header("host", "127.0.0.1:9000")
        .body(Body::empty())
        .unwrap();
    let card: Value = serde_json::from_str(&send(app(), request).await).unwrap();
    assert_eq!(card["name"], env!("CARGO_PKG_NAME"));
    let interface = &card["supportedInterfaces"][0];
    assert_eq!(interface["url"], "http://127.0.0.1:9000/");
    assert_eq!(interface["protocolBinding"], "JSONRPC");
}
