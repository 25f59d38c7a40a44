//! `cost-estimator`: its tools read the price list, calculate in the interpreter, and report if
//! there is none. No emulator has prices or an interpreter, so both are scripted: the prices with
//! AWS's documented answers, the interpreter with answers in AWS's form.

use std::sync::{Arc, Mutex};

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use serde_json::{Value, json};

use super::{
    Generated,
    conversation::{Model, call, text},
    price_list::{price_list, products, summaries},
    served::Served,
    succeeds,
    support::{
        Answer, Ministack,
        server::{Reply, Server},
    },
};

/// A server and the requests it got, by operation or path.
pub(crate) struct Asked {
    server: Server,
    requests: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Asked {
    pub(crate) fn answering(
        answer: impl Fn(&str, &Value) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&requests);
        let server = Server::start(move |request| {
            let target = request.headers().get("x-amz-target");
            let operation = target.map_or_else(
                || format!("{} {}", request.method(), request.uri().path()),
                |target| target.to_str().unwrap().to_owned(),
            );
            let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
            let reply = Reply::Answer(answer(&operation, &body));
            heard.lock().unwrap().push((operation, body));
            async move { reply }
        });
        Self { server, requests }
    }

    fn requests(&self) -> Vec<(String, Value)> {
        self.requests.lock().unwrap().clone()
    }
}

/// Pretends to run code by returning the known output.
fn interpreter(printed: &'static str) -> Asked {
    Asked::answering(move |operation, _| {
        let session = json!({
            "codeInterpreterIdentifier": "aws.codeinterpreter.v1", "sessionId": "01SESSION",
            "createdAt": "2026-11-01T00:00:00Z", "lastUpdatedAt": "2026-11-01T00:00:00Z",
        });
        if !operation.ends_with("/tools/invoke") {
            return Answer::json(200, &session);
        }
        let result = json!({
            "content": [{"type": "text", "text": printed}],
            "structuredContent": {"stdout": printed, "stderr": "", "exitCode": 0},
            "isError": false,
        });
        let header = |name: &'static str, value: &'static str| {
            Header::new(name, HeaderValue::String(value.into()))
        };
        let message = Message::new(result.to_string())
            .add_header(header(":message-type", "event"))
            .add_header(header(":event-type", "result"))
            .add_header(header(":content-type", "application/json"));
        let mut stream = Vec::new();
        write_message_to(&message, &mut stream).unwrap();
        Answer::new(200, "application/vnd.amazon.eventstream", stream)
            .header("x-amzn-code-interpreter-session-id", "01SESSION")
    })
}

#[test]
fn the_tools_read_what_the_price_list_answers() {
    let project = Generated::new("cost-estimator");
    let prices = price_list();
    let run = |expression: &str| -> Value {
        let script = format!(
            "import json\nfrom my_agent.prices import attribute_values, endpoint_region, prices\n\
             print(json.dumps({expression}))"
        );
        let printed = succeeds(
            project
                .program("python")
                .args(["-c", &script])
                .env("AWS_ENDPOINT_URL_PRICING", prices.server.url())
                .env("AWS_ACCESS_KEY_ID", "test")
                .env("AWS_SECRET_ACCESS_KEY", "test")
                .env("AWS_REGION", "us-west-2"),
        );
        serde_json::from_str(&printed).unwrap()
    };

    let found = run(
        "prices('AmazonEC2', {'volumeType': 'Provisioned IOPS', 'location': 'Canada (Central)'}, limit=500)",
    );
    assert_eq!(found, summaries());
    let (operation, body) = prices.requests().remove(0);
    assert_eq!(operation, "AWSPriceListService.GetProducts");
    assert_eq!(body["MaxResults"], 100);
    assert_eq!(
        body["Filters"],
        json!([
            {"Type": "TERM_MATCH", "Field": "volumeType", "Value": "Provisioned IOPS"},
            {"Type": "TERM_MATCH", "Field": "location", "Value": "Canada (Central)"},
        ])
    );

    assert_eq!(
        run("attribute_values('AmazonEC2', 'volumeType')"),
        json!([
            "Throughput Optimized HDD",
            "Provisioned IOPS",
            "General Purpose",
            "Cold HDD"
        ])
    );
    assert_eq!(
        run("attribute_values('AmazonEC2', 'volumeType', containing='hdd')"),
        json!(["Throughput Optimized HDD", "Cold HDD"])
    );
    assert_eq!(
        run("attribute_values('AmazonEC2', 'volumeType', limit=1)"),
        json!(["Throughput Optimized HDD"])
    );
    assert_eq!(
        run(
            "[endpoint_region(r) for r in ('us-west-2', 'eu-west-1', 'ap-northeast-1', 'sa-east-1')]"
        ),
        json!(["us-east-1", "eu-central-1", "ap-south-1", "us-east-1"])
    );
}

#[test]
fn an_estimate_is_made_of_prices_and_sums_and_the_interpreter_is_stopped() {
    const ANSWER: &str = "| サービス | 月額 |\n| EBS io1 100 GB | $13.80 |";
    // A model may repeat its input as filters, and AWS's product has an attribute without a value.
    let filters = products()[0]["product"]["attributes"].clone();
    assert!(
        filters
            .as_object()
            .unwrap()
            .values()
            .any(|value| value == "")
    );
    let sum = "print(round(0.138 * 100, 2))";
    for entry in ["invoke.py", "invoke_async.py"] {
        let model = Model::saying(vec![
            call(
                "prices",
                &json!({"service": "AmazonEC2", "filters": filters}),
            ),
            call("run_python", &json!({"code": sum})),
            text(ANSWER),
        ]);
        let (prices, interpreter) = (price_list(), interpreter("13.8"));
        let emulator = Ministack::start_with(&[("MINISTACK_BEDROCK_PROXY_URL", &model.url())]);
        let project = Generated::prepared("cost-estimator", &emulator);
        let agent = Served::start(
            &project,
            entry,
            &[
                ("AWS_ENDPOINT_URL", &emulator.url()),
                ("AWS_ENDPOINT_URL_PRICING", &prices.server.url()),
                (
                    "AWS_ENDPOINT_URL_BEDROCK_AGENTCORE",
                    &interpreter.server.url(),
                ),
            ],
        );
        let answer = agent.invoke(&json!({"prompt": "カナダに io1 のボリュームを 100 GB"}));
        assert_eq!(answer.status, 200, "{}\n{}", answer.body, agent.log());
        let said = if entry == "invoke.py" {
            answer.json()["estimate"].as_str().unwrap().to_owned()
        } else {
            answer.streamed_text()
        };
        assert_eq!(said, ANSWER);

        assert!(
            model.results(1)[0].contains("0.1380000000"),
            "{:?}",
            model.results(1)
        );
        assert_eq!(model.results(2)[1], "13.8");
        let asked = interpreter.requests();
        let session = "/code-interpreters/aws.codeinterpreter.v1";
        let operations: Vec<&str> = asked.iter().map(|(operation, _)| &**operation).collect();
        assert_eq!(
            operations,
            [
                format!("PUT {session}/sessions/start"),
                format!("POST {session}/tools/invoke"),
                format!("PUT {session}/sessions/stop"),
            ]
        );
        assert_eq!(asked[1].1["arguments"]["code"], sum);
    }
}

/// The interpreter is started only if the model uses it.
#[test]
fn without_the_interpreter_it_says_so_and_lives_on() {
    const WANTED: &str = "the AgentCore Code Interpreter cannot be started in us-east-1: ";
    let sum = call("run_python", &json!({"code": "print(1)"}));
    for entry in ["invoke.py", "invoke_async.py"] {
        let model = Model::saying(vec![
            text("Which servers?"),
            sum.clone(),
            text("About a dollar."),
            text("As I said."),
        ]);
        let emulator = Ministack::start_with(&[("MINISTACK_BEDROCK_PROXY_URL", &model.url())]);
        let project = Generated::prepared("cost-estimator", &emulator);
        let agent = Served::start(&project, entry, &[("AWS_ENDPOINT_URL", &emulator.url())]);
        let ask = |prompt| agent.invoke_in("one", &json!({ "prompt": prompt }));

        assert_eq!(ask("servers").status, 200, "{}", agent.log());
        let answer = ask("two servers");
        let error = if entry == "invoke.py" {
            assert_eq!(answer.status, 500);
            answer.json()
        } else {
            let mut events = answer.events();
            let last = events.pop().unwrap();
            let pieces = events.iter().filter_map(Value::as_str);
            assert_eq!(pieces.collect::<String>(), "About a dollar.");
            assert_eq!(last["error_type"], "InterpreterUnavailable");
            last
        };
        let said = error["error"].as_str().unwrap();
        assert!(said.starts_with(WANTED), "{said}");
        assert!(
            said.contains("permission \"code-interpreter\" in Cargo.toml"),
            "{said}"
        );

        // The failed turn is not remembered, but the one before it is.
        assert_eq!(ask("and?").status, 200, "{}", agent.log());
        assert_eq!(model.said(3), ["servers", "Which servers?", "and?"]);
        assert_eq!(agent.invoke(&json!({})).status, 400);
        assert_eq!(agent.get("/ping").json()["status"], "Healthy");
    }
}
