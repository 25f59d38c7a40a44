use tokio::net::TcpListener;

use super::*;

/// How a metadata service treats requests for a token.
#[derive(Clone, Copy, PartialEq)]
enum Tokens {
    Required,
    /// The answer has no header with the token's lifetime.
    WithoutLifetime,
    /// Only GET is allowed.
    None,
}

/// Starts a metadata service that has credentials.
async fn service(tokens: Tokens) -> Metadata {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = String::new();
            while !request.ends_with("\r\n\r\n") {
                request.push(char::from(stream.read_u8().await.unwrap()));
            }
            let answer = answer(tokens, &request);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    Metadata { address }
}

fn answer(tokens: Tokens, request: &str) -> String {
    let words: Vec<&str> = request.split(' ').collect();
    let has_token = request.contains("x-aws-ec2-metadata-token: secret-token\r\n");
    let role = format!("{ROLES}role");
    let lifetime = match tokens {
        Tokens::Required => "x-aws-ec2-metadata-token-ttl-seconds: 60\r\n",
        Tokens::WithoutLifetime | Tokens::None => "",
    };
    let (status, body) = match (words[0], words[1]) {
        ("PUT", "/latest/api/token") if tokens != Tokens::None => ("200 OK", "secret-token"),
        ("PUT", _) => ("405 Method Not Allowed", ""),
        _ if tokens != Tokens::None && !has_token => ("401 Unauthorized", ""),
        ("GET", ROLES) => ("200 OK", "role"),
        ("GET", path) if path == role => (
            "200 OK",
            r#"{"Code": "Success", "AccessKeyId": "AKIA", "SecretAccessKey": "s", "Token": "t", "Expiration": "2030-01-01T00:00:00Z"}"#,
        ),
        _ => ("404 Not Found", ""),
    };
    format!(
        "HTTP/1.0 {status}\r\n{lifetime}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn found(tokens: Tokens) -> Credentials {
    service(tokens).await.credentials().await.unwrap()
}

#[tokio::test]
async fn finds_the_credentials_of_a_service_that_requires_tokens() {
    let credentials = found(Tokens::Required).await;
    assert_eq!(credentials.access_key_id(), "AKIA");
    assert_eq!(credentials.session_token(), Some("t"));
    assert!(credentials.expiry().is_some());
}

#[tokio::test]
async fn needs_no_header_with_the_tokens_lifetime() {
    assert_eq!(found(Tokens::WithoutLifetime).await.access_key_id(), "AKIA");
}

#[tokio::test]
async fn needs_no_tokens() {
    assert_eq!(found(Tokens::None).await.access_key_id(), "AKIA");
}

#[tokio::test]
async fn an_absent_service_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    assert!(Metadata { address }.credentials().await.is_err());
}
