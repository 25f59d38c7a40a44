use std::{fs, net::TcpListener};

use super::*;
use crate::effects::local::VERSION;

fn folder(dir: &tempfile::TempDir) -> Folder {
    Folder::private(dir.path().to_owned())
}

fn record_at(port: u16, nonce: &str) -> Record {
    Record {
        version: VERSION.into(),
        program: String::new(),
        port,
        pid: 1,
        nonce: nonce.into(),
        guest: false,
        models: None,
        caller: None,
        key: None,
    }
}

/// Starts a server that answers one request with `body`.
fn server(body: &'static str) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut buffer = [0; 1024];
        let _ = stream.read(&mut buffer).expect("a request");
        write!(stream, "HTTP/1.1 200 OK\r\n\r\n{body}").expect("a reader");
    });
    port
}

#[test]
fn a_server_that_knows_the_nonce_is_ours() {
    let port = server(r#"{"edition": "abc123"}"#);
    assert!(answers(&record_at(port, "abc123")));
}

#[test]
fn another_server_at_our_port_is_not_ours() {
    let port = server(r#"{"edition": "light"}"#);
    assert!(!answers(&record_at(port, "abc123")));
}

#[test]
fn a_directory_without_a_lock_holds_no_emulator() {
    let dir = tempfile::tempdir().expect("a directory");
    assert!(matches!(look(&folder(&dir)), Ok(Sight::Gone)));
    assert!(matches!(look(&folder(&dir).join("none")), Ok(Sight::Gone)));
}

#[test]
fn a_record_alone_proves_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let port = server(r#"{"edition": "abc"}"#);
    let text = format!(r#"{{"version":"1","port":{port},"pid":1,"nonce":"abc"}}"#);
    fs::write(dir.path().join("emulator.json"), text).expect("a file");
    fs::write(dir.path().join("running.lock"), "").expect("a file");
    assert!(matches!(look(&folder(&dir)), Ok(Sight::Gone)));
}

#[test]
fn a_held_lock_and_the_nonce_prove_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let port = server(r#"{"edition": "abc"}"#);
    let text = format!(r#"{{"version":"1","port":{port},"pid":1,"nonce":"abc"}}"#);
    fs::write(dir.path().join("emulator.json"), text).expect("a file");
    let lock = File::create(dir.path().join("running.lock")).expect("a file");
    lock.lock().expect("a lock");
    assert!(matches!(look(&folder(&dir)), Ok(Sight::Running(found)) if found.port == port));
}

#[test]
fn a_held_lock_without_an_answer_is_silent() {
    let dir = tempfile::tempdir().expect("a directory");
    let lock = File::create(dir.path().join("running.lock")).expect("a file");
    lock.lock().expect("a lock");
    assert!(matches!(look(&folder(&dir)), Ok(Sight::Silent(None))));
}
