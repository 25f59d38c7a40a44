//! `dev --detach` and `dev --stop`.

use std::time::Duration;

use super::DETACHED;
use crate::{
    config::Config,
    effects::{
        clock,
        dev::{self, Background, LOG, Record, Sight, Standing},
        folder::Folder,
        manifest::Project,
    },
    error::{Exit, Failure},
    project::{
        developed::{Found, declared},
        developing::taken,
    },
    ui::Ui,
};

const LOOK: Duration = Duration::from_millis(50);
/// Requests in progress get five seconds, and an agent that does not end by itself two more.
const STOP: Duration = Duration::from_secs(30);

/// Starts this command in the background, and prints its messages until every agent has started.
pub(super) async fn run(project: &Project, config: &Config, ui: &Ui) -> Result<(), Failure> {
    let placed = declared(project, config)?;
    for found in &placed {
        match found.look()? {
            Sight::Gone => {}
            Sight::Starting => return Err(taken(&found.name, None)),
            Sight::Running(record) => return Err(taken(&found.name, Some(&record))),
        }
    }
    // `load` fails without agents.
    let mut background = Background::start(DETACHED, &placed[0].folder)?;
    match clock::unless_interrupted(started(&placed, &mut background, ui)).await {
        Some(records) => introduce(&placed, &records?, &background, ui),
        None => {
            background.kill();
            Err(Failure::new(Exit::Interrupted, "stopped; nothing runs"))
        }
    }
}

/// Returns the records of the agents once they have started in the background.
async fn started(
    placed: &[Found],
    background: &mut Background,
    ui: &Ui,
) -> Result<Vec<Record>, Failure> {
    loop {
        let code = background.code();
        for line in background.lines() {
            ui.plain(&line);
        }
        if let Some(code) = code {
            return Err(failed(code));
        }
        let mut records = Vec::new();
        for found in placed {
            if let Sight::Running(record) = found.look()?
                && record.pid == background.pid()
                && record.standing != Standing::Starting
            {
                records.push(record);
            }
        }
        if records.len() == placed.len() {
            return Ok(records);
        }
        clock::sleep(LOOK).await;
    }
}

/// Its messages are already printed.
fn failed(code: i32) -> Failure {
    let known = [Exit::Usage, Exit::Config, Exit::Access, Exit::Interrupted];
    let exit = known.into_iter().find(|exit| *exit as i32 == code);
    Failure::silent(exit.unwrap_or(Exit::World))
}

fn introduce(
    placed: &[Found],
    records: &[Record],
    background: &Background,
    ui: &Ui,
) -> Result<(), Failure> {
    for record in records {
        ui.result(&record.url);
    }
    ui.status(
        "Detached",
        &format!(
            "process {}; `cargo agentcore dev --stop` stops it",
            background.pid()
        ),
    );
    ui.status(
        "Logging",
        &format!("messages to `{}`", background.path.display()),
    );
    for found in placed {
        let log = found.folder.path().join(LOG);
        let words = format!("output of `{}` to `{}`", found.name, log.display());
        ui.status("Logging", &words);
    }
    let broken: Vec<String> = placed
        .iter()
        .zip(records)
        .filter(|(_, record)| record.standing == Standing::Broken)
        .map(|(found, _)| format!("`{}`", found.name))
        .collect();
    if broken.is_empty() {
        return Ok(());
    }
    Err(
        Failure::world(format!("{} could not be started", broken.join(", ")))
            .help("it starts at the next edit: `dev` keeps running in the background"),
    )
}

/// Asks each `dev` that runs one of the agents to stop, and waits for it.
pub(super) async fn stop(placed: &[Found], ui: &Ui) -> Result<(), Failure> {
    let mut stopping: Vec<(&Found, Record)> = Vec::new();
    for found in placed {
        match found.look()? {
            Sight::Gone => {}
            Sight::Starting => {
                return Err(Failure::world(format!(
                    "agent `{}` is being started by another `cargo agentcore dev`",
                    found.name
                ))
                .help("wait a moment, and run this again"));
            }
            Sight::Running(record) => stopping.push((found, record)),
        }
    }
    if stopping.is_empty() {
        ui.note("no `cargo agentcore dev` runs an agent of this project");
        return Ok(());
    }
    for (found, record) in &stopping {
        dev::ask_to_stop(&found.folder, record)?;
    }
    for (found, record) in &stopping {
        gone_in_time(&found.folder, record, &found.name).await?;
        let words = format!(
            "`{}` at {} (process {})",
            found.name, record.url, record.pid
        );
        ui.status("Stopped", &words);
    }
    Ok(())
}

/// Waits until a `dev` that was asked to stop has ended.
pub(in crate::commands) async fn gone_in_time(
    folder: &Folder,
    record: &Record,
    agent: &str,
) -> Result<(), Failure> {
    let gone = clock::within(STOP, gone(folder, record)).await;
    gone.unwrap_or_else(|| {
        Err(Failure::world(format!(
            "agent `{agent}` is still running {} s after it was asked to stop",
            STOP.as_secs()
        ))
        .help(format!("end process {}", record.pid)))
    })
}

/// Waits until this `dev` is gone; another one may have taken its place.
async fn gone(folder: &Folder, record: &Record) -> Result<(), Failure> {
    loop {
        match dev::look(folder)? {
            Sight::Running(there) if there.nonce == record.nonce => clock::sleep(LOOK).await,
            Sight::Gone | Sight::Starting | Sight::Running(_) => return Ok(()),
        }
    }
}
