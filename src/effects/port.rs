//! Ports that are chosen here and opened by another program.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, TcpListener},
    ops::Range,
};

/// Systems assign connections and listeners without a port one from 32768 (Linux) or 49152 (macOS,
/// Windows) on. A port below them stays free until the program that it is for opens it.
/// Kubernetes uses 30000 to 32767 for NodePorts.
const NOT_ASSIGNED: Range<u16> = 20_000..30_000;
/// How many of them are tried before the system chooses one.
const TRIES: usize = 100;

/// Returns a port that is free at this address.
pub(in crate::effects) fn free(host: impl Into<IpAddr>) -> io::Result<u16> {
    let host = host.into();
    let mut tried = (0..TRIES).map(|_| fastrand::u16(NOT_ASSIGNED));
    let found = tried.find_map(|port| {
        // A listener on every interface can go beside another program's on one of them.
        let local = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
        drop(local);
        TcpListener::bind((host, port)).ok()
    });
    found
        .map_or_else(|| TcpListener::bind((host, 0)), Ok)?
        .local_addr()
        .map(|address| address.port())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_port_is_free_and_not_one_that_the_system_assigns() {
        let ports: BTreeSet<u16> = (0..20)
            .map(|_| free(Ipv4Addr::LOCALHOST).unwrap())
            .collect();
        assert!(ports.len() > 10, "{ports:?}");
        assert!(
            ports.iter().all(|port| NOT_ASSIGNED.contains(port)),
            "{ports:?}"
        );
        for port in ports {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        }
    }
}
