//! TLS in front of a server, with a certificate authority that is not trusted by default, and a
//! proxy that tunnels every CONNECT to it, for any host.

use std::{
    future::Future,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};
use tokio_rustls::TlsAcceptor;

use super::bed;

/// Creates an authority `ca.pem`, and a certificate with its key for AWS's hosts and two addresses.
const CERTIFICATES: &str = r#"
import datetime, ipaddress, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

def named(name):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])

def certificate(subject, issuer, key, signer, extensions):
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    built = x509.CertificateBuilder().subject_name(named(subject)).issuer_name(named(issuer))
    built = built.public_key(key.public_key()).serial_number(x509.random_serial_number())
    built = built.not_valid_before(now - day).not_valid_after(now + day)
    for extension, critical in extensions:
        built = built.add_extension(extension, critical)
    return built.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
hosts = [x509.DNSName(name) for name in ("*.amazonaws.com", "*.us-east-1.amazonaws.com")]
hosts += [x509.IPAddress(ipaddress.ip_address(text)) for text in ("127.0.0.1", "0.0.0.0")]
files = {
    "ca.pem": certificate("authority", "authority", authority, authority, [(x509.BasicConstraints(True, None), True)]),
    "server.pem": certificate("server", "authority", key, authority, [(x509.SubjectAlternativeName(hosts), False)]),
    "server.key": key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
}
for name, content in files.items():
    with open(f"{sys.argv[1]}/{name}", "wb") as file:
        file.write(content)
"#;

/// Accepts connections in its own thread until it is dropped.
struct Listener {
    port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    fn start<H, F>(serve: H) -> Self
    where
        H: Fn(TcpStream) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let (told, port) = std::sync::mpsc::channel();
        let (stop, mut stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
                told.send(listener.local_addr().unwrap().port()).unwrap();
                loop {
                    tokio::select! {
                        accepted = listener.accept() => {
                            tokio::spawn(serve(accepted.unwrap().0));
                        }
                        _ = &mut stopped => break,
                    }
                }
            });
        });
        Self {
            port: port.recv().unwrap(),
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The test reports its own failure.
            let _ = thread.join();
        }
    }
}

/// TLS in front of a server on this machine.
pub struct Tls {
    listener: Listener,
    directory: PathBuf,
}

impl Tls {
    /// `url` is the server's address; the certificates are created in the directory.
    pub fn before(url: &str, directory: &Path) -> Self {
        let directory = directory.to_owned();
        let made = Command::new(bed::program(&bed::emulators(), "python"))
            .args(["-c", CERTIFICATES])
            .arg(&directory)
            .status()
            .unwrap();
        assert!(made.success(), "the certificates are made");
        let chain = CertificateDer::from_pem_file(directory.join("server.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(directory.join("server.key")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let port = port_of(url);
        let listener = Listener::start(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                // A client that does not trust the certificate disconnects.
                if let Ok(mut inside) = acceptor.accept(stream).await {
                    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                    let _ = copy_bidirectional(&mut inside, &mut server).await;
                }
            }
        });
        Self {
            listener,
            directory,
        }
    }

    pub fn port(&self) -> u16 {
        self.listener.port
    }

    /// Returns the authority's certificate.
    pub fn authority(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }
}

/// A proxy that only supports CONNECT.
pub struct Tunnel {
    listener: Listener,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Tunnel {
    /// Requires this value of `Proxy-Authorization`, if any.
    pub fn to(tls: &Tls, authorization: Option<&str>) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (kept, port) = (Arc::clone(&asked), tls.port());
        let wanted = authorization.map(|value| format!("proxy-authorization: {value}\r\n"));
        let listener =
            Listener::start(move |stream| tunnel(stream, Arc::clone(&kept), wanted.clone(), port));
        Self { listener, asked }
    }

    /// Returns the proxy's address, with user and password if given.
    pub fn url(&self, user: &str) -> String {
        format!("http://{user}127.0.0.1:{}", self.listener.port)
    }

    /// Returns the requested hosts with their ports, without duplicates.
    pub fn hosts(&self) -> Vec<String> {
        let mut hosts = self.asked.lock().unwrap().clone();
        hosts.sort();
        hosts.dedup();
        hosts
    }
}

async fn tunnel(
    mut stream: TcpStream,
    asked: Arc<Mutex<Vec<String>>>,
    wanted: Option<String>,
    port: u16,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let host = head
        .strip_prefix("CONNECT ")
        .and_then(|rest| rest.split(' ').next())
        .unwrap_or_else(|| panic!("a tunnel was to be asked for: {head}"));
    asked.lock().unwrap().push(host.to_owned());
    let lower = head.to_ascii_lowercase();
    if wanted.is_some_and(|wanted| !lower.contains(&wanted.to_ascii_lowercase())) {
        let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
        let _ = stream.write_all(refusal.as_bytes()).await;
        return;
    }
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    if stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.is_ok() {
        let _ = copy_bidirectional(&mut stream, &mut server).await;
    }
}

fn port_of(url: &str) -> u16 {
    url.rsplit(':').next().unwrap().parse().unwrap()
}
