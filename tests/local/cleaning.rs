//! `clean --local`: starts the emulator only if it may contain something, and ends it.

use super::*;

/// Copied by `prepare` and removed by `clean`.
const COPY: &str = "deployment/seller";

impl Stage {
    fn cleans(&self, options: &[&str], code: i32) -> String {
        let words = [&["clean", "--local"], options].concat();
        self.does(&words, code).stderr
    }

    fn has_copy(&self) -> bool {
        self.dir.path().join(COPY).exists()
    }
}

#[test]
fn where_no_emulator_has_kept_anything_only_the_disk_is_cleaned() {
    let stage = Stage::new().with_sources();
    stage.does(&["prepare", "--local"], 0);
    stage.does(&["deploy", "--local"], 0);
    stage.stop();
    fs::remove_dir_all(stage.home()).unwrap();
    assert!(stage.has_copy());
    let planned = stage.cleans(&["--dry-run"], 0);
    let unanswered = stage.cleans(&[], 2);
    for said in [&planned, &unanswered] {
        assert!(said.contains("remove the copied sources"), "{said}");
    }
    assert!(stage.has_copy());
    let cleaned = stage.cleans(&["--yes"], 0);
    assert!(cleaned.contains("Removing the copied sources"), "{cleaned}");
    assert!(!stage.has_copy());
    let again = stage.cleans(&[], 0);
    assert!(again.contains("Nothing to delete"), "{again}");

    // A copy that the user deleted is not removed again, only forgotten.
    stage.does(&["prepare", "--local"], 0);
    stage.does(&["local", "stop"], 0);
    fs::remove_dir_all(stage.home()).unwrap();
    fs::remove_dir_all(stage.dir.path().join(COPY)).unwrap();
    let forgotten = stage.cleans(&["--yes"], 0);
    assert!(!forgotten.contains("copied sources"), "{forgotten}");
    let words = "Removing missing copies from the record `";
    assert!(forgotten.contains(words), "{forgotten}");
    for said in [planned, unanswered, cleaned, again] {
        assert!(
            said.contains("note: no AWS emulator is running for this project"),
            "{said}"
        );
        for verb in ["Looking", "Started", "Stopped", "Account"] {
            assert!(!said.contains(verb), "{said}");
        }
    }
    assert!(!stage.home().exists());
}

/// `cargo clean` removes the state of a running emulator, which ends; with another target directory
/// the state stays.
#[test]
fn state_in_another_target_directory_is_never_called_gone() {
    let stage = Stage::new().with_sources();
    let elsewhere = tempfile::tempdir().unwrap();
    let there = |words: &[&str]| {
        let mut command = stage.agentcore(words);
        command.env("CARGO_TARGET_DIR", elsewhere.path());
        let answer = Answer::of(command.output().unwrap());
        assert_eq!(answer.code, Some(0), "{words:?}: {}", answer.stderr);
        answer
    };
    let url = there(&["local", "start"]).stdout;
    let home = elsewhere.path().canonicalize().unwrap();
    let wanted = format!(
        "warning: the state of this project's local AgentCore is in another target directory: `{}`",
        home.join("agentcore/shop-7k2qpx/local").display()
    );
    for words in [
        &["local", "status"][..],
        &["local", "stop"],
        &["status", "--local"],
        &["clean", "--local", "--yes"],
    ] {
        let said = stage.does(words, 0).stderr;
        assert!(said.contains(&wanted), "{words:?}\n{said}");
        let help = format!("help: set CARGO_TARGET_DIR to `{}`", home.display());
        assert!(said.contains(&help), "{words:?}\n{said}");
    }
    assert!(is_reachable(url.trim_end()));
    // As `cargo clean` does it.
    fs::remove_dir_all(&home).unwrap();
    eventually(|| "it runs on", || !is_reachable(url.trim_end()));
    let said = stage.does(&["status", "--local"], 0).stderr;
    assert!(!said.contains("another target directory"), "{said}");
    assert!(said.contains("there is no saved state"), "{said}");
}

#[test]
fn an_answer_that_nobody_can_give_is_missed_before_the_emulator_starts() {
    let stage = Stage::new().with_sources();
    stage.does(&["deploy", "--local"], 0);
    let running = stage.cleans(&[], 2);
    assert!(running.contains("To delete runtime"), "{running}");
    assert_eq!(stage.status()["running"], true);

    stage.stop();
    let stopped = stage.cleans(&[], 2);
    assert!(
        stopped.contains("pass `--yes` to delete what `--dry-run` lists; nothing was deleted"),
        "{stopped}"
    );
    assert!(!stopped.contains("Started"), "{stopped}");
    assert_eq!(stage.status()["running"], false);

    let cleaned = stage.cleans(&["--yes"], 0);
    for said in ["Started", "Deleting runtime", "Stopped the emulator"] {
        assert!(cleaned.contains(said), "{cleaned}");
    }
    assert!(!stage.home().exists());
}

#[test]
fn for_a_role_that_was_brought_the_emulators_state_stays() {
    let stage = Stage::new().with_sources();
    let arn = "arn:aws:iam::000000000000:role/Theirs";
    let role = format!("role = {{ arn = \"{arn}\" }}\nproject =");
    let manifest = MANIFEST.replacen("project =", &role, 1);
    fs::write(stage.dir.path().join("Cargo.toml"), manifest).unwrap();
    let asked = |url: &str, action: &str| {
        let body = format!("Action={action}&Version=2010-05-08&RoleName=Theirs");
        ask(url, "iam", "POST /", &body)
    };
    let trust = "%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22Service\
                 %22%3A%22bedrock-agentcore.amazonaws.com%22%7D%7D%7D";
    asked(
        &stage.start(),
        &format!("CreateRole&AssumeRolePolicyDocument={trust}"),
    );
    stage.does(&["deploy", "--local"], 0);

    let cleaned = stage.cleans(&["--yes"], 0);
    for said in [
        "Deleting runtime",
        "Stopped the emulator",
        &format!("Keeping the emulator's state, because it has role `{arn}`"),
    ] {
        assert!(cleaned.contains(said), "{cleaned}");
    }
    assert_eq!(stage.status()["running"], false);

    let url = stage.start();
    assert!(asked(&url, "GetRole").contains("<RoleName>Theirs</RoleName>"));
    assert!(asked(&url, "DeleteRole").starts_with("HTTP/1.1 200"));
    let rest = stage.cleans(&["--yes"], 0);
    assert!(rest.contains("Stopped the emulator"), "{rest}");
    assert!(!rest.contains("the emulator's state"), "{rest}");
    assert!(!stage.home().exists());
}
