//! Environment variables: what is in them, and their size.

use super::*;

#[test]
fn variables_that_replace_the_role_or_hold_a_secret_are_pointed_at_and_not_shown() {
    let secret = ["gh", "p_", "k9Xw2Lq7Vb4Nc5Qz8Rt1Ym6Hd3Js0Fg7Ue4T"].concat();
    let text = |env: &str| {
        format!(
            "[workspace.metadata.agentcore]\nproject = \"x\"\n[workspace.metadata.agentcore.agents.a]\nenv = {{ {env} }}\n"
        )
    };
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    ] {
        let text = text(&format!("{name} = \"{secret}\""));
        let failure = load(&[manifest(&text)], &Stage::None).unwrap_err();
        let [message] = &failure.messages[..] else {
            panic!("{failure:?}")
        };
        assert!(message.what.contains("would replace the credentials"));
        let at = message.at.as_ref().unwrap();
        assert_eq!(&at.text[at.span.clone()], name);
        assert!(!format!("{message:?}").contains(&secret));
    }
    let config = loaded(&text(&format!("A = \"é\", TOKEN = \"{secret}\"")));
    let [warning] = &config.warnings[..] else {
        panic!("{:?}", config.warnings)
    };
    assert_eq!(
        warning.what,
        "the value of `TOKEN` in `env` looks like a GitHub token"
    );
    let at = warning.at.as_ref().unwrap();
    assert_eq!(&at.text[at.span.clone()], "TOKEN");
    assert!(!format!("{warning:?}").contains(&secret));
    assert_eq!(config.agents[0].env["TOKEN"], secret);
}

#[test]
fn variables_are_measured_together() {
    let text = |length: usize| {
        format!(
            "[workspace.metadata.agentcore]\nproject = \"x\"\nenv = {{ A = \"{}\" }}\n[workspace.metadata.agentcore.agents.a]\nenv = {{ B = \"{}\" }}\n",
            "x".repeat(length),
            "y".repeat(length)
        )
    };
    assert_eq!(loaded(&text(767)).warnings, []);
    for length in [768, 2047] {
        let warnings = loaded(&text(length)).warnings;
        assert_eq!(warnings.len(), 1);
        assert!(
            warnings[0]
                .what
                .ends_with("the service accepts 1536 on platform version V2")
        );
        assert!(warnings[0].at.is_some());
    }
    let found = problems(&text(2048));
    let what = "the environment variables of agent `a` take 4098 bytes in all, but the service accepts 4096";
    assert_eq!(found, [(what.to_owned(), "a".to_owned())]);
}
