//! What an image needs besides a static program: certificate authorities, a folder for temporary
//! files, and a user.

use std::io;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

use super::{
    entry::{AGENT_ID, Entry, Owner},
    layer::Layer,
};

/// Where programs look for certificate authorities.
pub(crate) const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// The home of the agent's user.
pub(crate) const HOME: &str = "/home/nonroot";

/// The length of a line of a certificate in PEM.
const LINE: usize = 64;

/// Makes the lowest layer of an image that starts from nothing. It is the same for every agent, so
/// a registry stores it once.
///
/// The certificate authorities are Mozilla's, as this tool was built with them: those of this
/// machine would make another image on another machine.
pub(crate) fn layer() -> io::Result<Layer> {
    let users = format!(
        "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:{AGENT_ID}:{AGENT_ID}:nonroot:{HOME}:/sbin/nologin\n"
    );
    let groups = format!("root:x:0:\nnonroot:x:{AGENT_ID}:\n");
    let in_root = |path: &str| path.trim_start_matches('/').to_owned();
    Layer::of(
        vec![
            Entry::folder("etc", 0o755),
            Entry::file("etc/group", 0o644, groups.into_bytes()),
            Entry::file("etc/passwd", 0o644, users.into_bytes()),
            Entry::folder("etc/ssl", 0o755),
            Entry::folder("etc/ssl/certs", 0o755),
            Entry::file(in_root(AUTHORITIES), 0o644, authorities().into_bytes()),
            Entry::folder("home", 0o755),
            Entry::folder(in_root(HOME), 0o700).owned_by(Owner::Agent),
            Entry::folder("tmp", 0o1777),
        ],
        "certificate authorities, user and temporary folder",
    )
}

/// Returns the certificate authorities in PEM.
pub(crate) fn authorities() -> String {
    let mut text = String::new();
    for certificate in TLS_SERVER_ROOT_CERTS {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let mut rest = STANDARD.encode(certificate);
        while !rest.is_empty() {
            let next = rest.split_off(rest.len().min(LINE));
            text.push_str(&rest);
            text.push('\n');
            rest = next;
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}
