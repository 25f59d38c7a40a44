//! The emulator answers programs on this machine, but no pages in a browser.

use super::*;

/// Returns the answer to a request with these lines after the first one.
fn answer(url: &str, first: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address(url)).unwrap();
    write!(stream, "{first} HTTP/1.1\r\n{headers}\r\n").unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut bytes = Vec::new();
    // After its answer, the server may close the connection without reading the rest.
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn the_emulator_answers_programs_on_this_machine_and_no_page() {
    let stage = Stage::new();
    let url = stage.start();
    let here = address(&url).to_owned();
    let port = here.rsplit(':').next().unwrap();
    let close = "Connection: close\r\n";
    for host in [
        here.clone(),
        format!("localhost:{port}"),
        format!("LOCALHOST:{port}"),
        format!("[::1]:{port}"),
        format!("my-bucket.localhost:{port}"),
    ] {
        let said = answer(
            &url,
            "GET /_ministack/health",
            &format!("Host: {host}\r\n{close}"),
        );
        assert!(said.starts_with("HTTP/1.1 200"), "{host}: {said}");
    }
    let refused = |first: &str, headers: &str| {
        let said = answer(&url, first, &format!("{headers}{close}"));
        assert!(
            said.starts_with("HTTP/1.1 403"),
            "{first} {headers}: {said}"
        );
        assert!(!said.contains("edition"), "{said}");
        assert!(!said.to_lowercase().contains("access-control"), "{said}");
    };
    for host in [
        // A name that a page's owner resolves to this machine (DNS rebinding).
        format!("attacker.example:{port}"),
        "attacker.example".to_owned(),
        format!("127.0.0.1.attacker.example:{port}"),
        format!("localhost.attacker.example:{port}"),
        format!("notlocalhost:{port}"),
        "127.0.0.1".to_owned(),
        "127.0.0.1:1".to_owned(),
        String::new(),
    ] {
        refused("GET /_ministack/health", &format!("Host: {host}\r\n"));
        refused("POST /", &format!("Host: {host}\r\nContent-Length: 0\r\n"));
    }
    for line in [
        "Origin: https://attacker.example",
        "Origin: null",
        "Origin: http://localhost:3000",
        "origin: http://127.0.0.1",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
    ] {
        let headers = format!("Host: {here}\r\n{line}\r\n");
        refused("GET /?Action=ListRoles&Version=2010-05-08", &headers);
        refused("POST /", &format!("{headers}Content-Length: 0\r\n"));
        let preflight = format!("{headers}Access-Control-Request-Method: PUT\r\n");
        refused("OPTIONS /bucket", &preflight);
    }
    let upgrade = format!(
        "Host: {here}\r\nOrigin: https://attacker.example\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    );
    let said = answer(
        &url,
        "GET /ws",
        &format!("{upgrade}Connection: Upgrade\r\n"),
    );
    assert!(said.starts_with("HTTP/1.1 403"), "{said}");
    assert!(is_reachable(&url));
    stage.stop();
}

#[cfg(target_os = "linux")]
#[test]
fn the_emulator_listens_on_the_loopback_interface_alone() {
    let stage = Stage::new();
    let url = stage.start();
    let port: u16 = url.rsplit(':').next().unwrap().parse().unwrap();
    let listening = |file: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                let (local, state) = (words.nth(1)?.to_owned(), words.nth(1)?.to_owned());
                (state == "0A").then_some(local)
            })
            .filter(|local| local.ends_with(&format!(":{port:04X}")))
            .collect::<Vec<_>>()
    };
    assert_eq!(listening("/proc/net/tcp"), [format!("0100007F:{port:04X}")]);
    assert!(listening("/proc/net/tcp6").is_empty());
    stage.stop();
}
