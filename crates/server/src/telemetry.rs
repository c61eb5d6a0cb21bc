//! Logs to standard error, as text or JSON.
//!
//! Compat: the fields and level names of Hydra's log lines (`time`, `level`, `msg`, `audience`, `service_name`,
//! `service_version`), in the formats `text`, `json` and `json_pretty`.

use std::fmt::{self, Write as _};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::clock;
use crate::config::{LogFormat, LogLevel};

/// Starts logging; later calls change nothing.
pub fn start(level: LogLevel, format: LogFormat, version: &'static str) {
    let max = match level {
        LogLevel::Panic | LogLevel::Fatal | LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Trace => Level::TRACE,
    };
    // A second start is no error: tests and commands may both try.
    let _ = tracing_subscriber::fmt()
        .with_max_level(max)
        .with_writer(std::io::stderr)
        .event_format(Lines { format, version })
        .try_init();
}

struct Lines {
    format: LogFormat,
    version: &'static str,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warning",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        };
        let time = clock::now();
        if self.format == LogFormat::Text {
            write!(writer, "time={} level={level} ", time.whole_seconds())?;
            let mut line = TextLine {
                message: String::new(),
                fields: String::new(),
            };
            event.record(&mut line);
            return writeln!(
                writer,
                "msg={} audience=application{} service_name=Tessera service_version={}",
                line.message, line.fields, self.version
            );
        }
        let mut fields = Fields(Map::new());
        for (name, value) in [
            ("audience", "application"),
            ("level", level),
            ("service_name", "Tessera"),
            ("service_version", self.version),
        ] {
            fields.0.insert(name.to_owned(), value.into());
        }
        fields.0.insert("time".to_owned(), time.to_string().into());
        event.record(&mut fields);
        let line = Value::Object(fields.0);
        match self.format {
            LogFormat::JsonPretty => writeln!(writer, "{line:#}"),
            LogFormat::Json | LogFormat::Text => writeln!(writer, "{line}"),
        }
    }
}

struct TextLine {
    message: String,
    fields: String,
}

impl Visit for TextLine {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Security: a value cannot begin a new line and so cannot forge one.
        let text = format!("{value:?}").replace(['\n', '\r'], " ");
        if field.name() == "message" {
            self.message = text;
        } else {
            let _ = write!(self.fields, " {}={text}", field.name());
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = write!(
            self.fields,
            " {}={}",
            field.name(),
            value.replace(['\n', '\r'], " ")
        );
    }
}

struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let name = if field.name() == "message" {
            "msg"
        } else {
            field.name()
        };
        self.0.insert(name.to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}
