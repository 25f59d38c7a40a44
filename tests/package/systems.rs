//! An archive does not depend on the system that builds it.

use std::{fs, os::unix::fs::PermissionsExt as _};

use super::{archive, package, project, python};

#[test]
fn permissions_come_from_what_files_hold_and_not_from_the_file_system() {
    let project = project();
    project.write("deployment/requirements.txt", "");
    let write = |name: &str, content: &[u8], mode| {
        let path = project.path().join("my_agent").join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    write("run.sh", b"#!/bin/sh\necho\n", 0o644);
    write("notes.txt", b"nothing to run\n", 0o755);
    package(&project).run().succeeds();
    let code = "import sys, zipfile\nfor i in zipfile.ZipFile(sys.argv[1]).infolist():\n  if i.filename.endswith(('.sh', '.txt')): print(i.filename, oct(i.external_attr >> 16 & 0o777))";
    assert_eq!(
        python(code, &archive(&project)),
        "my_agent/notes.txt 0o644\nmy_agent/run.sh 0o755\nrequirements.txt 0o644\n"
    );
}

#[test]
fn programs_and_libraries_of_other_systems_are_refused() {
    let project = project();
    project.write("deployment/requirements.txt", "");
    let mut pe = vec![0; 128];
    pe[..2].copy_from_slice(b"MZ");
    pe[0x3c] = 0x40;
    pe[0x40..0x44].copy_from_slice(b"PE\0\0");
    fs::write(project.path().join("my_agent/fast.pyd"), pe).unwrap();
    let mach = b"\xcf\xfa\xed\xfe\x0c\0\0\x01 and so on";
    fs::write(project.path().join("my_agent/fast.so"), mach).unwrap();
    let stderr = package(&project).run().exits(1).stderr;
    for wanted in [
        "`my_agent/fast.pyd` is made for Windows, not for 64-bit ARM Linux",
        "`my_agent/fast.so` is made for macOS, not for 64-bit ARM Linux",
        "leave it out with a line in `.agentcoreignore`",
    ] {
        assert!(stderr.contains(wanted), "{stderr}");
    }
    assert!(!archive(&project).exists());
}

#[test]
fn names_that_other_systems_cannot_store_are_warned_of() {
    let project = project();
    project.write("deployment/requirements.txt", "");
    for name in ["aux.py", "Data.json", "data.json"] {
        project.write(&format!("my_agent/{name}"), "{}\n");
    }
    let stderr = package(&project).run().succeeds().stderr;
    for wanted in [
        "warning: the agent has files whose names do not work on every system",
        "`my_agent/aux.py` is a reserved Windows filename",
        "`my_agent/Data.json` and `my_agent/data.json` differ only in case",
    ] {
        assert!(stderr.contains(wanted), "{stderr}");
    }
}
