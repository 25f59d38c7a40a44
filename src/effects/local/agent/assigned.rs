//! An agent that listens on the port in a variable, because nothing in its process can report another
//! one.
#![cfg_attr(
    target_os = "linux",
    expect(
        clippy::disallowed_methods,
        reason = "the system tells in files where a process listens"
    )
)]

use std::net::Ipv4Addr;

use tokio::net::TcpStream;

use crate::effects::port;

/// The variable that tells an agent its port.
pub(in crate::effects) const PORT: &str = "PORT";

/// Returns a port that is free on every interface.
pub(in crate::effects) fn free_port() -> std::io::Result<u16> {
    port::free(Ipv4Addr::UNSPECIFIED)
}

/// Returns true if something on this machine accepts connections to the port.
pub(super) async fn accepts(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .is_ok()
}

/// Returns the interfaces on which something listens on the port, as far as the system tells.
#[cfg(target_os = "linux")]
pub(super) fn hosts(port: u16) -> Vec<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].into_iter();
    let texts = tables.filter_map(|table| std::fs::read_to_string(table).ok());
    texts.flat_map(|table| listening(&table, port)).collect()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn hosts(_port: u16) -> Vec<String> {
    Vec::new()
}

/// Returns the addresses of the sockets that listen on the port, from a table in the form of
/// `/proc/net/tcp`.
#[cfg(target_os = "linux")]
fn listening(table: &str, port: u16) -> Vec<String> {
    let rows = table.lines().skip(1).filter_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let (address, found) = columns.get(1)?.split_once(':')?;
        let is_listening = *columns.get(3)? == "0A";
        (is_listening && found == format!("{port:04X}")).then(|| interface(address))
    });
    rows.collect()
}

/// Returns an address as agents write it. The system writes it in the order of its processor.
#[cfg(target_os = "linux")]
fn interface(hex: &str) -> String {
    match (hex.len(), u32::from_str_radix(hex, 16)) {
        (8, Ok(number)) => Ipv4Addr::from(number.to_ne_bytes()).to_string(),
        _ if hex.bytes().all(|digit| digit == b'0') => "::".to_owned(),
        _ if hex.trim_start_matches('0').len() <= 8 && hex.ends_with("01000000") => {
            "::1".to_owned()
        }
        _ => hex.to_owned(),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_interfaces_are_read_from_the_systems_tables() {
        let row = |address: &str, port: u16, state: &str| {
            format!(
                "   0: {address}:{port:04X} 00000000:0000 {state} 00000000:00000000 0 0 0 0 9\n"
            )
        };
        let loopback = format!("{:08X}", u32::from_ne_bytes([127, 0, 0, 1]));
        let zeros = "0".repeat(32);
        let table = [
            "  sl  local_address\n".to_owned(),
            row("00000000", 8080, "0A"),
            row(&loopback, 8080, "0A"),
            row(&zeros, 8080, "0A"),
            row("00000000", 8080, "01"),
            row("00000000", 8081, "0A"),
        ]
        .concat();
        assert_eq!(listening(&table, 8080), ["0.0.0.0", "127.0.0.1", "::"]);
        assert_eq!(interface("00000000000000000000000001000000"), "::1");
    }

    #[tokio::test]
    async fn a_free_port_accepts_once_something_listens() {
        let port = free_port().unwrap();
        assert!(!accepts(port).await);
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .unwrap();
        assert!(accepts(port).await);
        assert_eq!(hosts(port), ["127.0.0.1"]);
        drop(listener);
    }
}
