//! An agent's role from before `role.arn` or `role.name` was set: `clean` deletes it, and `deploy`
//! reports it.

use super::{
    clean,
    deployed::{THEIRS, project, run, says},
    support::{
        Cli, Emulator, Fault, Ministack, Moto, Project, Proxy, Times, boto3, emulator::listing_of,
        listing,
    },
};

const FORMER: &str = "AgentCoreRole-one";

/// Sets the role in the metadata.
fn configure(project: &Project, role: &str) {
    let text = project.read("Cargo.toml");
    let lines = text.lines().filter(|line| !line.starts_with("role = "));
    let lines: Vec<String> = lines
        .map(|line| match line {
            "region = \"us-east-1\"" => format!("{line}\nrole = {role}"),
            _ => line.to_owned(),
        })
        .collect();
    project.write("Cargo.toml", lines.join("\n"));
}

fn bring(project: &Project, emulator: &Emulator) {
    let account = emulator.account();
    configure(
        project,
        &format!("{{ arn = \"arn:aws:iam::{account}:role/theirs\" }}"),
    );
}

#[test]
fn a_role_goes_that_was_ours_before_one_was_brought_or_named_otherwise() {
    // moto drops the tags of a runtime that is updated.
    for (emulator, updates) in [
        (Ministack::start(), &[false, true][..]),
        (Moto::start(), &[false]),
    ] {
        boto3(&emulator, THEIRS);
        let before = listing(&emulator);
        let brought = |project: &Project| bring(project, &emulator);
        let renamed = |project: &Project| configure(project, "{ name = \"other-{runtime}\" }");
        for (configures, updates) in [&brought as &dyn Fn(&Project), &renamed]
            .into_iter()
            .flat_map(|configures| updates.iter().map(move |updates| (configures, *updates)))
        {
            let project = project(&["one"]);
            run(&project, &emulator, &["deploy"]).succeeds();
            configures(&project);
            let said = format!(
                "warning: the role `{FORMER}` was created for the agent `one` and is no longer"
            );
            for command in ["deploy", "prepare"] {
                let dry = run(&project, &emulator, &[command, "-n"]).succeeds();
                says(&dry, &said);
            }
            if updates {
                let deployed = run(&project, &emulator, &["deploy"]).succeeds();
                says(&deployed, &said);
                let url = emulator.url();
                let command = format!("`cargo agentcore clean --endpoint-url {url} --agent one`");
                says(&deployed, &format!("{command} deletes it"));
                let again = run(&project, &emulator, &["deploy"]).succeeds();
                assert!(!again.stderr.contains(FORMER), "{}", again.stderr);
            }
            let dry = run(&project, &emulator, &["clean", "--check"]).exits(5);
            says(&dry, &format!("Would delete role `{FORMER}`"));
            let done = clean(&project, &emulator).run().succeeds();
            says(&done, &format!("Deleting role `{FORMER}`"));
            says(
                &done,
                &format!("note: the role `{FORMER}` is not the one that Cargo.toml configures"),
            );
            assert_eq!(listing(&emulator), before);
            says(
                &clean(&project, &emulator).run().succeeds(),
                "Nothing to delete",
            );
        }
    }
}

/// Only the runtime reveals a role with another name, and it is already deleted when the result is
/// checked.
#[test]
fn a_role_of_any_name_goes_that_the_runtime_runs_with() {
    for emulator in [Ministack::start(), Moto::start()] {
        let before = listing(&emulator);
        let project = project(&["one"]);
        configure(&project, "{ name = \"first-{runtime}\" }");
        run(&project, &emulator, &["deploy"]).succeeds();
        configure(&project, "{ name = \"second-{runtime}\" }");
        run(&project, &emulator, &["prepare"]).succeeds();
        let done = clean(&project, &emulator)
            .args(["--output", "json"])
            .run()
            .succeeds();
        let deleted = done.json()["deleted"].to_string();
        for role in ["first-one", "second-one"] {
            assert!(deleted.contains(&format!("\"{role}\"")), "{deleted}");
        }
        assert_eq!(listing(&emulator), before);
    }
}

#[test]
fn a_former_role_stays_with_what_it_serves_elsewhere_and_where_it_is_not_ours() {
    let emulator = Ministack::start();
    boto3(&emulator, THEIRS);
    let regions = ["us-east-1", "eu-west-1"];
    let before = listing_of(&emulator, &regions);
    let project = project(&["one"]);
    for region in regions {
        run(&project, &emulator, &["deploy", "--region", region]).succeeds();
    }
    bring(&project, &emulator);
    let one = clean(&project, &emulator).run().succeeds();
    says(
        &one,
        &format!("Deleting policy `AgentCore-us-east-1` of role `{FORMER}`"),
    );
    says(
        &one,
        &format!("Keeping role `{FORMER}`: it still serves eu-west-1"),
    );
    clean(&project, &emulator)
        .arg("--all-regions")
        .run()
        .succeeds();
    assert_eq!(listing_of(&emulator, &regions), before);

    boto3(
        &emulator,
        "client('iam').create_role(RoleName='AgentCoreRole-one', AssumeRolePolicyDocument='{}')",
    );
    let before = listing(&emulator);
    let kept = clean(&project, &emulator).run().succeeds();
    says(
        &kept,
        &format!("Keeping role `{FORMER}`: not ours: it does not carry the tags of this project"),
    );
    assert_eq!(listing(&emulator), before);
}

#[test]
fn a_former_role_that_may_not_be_judged_or_deleted_is_left_with_what_to_do() {
    for (action, exit, says_why) in [
        (
            "iam:GetRole",
            1,
            "the agent's runtime used it, but its owner cannot be determined: `iam:GetRole` is denied",
        ),
        (
            "iam:ListRolePolicies",
            1,
            "its tags prove that it is this agent's, but what is attached to it could not be read: `iam:ListRolePolicies` is denied",
        ),
        (
            "iam:DeleteRolePolicy",
            4,
            "`iam:DeleteRolePolicy` on policy `AgentCore-us-east-1` of role `AgentCoreRole-one` was denied",
        ),
        (
            "iam:DeleteRole",
            4,
            "`iam:DeleteRole` on role `AgentCoreRole-one` was denied",
        ),
    ] {
        let emulator = Ministack::start();
        boto3(&emulator, THEIRS);
        let before = listing(&emulator);
        let project = project(&["one"]);
        run(&project, &emulator, &["deploy"]).succeeds();
        bring(&project, &emulator);
        let proxy = Proxy::to(&emulator);
        proxy.fault(action, Times::Always, Fault::denied());
        let left = Cli::new(&project)
            .at(&proxy.url())
            .args(["clean", "--yes"])
            .run()
            .exits(exit);
        says(&left, says_why);
        says(&left, "aws iam delete-role --role-name AgentCoreRole-one");
        // With the missing permission.
        clean(&project, &emulator).run().succeeds();
        assert_eq!(listing(&emulator), before, "{action}");
    }
}

/// A user who always provided the role, and may not read others, gets no report of leftovers.
#[test]
fn that_nobody_may_look_for_a_role_of_which_nothing_tells_is_said_and_is_no_leftover() {
    let emulator = Ministack::start();
    boto3(&emulator, THEIRS);
    let project = project(&["one"]);
    bring(&project, &emulator);
    run(&project, &emulator, &["deploy"]).succeeds();
    let proxy = Proxy::to(&emulator);
    proxy.fault("iam:GetRole", Times::Always, Fault::denied());
    let cli = Cli::new(&project).at(&proxy.url()).args(["clean", "--yes"]);
    says(
        &cli.run().succeeds(),
        "Keeping role `AgentCoreRole-one`: cannot check whether there is one: `iam:GetRole` is denied",
    );
}
