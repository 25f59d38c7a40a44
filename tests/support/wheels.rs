//! Dependencies with a known size, without a package index: a wheel of incompressible noise.

use std::{ffi::OsString, io::Write as _, sync::OnceLock};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::{Cli, Project, bed};

/// More than one part of an upload, and large enough to be copied inside the bucket.
const SIZE: usize = 9 * 1024 * 1024;

const METADATA: &str = "Metadata-Version: 2.1\nName: heavy\nVersion: 1.0\n";
const WHEEL: &str =
    "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
const RECORD: &str = "heavy/__init__.py,,\nheavy/noise.bin,,\nheavy-1.0.dist-info/METADATA,,\nheavy-1.0.dist-info/WHEEL,,\nheavy-1.0.dist-info/RECORD,,\n";

/// Adds a dependency of nine mebibytes to the agent, identical in every project.
pub fn require_heavy(project: &Project) {
    project.write("wheels/heavy-1.0-py3-none-any.whl", heavy());
    project.write(
        "deployment/requirements.txt",
        "../wheels/heavy-1.0-py3-none-any.whl\n",
    );
}

/// Returns the wheel, which is built once per test binary.
fn heavy() -> &'static [u8] {
    static WHEEL: OnceLock<Vec<u8>> = OnceLock::new();
    WHEEL.get_or_init(build_heavy)
}

fn build_heavy() -> Vec<u8> {
    let mut noise = vec![0; SIZE];
    fastrand::Rng::with_seed(7).fill(&mut noise);
    let mut wheel = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let files: [(&str, &[u8]); 5] = [
        ("heavy/__init__.py", b""),
        ("heavy/noise.bin", &noise),
        ("heavy-1.0.dist-info/METADATA", METADATA.as_bytes()),
        ("heavy-1.0.dist-info/WHEEL", WHEEL.as_bytes()),
        ("heavy-1.0.dist-info/RECORD", RECORD.as_bytes()),
    ];
    for (name, content) in files {
        wheel.start_file(name, stored).unwrap();
        wheel.write_all(content).unwrap();
    }
    wheel.finish().unwrap().into_inner()
}

/// Returns the command with uv on PATH.
pub fn with_uv(cli: Cli) -> Cli {
    let mut path = OsString::from(bed::agents().join("bin"));
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    cli.env("PATH", path)
}

/// Builds a pure-Python wheel with these files.
pub fn plain(name: &str, version: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let info = format!("{name}-{version}.dist-info");
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
    let mut all: Vec<(String, String)> = files
        .iter()
        .map(|(path, content)| ((*path).to_owned(), (*content).to_owned()))
        .collect();
    all.push((format!("{info}/METADATA"), metadata));
    all.push((format!("{info}/WHEEL"), WHEEL.to_owned()));
    let mut record: String = all.iter().map(|(path, _)| format!("{path},,\n")).collect();
    record.extend([info.as_str(), "/RECORD,,\n"]);
    all.push((format!("{info}/RECORD"), record));
    let mut wheel = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (path, content) in all {
        wheel
            .start_file(path, SimpleFileOptions::default())
            .unwrap();
        wheel.write_all(content.as_bytes()).unwrap();
    }
    wheel.finish().unwrap().into_inner()
}
