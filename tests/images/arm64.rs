//! Agents that are really built for 64-bit ARM, and really run: the template's contract in an image
//! that went through a registry, and a program that cargo-zigbuild linked.
//!
//! Debian's Rust is used, because its packages are all that is needed to add a standard library.

use std::{
    ffi::OsString,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::LazyLock,
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{
    local, package,
    service::deployed,
    support::{
        Cli, Ministack, Project,
        bed::{self, agents, path_with_uv},
        emulator::free_port,
        terminal::Terminal,
    },
};

const TARGET: &str = "aarch64-unknown-linux-gnu";
const QEMU: &str = "qemu-aarch64-static";
/// Where the test's agent says its processor.
const ECHO: &str = include_str!("echo.rs");
const LOCK: &str = include_str!("../support/rust-agents.lock");

/// A rustc with the standard library for 64-bit ARM.
static RUSTC: LazyLock<PathBuf> = LazyLock::new(|| {
    for (program, package) in [
        ("/usr/bin/rustc", "rustc-web"),
        ("/usr/bin/aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
        ("/usr/aarch64-linux-gnu/lib/libc.a", "libc6-dev-arm64-cross"),
        ("/usr/bin/qemu-aarch64-static", "qemu-user-static"),
    ] {
        assert!(
            Path::new(program).exists(),
            "{program} is missing: `apt-get install {package}`, as .ci/run does"
        );
    }
    let version = says(
        "dpkg-query -W -f ${Version} libstd-rust-web-dev",
        Path::new("/"),
    );
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("arm64-{version}"));
    let rustc = folder.join("rustc");
    if !rustc.exists() {
        complete(&folder, &version, &rustc);
    }
    rustc
});

/// Adds the standard library for 64-bit ARM to Debian's rustc, in a folder.
fn complete(folder: &Path, version: &str, rustc: &Path) {
    let place = folder.display();
    fs::create_dir_all(folder.join("lists/partial")).unwrap();
    fs::create_dir_all(folder.join("archives/partial")).unwrap();
    // Other lists than the machine's, because it may not know another processor's packages.
    let apt = format!(
        "apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root \
         -o Dir::State::lists={place}/lists -o Dir::Cache={place}"
    );
    says(&format!("{apt} update"), folder);
    says(
        &format!("{apt} download libstd-rust-web-dev:arm64={version}"),
        folder,
    );
    let mut files = fs::read_dir(folder).unwrap().flatten();
    let package = files.find(|file| file.path().extension().is_some_and(|is| is == "deb"));
    let package = package.expect("it is downloaded").path();
    says(
        &format!("dpkg -x {} {place}/unpacked", package.display()),
        folder,
    );
    fs::remove_file(package).unwrap();
    fs::remove_dir_all(folder.join("lists")).unwrap();
    let rustlib = folder.join("lib/rustlib");
    fs::create_dir_all(&rustlib).unwrap();
    let host = "x86_64-unknown-linux-gnu";
    for (name, from) in [
        (host, Path::new("/usr/lib/rustlib").join(host)),
        (TARGET, folder.join("unpacked/usr/lib/rustlib").join(TARGET)),
    ] {
        // A run that was interrupted may have made it.
        let _ = std::os::unix::fs::symlink(from, rustlib.join(name));
    }
    let script = format!("#!/bin/sh\nexec /usr/bin/rustc --sysroot {place} \"$@\"\n");
    let unfinished = folder.join("unfinished");
    fs::write(&unfinished, script).unwrap();
    says("chmod 755 unfinished", folder);
    fs::rename(unfinished, rustc).unwrap();
}

/// Runs a program and returns what it prints.
#[track_caller]
fn says(words: &str, directory: &Path) -> String {
    let mut words = words.split(' ');
    let program = words.next().unwrap();
    let output = Command::new(program)
        .args(words)
        .current_dir(directory)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A process that is killed when it is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    fn start(command: &mut Command) -> Self {
        let shown = format!("{command:?}");
        let child = command.stdin(Stdio::null()).spawn();
        Self(child.unwrap_or_else(|error| panic!("{shown}: {error}")))
    }

    /// Starts a program for 64-bit ARM as an agent.
    fn agent(program: &Path, emulator: &[&str], port: u16) -> Self {
        let mut command = Command::new(QEMU);
        command
            .args(emulator)
            .arg(program)
            // Where it may write.
            .current_dir(program.parent().unwrap())
            .env_clear()
            .env("PORT", port.to_string())
            .stdout(Stdio::piped());
        let agent = Self::start(&mut command);
        let begin = Instant::now();
        while !asks(port, "GET", "/ping", "").is_some_and(|answer| answer.contains("Healthy")) {
            assert!(
                begin.elapsed() < Duration::from_mins(2),
                "no answer to a ping"
            );
            sleep(Duration::from_millis(20));
        }
        agent
    }

    fn terminate(&self) {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.unwrap(), Signal::TERM).unwrap();
    }
}

/// Sends a request, and returns the connection.
fn request(port: u16, method: &str, path: &str, body: &str) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .ok()?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .ok()?;
    Some(stream)
}

/// Returns the whole answer to a request.
fn asks(port: u16, method: &str, path: &str, body: &str) -> Option<String> {
    let mut answer = String::new();
    request(port, method, path, body)?
        .read_to_string(&mut answer)
        .ok()?;
    Some(answer)
}

/// Starts Debian's registry, and returns its port.
fn registry(folder: &Path) -> (Process, u16) {
    let port = free_port();
    let file = folder.join("registry.yml");
    let config = format!(
        "version: 0.1\nlog: {{ level: error }}\n\
         storage: {{ filesystem: {{ rootdirectory: \"{}/registry\" }} }}\n\
         http: {{ addr: \"127.0.0.1:{port}\" }}\n",
        folder.display()
    );
    fs::write(&file, config).unwrap();
    let mut command = Command::new("docker-registry");
    command
        .arg("serve")
        .arg(file)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let process = Process::start(&mut command);
    let begin = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            begin.elapsed() < Duration::from_mins(1),
            "the registry does not start"
        );
        sleep(Duration::from_millis(10));
    }
    (process, port)
}

/// Makes a project from the template with its contract alone, and returns its folder.
fn contract(project: &Project) -> PathBuf {
    let words = [
        "new",
        "my-agent",
        "--template",
        "rust",
        "--region",
        "us-east-1",
        "--yes",
    ];
    Cli::new(project).args(words).run().succeeds();
    let folder = project.path().join("my-agent");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .unwrap()
        .join("rust-agents/arm64");
    // Small and soon built.
    let build = format!(
        "\n[package.metadata.agentcore.build]\ntarget = \"{TARGET}\"\n\n\
         [package.metadata.agentcore.build.env]\nCARGO_TARGET_DIR = \"{}\"\n\
         CARGO_PROFILE_RELEASE_LTO = \"off\"\nCARGO_PROFILE_RELEASE_OPT_LEVEL = \"0\"\n\
         CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS = \"-C target-feature=+crt-static\"\n\n[dependencies]",
        target.display()
    );
    let manifest = manifest.replacen("\n[dependencies]", &build, 1);
    let of_bedrock = |line: &&str| !line.starts_with("aws-");
    let manifest: Vec<&str> = manifest.lines().filter(of_bedrock).collect();
    let manifest = manifest
        .join("\n")
        .replace("\nsso = [\"aws-config/sso\"]", "");
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::write(folder.join("Cargo.lock"), LOCK).unwrap();
    fs::write(folder.join("src/main.rs"), ECHO).unwrap();
    folder
}

/// Copies an image out of a registry with skopeo, and unpacks its layers.
fn unpack(image: &str, folder: &Path) {
    let copy = format!(
        "skopeo copy --quiet --src-tls-verify=false {image} dir:{}/pulled",
        folder.display()
    );
    says(&copy, folder);
    fs::create_dir(folder.join("root")).unwrap();
    let manifest = fs::read(folder.join("pulled/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    for layer in manifest["layers"].as_array().unwrap() {
        let blob = layer["digest"]
            .as_str()
            .unwrap()
            .trim_start_matches("sha256:");
        says(&format!("tar xzf pulled/{blob} -C root"), folder);
    }
}

#[test]
fn the_templates_contract_runs_on_arm64_from_an_image_that_was_pushed_and_pulled() {
    let (emulator, project) = (Ministack::start(), Project::new());
    let folder = contract(&project);
    let deploy = |more: &[&str]| {
        Cli::in_directory(&folder, project.root())
            .env("RUSTC", &*RUSTC)
            .limit(Duration::from_mins(8))
            .on(&emulator)
            .arg("deploy")
            .args(more)
            .run()
    };
    let first = deploy(&["-v"]).succeeds().stderr;
    for said in ["Starting `my_agent` once", "Creating runtime"] {
        assert!(first.contains(said), "{first}");
    }

    let uri = deployed(&emulator);
    let (_, name) = uri.split_once('/').unwrap();
    let (_registry, port) = registry(project.root());
    let from = format!(
        "docker://{}/{name}",
        emulator.url().trim_start_matches("http://")
    );
    let to = format!("docker://127.0.0.1:{port}/agents/mine");
    says(
        &format!(
            "skopeo copy --quiet --src-tls-verify=false --dest-tls-verify=false {from} {to}:1"
        ),
        project.root(),
    );
    // The registry has computed the digests again.
    let (_, digest) = name.split_once('@').unwrap();
    unpack(&format!("{to}@{digest}"), project.root());

    let program = project.root().join("root/my_agent");
    let port = free_port();
    let mut agent = Process::agent(&program, &[], port);
    let whole = |body: &str| asks(port, "POST", "/invocations", body).unwrap();
    let answer = whole(r#"{"prompt":"hi"}"#);
    let expected = json!({ "asked": { "prompt": "hi" }, "processor": "aarch64" });
    assert!(answer.ends_with(&expected.to_string()), "{answer}");
    assert!(whole("{").starts_with("HTTP/1.1 400 "));
    // A stream ends before its agent.
    let stream = request(port, "POST", "/invocations", r#"{"stream":5}"#).unwrap();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "content-type: text/event-stream"));
    assert!(lines.any(|line| line == "data: 0"));
    agent.terminate();
    assert!(lines.any(|line| line == "data: 4"));
    assert_eq!(agent.0.wait().unwrap().code(), Some(0));
    let mut said = String::new();
    agent
        .0
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert!(said.contains(r#""message":"asked to end""#), "{said}");

    // What does not start is not shipped.
    let broken = ECHO.replace(
        "    process::run",
        "    panic!(\"at start\");\n    process::run",
    );
    fs::write(folder.join("src/main.rs"), &broken).unwrap();
    let refused = deploy(&[]).exits(3);
    refused.says(&[
        "the agent ends with code 101 before it answers on port 8080",
        "at start",
        "`my_agent` was built for AgentCore, and it was started under `/usr/bin/qemu-aarch64-static`",
        "`--force` ships it anyway",
    ]);
    assert_eq!(deployed(&emulator), uri);

    // The local AgentCore pulls and starts it too.
    let cli = |words: &[&str]| {
        let cli = Cli::in_directory(&folder, project.root());
        local::with_cache(cli).args(words).run().succeeds()
    };
    cli(&["deploy", "--local", "--binary", program.to_str().unwrap()]);
    let invoked = cli(&["invoke", "--local", r#"{"prompt":"hi"}"#]);
    let invoked: Value = serde_json::from_str(&invoked.stdout).unwrap();
    assert_eq!(invoked, expected);
    cli(&["clean", "--local", "--yes"]);
}

#[test]
fn cargo_zigbuild_of_uv_links_for_arm64_once_its_download_is_allowed() {
    let project = package();
    let manifest = project.read("Cargo.toml");
    project.write(
        "Cargo.toml",
        format!("{manifest}build = {{ target = \"{TARGET}\" }}\n"),
    );
    // A machine without a C compiler.
    let programs = project.root().join("programs");
    fs::create_dir(&programs).unwrap();
    let path: Vec<PathBuf> = std::env::split_paths(&path_with_uv()).collect();
    // `setsid` is for the test itself.
    for name in ["uv", "python3", "setsid"] {
        let found = path
            .iter()
            .map(|folder| folder.join(name))
            .find(|file| file.exists());
        let found = found.unwrap_or_else(|| agents().join("bin").join(name));
        std::os::unix::fs::symlink(found, programs.join(name)).unwrap();
    }
    std::os::unix::fs::symlink(env!("CARGO"), programs.join("cargo")).unwrap();
    let zig = Path::new(env!("CARGO_TARGET_TMPDIR")).join("zig");
    let cli = |words: &[&str], cache: OsString| {
        Cli::new(&project)
            .env("PATH", &programs)
            .env("RUSTC", &*RUSTC)
            .env("UV_CACHE_DIR", cache)
            .env("CARGO_ZIGBUILD_CACHE_DIR", &zig)
            .env("ZIG_GLOBAL_CACHE_DIR", zig.join("global"))
            .env("ZIG_LOCAL_CACHE_DIR", zig.join("local"))
            .limit(Duration::from_mins(5))
            .args(words)
    };
    let empty = || project.root().join("no-cache").into_os_string();
    let refused = cli(&["package"], empty()).run().exits(1);
    refused.says(&[
        "there is no linker for `aarch64-unknown-linux-gnu`",
        "`--yes` lets uv fetch cargo-zigbuild once (101 MB), or install it with `uv tool install cargo-zigbuild==0.24.1`",
    ]);
    let mut asked = Terminal::run(&cli(&["package"], empty()));
    asked.sees("Let uv download cargo-zigbuild and Zig (101 MB, once)?");
    asked.types("n\r");
    let (status, screen) = asked.ends();
    assert_eq!(status.code(), Some(1), "{screen}");
    assert!(!project.root().join("no-cache/archive-v0").exists());

    let cache = bed::directory().join("uv-cache").into_os_string();
    let built = cli(&["package", "--yes", "-v"], cache).run();
    assert!(
        built.stderr.contains("with cargo-zigbuild through uv"),
        "{}",
        built.stderr
    );
    // Zig links glibc dynamically only, and the image has none.
    let said = "is loaded by `/lib/ld-linux-aarch64.so.1`, and the image contains only the program";
    assert!(built.exits(3).stderr.contains(said));
    let program = project
        .path()
        .join(format!("target/{TARGET}/release/my-agent"));
    let port = free_port();
    let agent = Process::agent(&program, &["-L", "/usr/aarch64-linux-gnu"], port);
    assert!(
        asks(port, "POST", "/invocations", "{}")
            .unwrap()
            .contains("\"version\":\"one\"")
    );
    drop(agent);
}
