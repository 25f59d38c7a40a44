//! The real SDK with this machine as its endpoint.

use serde_json::{Value, json};

use super::Place;

#[test]
fn boto3_invokes_streams_and_stops() {
    let place = Place::new();
    let printed = place.boto3(
        r#"
answer = plane.invoke_agent_runtime(agentRuntimeArn=arn, payload=b'{"a": "h\xc3\xa9"}')
session = answer["runtimeSessionId"]
print(json.dumps([answer["statusCode"], answer["contentType"], json.loads(answer["response"].read())]))

start, times, text = time.monotonic(), [], b""
answer = plane.invoke_agent_runtime(
    agentRuntimeArn=arn, runtimeSessionId=session, qualifier="DEFAULT", payload=b'{"do": "stream"}')
for line in answer["response"].iter_lines(chunk_size=1):
    if line:
        times.append(time.monotonic() - start)
        text += line + b";"
print(json.dumps([answer["contentType"], text.decode(), times]))

print(plane.stop_runtime_session(agentRuntimeArn=arn, runtimeSessionId=session)["statusCode"])
print(json.dumps(error(plane.stop_runtime_session, agentRuntimeArn=arn, runtimeSessionId=session)))
print(json.dumps(error(plane.invoke_agent_runtime, agentRuntimeArn=arn, qualifier="nowhere", payload=b"{}")))
print(json.dumps(error(plane.invoke_agent_runtime, agentRuntimeArn=arn + "x", payload=b"{}")))
print(json.dumps(error(plane.invoke_agent_runtime, agentRuntimeArn=arn, payload=b'{"do": "fail"}')))
identifier, account = arn.split("/")[1], arn.split(":")[4]
answer = plane.invoke_agent_runtime(agentRuntimeArn=identifier, accountId=account, payload=b"{}")
print(answer["statusCode"])
"#,
    );
    let lines: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        lines[0],
        json!([200, "application/json", { "asked": { "a": "hé" }, "bytes": 12 }])
    );
    assert_eq!(lines[1][0], "text/event-stream");
    assert_eq!(lines[1][1], "data: 0;data: 1;data: 2;");
    // The agent waits half a second between events, so they arrived as they were sent.
    let times: Vec<f64> = serde_json::from_value(lines[1][2].clone()).unwrap();
    assert!(times[2] - times[0] > 0.8, "{times:?}");
    assert_eq!(lines[2], 200);
    for (line, name) in [
        (3, "ResourceNotFoundException"),
        (4, "ResourceNotFoundException"),
        (5, "ResourceNotFoundException"),
        (6, "RuntimeClientError"),
    ] {
        assert_eq!(lines[line][0], name, "{}", lines[line]);
    }
    assert!(
        lines[4][1].as_str().unwrap().contains("'nowhere'"),
        "{}",
        lines[4]
    );
    assert_eq!(lines[7], 200);
}

#[test]
fn a_command_runs_in_the_session_and_its_output_comes_as_events() {
    let place = Place::with(8080, "env = { COLOR = \"red\" }");
    let printed = place.boto3(
        r#"
def run(command, **arguments):
    answer = plane.invoke_agent_runtime_command(
        agentRuntimeArn=arn, runtimeSessionId="s" * 40, body={"command": command, **arguments})
    out, err, stop = "", "", None
    for event in answer["stream"]:
        delta = event["chunk"].get("contentDelta", {})
        out, err = out + delta.get("stdout", ""), err + delta.get("stderr", "")
        stop = event["chunk"].get("contentStop", stop)
    print(json.dumps([out, err, stop]))

run("echo $COLOR; echo $AWS_REGION; pwd; ls invoke.py; echo wrong >&2; exit 3")
run("printf 'h\\303\\251'; cat /dev/null")
run("sleep 60", timeout=1)
print(json.dumps(error(plane.invoke_agent_runtime_command, agentRuntimeArn=arn, body={"command": "x", "timeout": 4000})))
"#,
    );
    let lines: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let out = lines[0][0].as_str().unwrap();
    assert!(out.starts_with("red\nus-east-1\n/"), "{out}");
    assert!(out.ends_with("\ninvoke.py\n"), "{out}");
    assert_eq!(lines[0][1], "wrong\n");
    assert_eq!(lines[0][2], json!({ "exitCode": 3, "status": "COMPLETED" }));
    assert_eq!(lines[1][0], "hé");
    assert_eq!(lines[2][2]["status"], "TIMED_OUT");
    assert_eq!(lines[3][0], "ValidationException");
}
