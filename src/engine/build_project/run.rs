//! One build: its sources are sent, it is started or found, its log is shown, and its image is
//! looked up.

use std::{collections::VecDeque, pin::pin, time::Duration};

use futures_util::future::{Either, select};

use crate::{
    effects::{
        self,
        aws::{
            AwsError,
            code_build::{Build, CodeBuild, Status},
            ecr::Ecr,
            logs::Logs,
            store::Store,
        },
        build_context, clock,
        folder::Folder,
        interrupt,
    },
    engine::{repository, waiting::Patience},
    error::{Exit, Failure},
    names::{image_uri, ours},
    package::build_script::{script, variables},
    project::{dockerfile::Sources, progress::shown, sessions::Placed},
    resources::{
        bucket::GRACE,
        build_project::MINUTES,
        repository::{StoredImage, build_tag, built_from},
        runtime::refusal,
    },
    text::byte_size,
    ui::Ui,
};

/// How many lines of a failed build are repeated.
const LAST_LINES: usize = 10;
/// How often a log is read again after the end of a build, because lines arrive late.
const LATE: usize = 3;
/// How long stopping a build may take after Ctrl-C.
const STOPPING: Duration = Duration::from_secs(10);
/// The archive of the sources on this machine.
const ARCHIVE: &str = "sources.zip";

/// The phases before CodeBuild runs something of the user's.
const BEFORE: [&str; 4] = ["SUBMITTED", "QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE"];

/// How a build is ordered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order<'a> {
    pub(crate) sources: &'a Sources,
    /// Where the archive of the sources is written.
    pub(crate) output: &'a Folder,
    /// A build that goes on is not good enough.
    pub(crate) anew: bool,
    /// This run wrote the role, so that CodeBuild may not know its rights yet.
    pub(crate) role_was_written: bool,
}

/// What a build gave, and how many bytes were sent for it.
pub(crate) struct Ended {
    pub(crate) image: StoredImage,
    pub(crate) sent: u64,
}

/// Builds the image. The bucket, the repository, the role and the project are there.
pub(crate) async fn build(
    placed: &Placed<'_>,
    order: Order<'_>,
    ui: &Ui,
) -> Result<Ended, Failure> {
    let runner = Runner::new(placed, ui);
    let digest = &order.sources.digest;
    let mut sent = 0;
    let mut patience = Patience::new(refusal::PROPAGATION);
    let build = loop {
        match runner.end_of_build(&order, &mut sent).await? {
            (build, _) if build.status == Status::Succeeded => break build,
            // IAM takes a while until it allows what the new role may do.
            (build, _) if order.role_was_written && is_early(&build) && !patience.is_over() => {
                patience.say("the rights of CodeBuild's new role", "not known yet", ui);
                patience.pause().await;
            }
            (build, lines) => return Err(runner.failure(&build, lines)),
        }
    };
    let image = runner.image(&build, digest).await?;
    runner.tidy(digest).await;
    Ok(Ended { image, sent })
}

/// Deletes the sources of an image that is there. A stopped run leaves them if its build ended
/// before the next run.
pub(crate) async fn tidy(placed: &Placed<'_>, digest: &str, ui: &Ui) {
    let runner = Runner::new(placed, ui);
    match runner.code_build.running(&runner.project, digest).await {
        // Another run builds them again.
        Ok(Some(_)) => {}
        Ok(None) => runner.tidy(digest).await,
        Err(error) => runner.skip_tidying(&error.into()),
    }
}

/// Returns the newest image that was built from these sources.
pub(crate) async fn find(
    placed: &Placed<'_>,
    digest: &str,
) -> Result<Option<StoredImage>, AwsError> {
    let images = Ecr::new(&placed.session)
        .images(&repository::name(placed))
        .await?;
    let mut images: Vec<_> = images
        .into_iter()
        .filter(|image| built_from(image, digest))
        .collect();
    images.sort_by_key(|image| image.pushed);
    Ok(images.pop())
}

fn is_early(build: &Build) -> bool {
    let phase = build.failed.as_ref().map(|(phase, _)| phase.as_str());
    phase.is_some_and(|phase| BEFORE.contains(&phase))
}

struct Runner<'a> {
    code_build: CodeBuild,
    project: String,
    placed: &'a Placed<'a>,
    ui: &'a Ui,
}

impl<'a> Runner<'a> {
    fn new(placed: &'a Placed<'a>, ui: &'a Ui) -> Self {
        let Placed { agent, session } = placed;
        Self {
            code_build: CodeBuild::new(session),
            project: ours::build_project(&agent.project, &agent.runtime_name),
            placed,
            ui,
        }
    }

    fn store(&self) -> Store {
        Store::new(&self.placed.session, &self.placed.agent.project)
    }

    fn key(&self, digest: &str) -> String {
        let prefix = ours::build_prefix(&self.placed.agent.runtime_name);
        format!("{prefix}{digest}.zip")
    }

    /// Starts a build, or finds the one that another run started, and follows it. Ctrl-C stops it.
    async fn end_of_build(
        &self,
        order: &Order<'_>,
        sent: &mut u64,
    ) -> Result<(Build, VecDeque<String>), Failure> {
        let digest = &order.sources.digest;
        let going = if order.anew {
            None
        } else {
            self.code_build.running(&self.project, digest).await?
        };
        interrupt::ends_the_process();
        let mut interrupted = pin!(clock::interrupt());
        let build = match going {
            Some(build) => {
                self.ui.note(&format!(
                    "another run started the build `{}`, which goes on",
                    build.id
                ));
                build
            }
            None => {
                *sent += self.send(order).await?;
                match select(pin!(self.start(digest)), interrupted.as_mut()).await {
                    Either::Left((build, _)) => build?,
                    Either::Right(((), starting)) => return Err(self.stop_start(starting).await),
                }
            }
        };
        let id = build.id.clone();
        match select(pin!(self.follow(build)), interrupted).await {
            Either::Left((ended, _)) => ended,
            Either::Right(((), _)) => Err(self.stop(&id).await),
        }
    }

    /// Stops a build that was just requested, once its ID is known.
    async fn stop_start(&self, starting: impl Future<Output = Result<Build, Failure>>) -> Failure {
        self.ui
            .status("Stopping", "the build that was just requested");
        let interrupted = Failure::new(Exit::Interrupted, "interrupted");
        match clock::within(STOPPING, starting).await {
            Some(Ok(build)) => self.stop(&build.id).await,
            Some(Err(why)) => interrupted.note(format!("the request for a build failed: {why}")),
            None => interrupted
                .note("CodeBuild did not answer, and may build the image")
                .help("the next deploy of the same files follows that build"),
        }
    }

    /// Sends the sources unless they are there. Returns how many bytes were sent.
    async fn send(&self, order: &Order<'_>) -> Result<u64, Failure> {
        let Order {
            sources, output, ..
        } = order;
        let key = self.key(&sources.digest);
        let words = script(
            &sources.settings,
            &sources.labels,
            (build_context::DOCKERFILE, build_context::CONTEXT),
        );
        let (context, folder) = (sources.context.clone(), (*output).clone());
        let size = effects::runtime::aside(
            move |_: &(dyn Fn(()) + Sync)| {
                build_context::archive(&context, &words, &folder, ARCHIVE)
            },
            |()| {},
        )
        .await?;
        let path = output.path().join(ARCHIVE);
        let name = &self.placed.agent.name;
        let sent = if self
            .store()
            .find(&key)
            .await?
            .is_some_and(|found| found.size == size)
        {
            0
        } else {
            self.ui.status(
                "Uploading",
                &format!("sources of `{name}`: {}", byte_size(size)),
            );
            self.store().put_sources(&key, &path, size).await?;
            size
        };
        output.remove_file(ARCHIVE)?;
        Ok(sent)
    }

    async fn start(&self, digest: &str) -> Result<Build, Failure> {
        let Placed { agent, session } = self.placed;
        let registry = image_uri::host(&session.account, &session.region);
        let tag = build_tag(digest, clock::seconds());
        let image = format!("{registry}/{}:{tag}", repository::name(self.placed));
        let location = format!("{}/{}", self.store().bucket(), self.key(digest));
        let variables = variables(&registry, &image, digest);
        let token = clock::unique_id();
        let build = self
            .code_build
            .start(&self.project, &location, &variables, &token)
            .await?;
        self.ui.status(
            "Building",
            &format!(
                "image of `{}` with CodeBuild: build `{}`",
                agent.name, build.id
            ),
        );
        Ok(build)
    }

    /// Waits until the build ends, and shows its log. Returns the last lines of the log too.
    async fn follow(&self, build: Build) -> Result<(Build, VecDeque<String>), Failure> {
        let mut log = Log::default();
        let mut build = build;
        let start = clock::now();
        let limit = Duration::from_mins(2 * u64::from(MINUTES) + 10);
        let mut phase = String::new();
        let mut looks = clock::looks();
        while build.status == Status::Running {
            if build.phase != phase {
                phase.clone_from(&build.phase);
                self.ui.detail("Building", &format!("phase {phase}"));
            }
            log.read(self, &build).await?;
            if start.elapsed() > limit {
                return Err(Failure::world(format!(
                    "build `{}` still runs after {}",
                    build.id,
                    shown(limit)
                )));
            }
            clock::sleep(looks.next().unwrap_or_default()).await;
            build = match self.code_build.build(&self.project, &build.id).await? {
                Some(build) => build,
                None => {
                    return Err(Failure::world(format!("build `{}` is gone", build.id)));
                }
            };
        }
        for pause in clock::pauses(LATE) {
            if log.read(self, &build).await? == 0 && build.log.is_none() {
                break;
            }
            clock::sleep(pause).await;
        }
        Ok((build, log.last))
    }

    /// Stops the build after Ctrl-C.
    async fn stop(&self, id: &str) -> Failure {
        self.ui.status("Stopping", &format!("build `{id}`"));
        let stopping = self.code_build.stop(&self.project, id);
        let interrupted = Failure::new(Exit::Interrupted, "interrupted");
        match clock::within(STOPPING, stopping).await {
            Some(Ok(())) => interrupted.note(format!("build `{id}` was stopped")),
            Some(Err(error)) => {
                let why = Failure::from(error);
                interrupted.note(format!("build `{id}` may go on: {why}"))
            }
            None => interrupted.note(format!("build `{id}` may go on")),
        }
    }

    fn failure(&self, build: &Build, lines: VecDeque<String>) -> Failure {
        let name = &self.placed.agent.name;
        let what = match (&build.status, &build.failed) {
            (Status::Stopped, _) => {
                return Failure::world(format!("build `{}` of `{name}` was stopped", build.id))
                    .note("something else than this run stopped it");
            }
            (_, Some((phase, _))) => {
                format!("the image of `{name}` cannot be built: phase {phase} failed")
            }
            (_, None) => format!("the image of `{name}` cannot be built"),
        };
        let mut failure = Failure::world(what);
        for message in build.failed.iter().flat_map(|(_, messages)| messages) {
            failure = failure.note(message.clone());
        }
        for line in lines {
            failure = failure.note(line);
        }
        failure.note(format!("build `{}`", build.id))
    }

    /// Returns the image that the build pushed.
    async fn image(&self, build: &Build, digest: &str) -> Result<StoredImage, Failure> {
        let name = repository::name(self.placed);
        for pause in clock::pauses(LATE) {
            if let Some(image) = find(self.placed, digest).await? {
                return Ok(image);
            }
            clock::sleep(pause).await;
        }
        Err(Failure::world(format!(
            "build `{}` succeeded, but it pushed no image to the repository `{name}`",
            build.id
        ))
        .help("look for something that deletes images there, then run this again"))
    }

    /// Deletes the sources, which nothing needs anymore, and those of failed builds. A failure is
    /// harmless: `clean` deletes them too.
    async fn tidy(&self, digest: &str) {
        let store = self.store();
        let prefix = ours::build_prefix(&self.placed.agent.runtime_name);
        let own = self.key(digest);
        let grace = i64::try_from(GRACE.as_secs()).unwrap_or(i64::MAX);
        let old = |modified: i64| clock::seconds().saturating_sub(modified) > grace;
        let tidied = async {
            let stored = store.list(&prefix).await?;
            let unused: Vec<_> = stored
                .iter()
                .filter(|object| object.key == own || old(object.modified))
                .collect();
            if unused.is_empty() {
                return Ok(());
            }
            store.delete(&unused).await
        };
        if let Err(error) = tidied.await {
            self.skip_tidying(&error.into());
        }
    }

    fn skip_tidying(&self, why: &Failure) {
        self.ui
            .detail("Skipping", &format!("the deletion of sources: {why}"));
    }
}

/// What was read of a log.
#[derive(Default)]
struct Log {
    next: Option<String>,
    last: VecDeque<String>,
}

impl Log {
    /// Shows what is new, and returns how many lines that are.
    async fn read(&mut self, runner: &Runner<'_>, build: &Build) -> Result<usize, Failure> {
        let Some((group, stream)) = &build.log else {
            return Ok(0);
        };
        let logs = Logs::new(&runner.placed.session);
        let mut count = 0;
        loop {
            let page = logs.stream(group, stream, self.next.as_deref()).await?;
            let Some((lines, next)) = page else {
                return Ok(count);
            };
            count += lines.len();
            for line in lines {
                runner.ui.plain(&line);
                self.last.push_back(line);
            }
            let excess = self.last.len().saturating_sub(LAST_LINES);
            self.last.drain(..excess);
            // The same token means that this is the end for now.
            if next.is_none() || next == self.next {
                return Ok(count);
            }
            self.next = next;
        }
    }
}
