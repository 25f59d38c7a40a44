//! Agents whose names, tags or folders meet.

use super::*;

#[test]
fn agents_that_would_meet_are_refused_ignoring_case() {
    let found = problems(
        "[workspace.metadata.agentcore]\nproject = \"x\"\n\
         [workspace.metadata.agentcore.agents.a]\n[workspace.metadata.agentcore.agents.A]\ndeployment = \"d\"\n\
         [workspace.metadata.agentcore.agents.b]\n",
    );
    let whats: Vec<&str> = found.iter().map(|(what, _)| what.as_str()).collect();
    assert_eq!(
        whats,
        [
            "the agents `A` and `a` are both called `a`",
            "the agents `a` and `b` share the deployment folder `/real/fake/deployment`"
        ]
    );
}

#[test]
fn an_agent_whose_name_is_that_of_another_at_a_stage_is_refused() {
    let found = problems(
        "[workspace.metadata.agentcore]\nproject = \"x\"\n\
         [workspace.metadata.agentcore.stages.prod]\n\
         [workspace.metadata.agentcore.agents.a]\n\
         [workspace.metadata.agentcore.agents.A_Prod]\ndeployment = \"d\"\n",
    );
    let whats: Vec<&str> = found.iter().map(|(what, _)| what.as_str()).collect();
    assert_eq!(
        whats,
        [
            "the agent `a` at the stage `prod` and the agent `A_Prod` have the same runtime name, `a_prod`"
        ]
    );
}

#[test]
fn agents_that_would_meet_are_told_beside_what_cannot_be_read() {
    let whats = |text: &str| -> Vec<String> {
        let text = format!("[workspace.metadata.agentcore]\n{text}");
        problems(&text).into_iter().map(|(what, _)| what).collect()
    };
    let agents = "[workspace.metadata.agentcore.agents.";
    let env = "invalid variable name ``: expected 1 to 100 characters without `=`";
    assert_eq!(
        whats(&format!(
            "project = \"x\"\nenv = {{ \"\" = \"y\" }}\n{agents}a]\n{agents}A]\ndeployment = \"d\"\n"
        )),
        [env, "the agents `A` and `a` are both called `a`"]
    );
    let excludes = "`arn` in `[workspace.metadata.agentcore.role]` excludes `name`, `path` and `permissions-boundary`";
    let folder = "the agents `a` and `b` share the deployment folder `/real/fake/deployment`";
    let role = "role = { arn = \"arn:aws:iam::123456789012:role/x\", name = \"x\" }";
    assert_eq!(
        whats(&format!(
            "project = \"x\"\n{role}\n{agents}a]\n{agents}b]\n"
        )),
        [excludes, folder]
    );
    let nowhere = "the agent `a` belongs to no project";
    assert_eq!(whats(&format!("{role}\n{agents}a]\n")), [excludes, nowhere]);
}

/// An invalid folder or project does not count as missing.
#[test]
fn what_cannot_be_read_is_told_once() {
    for (project, one, other) in [
        (
            "project = \"X!\"",
            "deployment = \"a\"",
            "deployment = \"b\"",
        ),
        ("projct = \"x\"", "deployment = \"a\"", "deployment = \"b\""),
        ("project = \"x\"", "", "deployment = 1"),
        ("project = \"x\"", "", "deploymnet = \"b\""),
        ("project = \"x\"", "", "deployment = \"../b\""),
    ] {
        let found = problems(&format!(
            "[workspace.metadata.agentcore]\n{project}\n\
             [workspace.metadata.agentcore.agents.a]\n{one}\n\
             [workspace.metadata.agentcore.agents.b]\n{other}\n"
        ));
        assert_eq!(found.len(), 1, "{found:#?}");
    }
}

/// Each would replace the other at every run.
#[test]
fn tags_that_differ_in_case_only_are_refused_where_they_meet() {
    let text = WHOLE.replace("account = \"210987654321\"", "tags = { Team = \"sales\" }");
    assert!(load(&[manifest(&text)], &Stage::None).is_ok());
    let prod = Stage::Named(StageName::parse("prod").unwrap());
    let failure = load(&[manifest(&text)], &prod).unwrap_err();
    assert_eq!(failure.exit, Exit::Config);
    assert_eq!(
        failure.messages[0].what,
        "the tags `Team` and `team` of agent `my_agent` differ only in case, and IAM treats them as one"
    );
    assert!(failure.messages[0].at.is_some(), "the place is said");
}

#[test]
fn a_deployment_folder_is_the_same_however_it_is_written() {
    for other in ["deploy", "Deploy/", "Deploy"] {
        let found = problems(&format!(
            "[workspace.metadata.agentcore]\nproject = \"x\"\n\
             [workspace.metadata.agentcore.agents.a]\ndeployment = \"Deploy\"\n\
             [workspace.metadata.agentcore.agents.b]\ndeployment = \"{other}\"\n"
        ));
        assert_eq!(found.len(), 1, "{other}");
        assert!(
            found[0].0.contains("share the deployment folder"),
            "{}",
            found[0].0
        );
    }
}
