//! Log lines as JSON objects, with the request and the session that they belong to. AgentCore sends
//! them to CloudWatch Logs.

use std::fmt::{self, Write};

use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id},
};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
    util::SubscriberInitExt,
};

/// Telemetry that is sent when the process ends.
pub struct Telemetry {
    #[cfg(feature = "otel")]
    traces: Option<opentelemetry_sdk::trace::SdkTracerProvider>,
}

/// Starts logging what LOG_LEVEL says, such as `debug` or `hyper=debug,info`. The default is the
/// `info` of this package and the warnings of its dependencies.
pub fn start() -> Telemetry {
    let level = std::env::var("LOG_LEVEL").unwrap_or_default();
    let filter: Targets = level
        .to_lowercase()
        .parse()
        .ok()
        .filter(|_| !level.is_empty())
        .unwrap_or_else(|| {
            Targets::new()
                .with_default(tracing::Level::WARN)
                .with_target(env!("CARGO_CRATE_NAME"), tracing::Level::INFO)
        });
    let registry = tracing_subscriber::registry().with(Lines.with_filter(filter));
    #[cfg(feature = "otel")]
    {
        let traces = traces();
        let layer = traces.as_ref().map(|traces| {
            use opentelemetry::trace::TracerProvider;
            tracing_opentelemetry::layer().with_tracer(traces.tracer(env!("CARGO_PKG_NAME")))
        });
        registry.with(layer).init();
        Telemetry { traces }
    }
    #[cfg(not(feature = "otel"))]
    {
        registry.init();
        Telemetry {}
    }
}

impl Telemetry {
    /// Sends what is left.
    pub fn end(self) {
        #[cfg(feature = "otel")]
        if let Some(traces) = self.traces {
            // There is nowhere left to report a failure.
            let _ = traces.shutdown();
        }
    }
}

/// Returns where traces go, if OTEL_EXPORTER_OTLP_ENDPOINT is set.
#[cfg(feature = "otel")]
fn traces() -> Option<opentelemetry_sdk::trace::SdkTracerProvider> {
    std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT").ok()?;
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .build()
        .ok()?;
    let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .build();
    Some(provider)
}

/// Prints each event as a line.
struct Lines;

/// The fields of a span, for the lines within it.
struct Fields(Map<String, Value>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields(Map::new());
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Fields(Map::new());
        let now = chrono::Utc::now();
        let metadata = event.metadata();
        for (name, value) in [
            (
                "timestamp",
                now.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            ),
            ("level", metadata.level().to_string()),
            ("logger", metadata.target().to_owned()),
        ] {
            line.0.insert(name.to_owned(), value.into());
        }
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(Fields(fields)) = span.extensions().get() {
                line.0.extend(fields.clone());
            }
        }
        event.record(&mut line);
        println!("{}", Value::Object(line.0));
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = write!(text, "{value:?}");
        self.0.insert(field.name().to_owned(), text.into());
    }
}
