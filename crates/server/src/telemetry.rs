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
            let mut line = TextLine::default();
            event.record(&mut line);
            return writeln!(
                writer,
                "msg={} audience=application{} service_name=Tessera service_version={}",
                line.message.0, line.fields.0, self.version
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

#[derive(Default)]
struct TextLine {
    message: OneLine,
    fields: OneLine,
}

impl Visit for TextLine {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = write!(self.fields, " {}={value}", field.name());
    }
}

/// A text with blanks for line breaks.
///
/// Security: a value cannot begin a new line and so cannot forge one.
#[derive(Default)]
struct OneLine(String);

impl fmt::Write for OneLine {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (number, piece) in text.split(['\n', '\r']).enumerate() {
            if number > 0 {
                self.0.push(' ');
            }
            self.0.push_str(piece);
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_begin_a_line() {
        let mut line = OneLine::default();
        let path = "/a\nlevel=error\r\n";
        write!(line, "path={path}\r").unwrap();
        assert_eq!(line.0, "path=/a level=error   ");
    }
}
