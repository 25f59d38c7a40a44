//! The process: it starts logging, listens on every interface, and ends when it is asked to.

use std::{net::Ipv4Addr, process::ExitCode, time::Duration};

use axum::Router;
use tokio::net::TcpListener;

use crate::logging;

/// How long requests may go on after the process was asked to end.
const LAST_REQUESTS: Duration = Duration::from_secs(10);

/// Serves until the process is asked to end, on PORT or on the default port.
pub async fn run(default_port: u16, app: Router) -> ExitCode {
    let telemetry = logging::start();
    let served = serve(default_port, app).await;
    telemetry.end();
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            tracing::error!("{why}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(default_port: u16, app: Router) -> Result<(), String> {
    let port = port(default_port)?;
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))
        .await
        .map_err(|error| format!("cannot listen on port {port}: {error}"))?;
    tracing::info!("listening on port {port}");
    let (asked, mut told) = tokio::sync::watch::channel(false);
    let until_asked = async move {
        asked_to_end().await;
        tracing::info!("asked to end");
        asked.send_replace(true);
    };
    let serving = axum::serve(listener, app).with_graceful_shutdown(until_asked);
    tokio::select! {
        result = serving => result.map_err(|error| format!("cannot serve: {error}")),
        () = async {
            // An error means that the server has ended.
            let _ = told.wait_for(|asked| *asked).await;
            tokio::time::sleep(LAST_REQUESTS).await;
        } => Ok(()),
    }
}

/// Returns the port in PORT.
fn port(default: u16) -> Result<u16, String> {
    match std::env::var("PORT") {
        Err(_) => Ok(default),
        Ok(text) if text.is_empty() => Ok(default),
        Ok(text) => match text.parse() {
            Ok(port) if port > 0 => Ok(port),
            _ => Err(format!(
                "PORT must be a port number from 1 to 65535, not {text:?}"
            )),
        },
    }
}

/// Waits for SIGTERM, which AgentCore sends at the end of a session, or for Ctrl-C.
async fn asked_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
