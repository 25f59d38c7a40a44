//! The port of an agent, and the process that holds it if it is taken.
#![cfg_attr(
    target_os = "linux",
    expect(
        clippy::disallowed_methods,
        reason = "the system tells in files which process holds a port"
    )
)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

use crate::{effects::port, error::Failure};

/// Listens on exactly this port; 0 is any free one.
pub(crate) async fn listen(host: IpAddr, port: u16, agent: &str) -> Result<TcpListener, Failure> {
    let option = format!("`cargo agentcore dev --agent {agent} --port 0`");
    let what = format!("agent `{agent}`");
    bind(SocketAddr::new(host, port), &what, &option).await
}

/// Returns a port for a debugger: this one, which must be free, or any free one for 0.
pub(crate) async fn debugger_port(port: u16) -> Result<u16, Failure> {
    if port == 0 {
        return port::free(Ipv4Addr::LOCALHOST).map_err(|error| cannot_listen(&error));
    }
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = bind(address, "the debugger", "`--debug-port 0`").await?;
    port_of(&listener)
}

async fn bind(address: SocketAddr, what: &str, free: &str) -> Result<TcpListener, Failure> {
    let port = address.port();
    TcpListener::bind(address).await.map_err(|error| {
        if error.kind() != std::io::ErrorKind::AddrInUse {
            return Failure::world(format!("cannot listen on {address}: {error}"));
        }
        let what = format!("port {port} for {what} is in use");
        let failure = Failure::world(match holder(port) {
            Some(holder) => format!("{what} by {holder}"),
            None => what,
        });
        failure.help(format!(
            "end that process, or choose another port: {free} picks a free one"
        ))
    })
}

/// Returns the assigned port.
pub(crate) fn port_of(listener: &TcpListener) -> Result<u16, Failure> {
    let address = listener.local_addr();
    address
        .map(|address| address.port())
        .map_err(|error| cannot_listen(&error))
}

fn cannot_listen(error: &std::io::Error) -> Failure {
    Failure::world(format!("cannot listen: {error}"))
}

/// Describes the holder, such as "process 4711 (`python3 app.py`)".
#[cfg(target_os = "linux")]
fn holder(port: u16) -> Option<String> {
    let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|table| listening(&table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        // The descriptors of other users' processes are not readable.
        let Ok(open) = std::fs::read_dir(entry.path().join("fd")) else {
            continue;
        };
        let holds = open.flatten().any(|descriptor| {
            std::fs::read_link(descriptor.path()).is_ok_and(|target| {
                sockets
                    .iter()
                    .any(|socket| target.as_os_str() == socket.as_str())
            })
        });
        if holds {
            let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            let command: String = command.trim().chars().take(60).collect();
            return Some(format!("process {pid} (`{command}`)"));
        }
    }
    None
}

/// Returns the inodes of the sockets listening on the port, from a table in the form of
/// `/proc/net/tcp`.
#[cfg(target_os = "linux")]
fn listening(table: &str, port: u16) -> Vec<String> {
    let wanted = format!(":{port:04X}");
    let rows = table.lines().skip(1).filter_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let (local, state, inode) = (columns.get(1)?, columns.get(3)?, columns.get(9)?);
        // 0A is TCP_LISTEN.
        (local.ends_with(&wanted) && *state == "0A").then(|| (*inode).to_owned())
    });
    rows.collect()
}

#[cfg(not(target_os = "linux"))]
fn holder(_port: u16) -> Option<String> {
    None
}
