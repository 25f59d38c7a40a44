//! A docker-registry of its own for each test, and images with known bytes.
#![expect(clippy::disallowed_methods, reason = "tests touch the world")]

use std::{
    fs,
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tempfile::TempDir;

pub(super) use crate::effects::aws::store::tests::world::{cutting, proxy};
use crate::{
    effects::aws::{
        Session, https,
        network::Network,
        registry::Registry,
        session::{self, Request as Wanted},
    },
    names::Region,
    package::image::{Image, test_image},
    protocol::registry::Repository,
};

pub(super) const USER: &str = "tester";
pub(super) const PASSWORD: &str = "secret";
/// The hash of the password, made with bcrypt, which the registry demands.
const HASH: &str = "$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a";

/// How long the registry may take to start.
const START: Duration = Duration::from_secs(20);

/// A running docker-registry, which ends when it is dropped.
pub(super) struct Server {
    child: Child,
    pub(super) port: u16,
    folder: TempDir,
}

impl Server {
    pub(super) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = {
            let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            listener.local_addr().unwrap().port()
        };
        fs::write(folder.path().join("users"), format!("{USER}:{HASH}\n")).unwrap();
        let place = folder.path().display();
        let config = format!(
            "version: 0.1\nlog: {{ level: error }}\n\
             storage: {{ filesystem: {{ rootdirectory: \"{place}/content\" }} }}\n\
             http: {{ addr: \"127.0.0.1:{port}\" }}\n\
             auth: {{ htpasswd: {{ realm: test, path: \"{place}/users\" }} }}\n"
        );
        let file = folder.path().join("config.yml");
        fs::write(&file, config).unwrap();
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry is installed");
        let server = Self {
            child,
            port,
            folder,
        };
        let start = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < START, "docker-registry does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        server
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns how many uploads were begun and not completed.
    pub(super) fn unfinished(&self) -> usize {
        let uploads = "content/docker/registry/v2/repositories/a/b/_uploads";
        let found = fs::read_dir(self.folder.path().join(uploads));
        found.map_or(0, Iterator::count)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Returns a client for the repository `a/b`.
pub(super) fn registry(url: &str, password: &str) -> Registry {
    let authorization = format!("Basic {}", STANDARD.encode(format!("{USER}:{password}")));
    Registry::at(
        https::connector(url, &Network::default()),
        Repository {
            registry: url.to_owned(),
            repository: "a/b".to_owned(),
        },
        Box::new(move || {
            let authorization = authorization.clone();
            Box::pin(async move { Ok(authorization) })
        }),
        None,
    )
    .unwrap()
}

pub(super) async fn session(url: &str) -> Session {
    let wanted = Wanted {
        region: Some(Region::parse("us-west-2").unwrap()),
        endpoint_url: Some(url.to_owned()),
        local: true,
        ..Wanted::default()
    };
    session::open(&wanted).await.expect("the emulator answers")
}

pub(super) fn image(program: &[u8]) -> Image {
    test_image(Arc::from(program))
}

/// Returns an image with a program of this size that cannot be compressed.
pub(super) fn layer(size: usize) -> Image {
    let mut bytes = vec![0; size];
    fastrand::Rng::with_seed(7).fill(&mut bytes);
    test_image(bytes.into())
}
