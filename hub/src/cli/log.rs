//! Log lines on stderr, short: `warning: the vector cache is not used: ...`. No times and no module
//! names, since a person reads them beside a command's own words; `-v` and `-vv` add more.
//!
//! Other crates speak only from `-v` on, and only to warn: what matters of theirs comes to us as an
//! error and is told in our words.

use std::fmt;
use std::io;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::ui::{self, Look, Style};

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Volume {
    /// Errors only.
    Quiet,
    /// Warnings.
    Normal,
    /// What happens.
    Verbose,
    /// Everything of ours.
    Everything,
}

/// Starts logging, once for the process.
pub(crate) fn init(level: Volume, look: Look) {
    let layer = tracing_subscriber::fmt::layer()
        .event_format(Short { look })
        .with_writer(Talk);
    // A second start is a test's; the first one stays.
    let _ = tracing_subscriber::registry()
        .with(layer)
        .with(targets(level))
        .try_init();
}

fn targets(level: Volume) -> Targets {
    let (ours, others) = match level {
        Volume::Quiet => (LevelFilter::ERROR, LevelFilter::OFF),
        Volume::Normal => (LevelFilter::WARN, LevelFilter::OFF),
        Volume::Verbose => (LevelFilter::INFO, LevelFilter::WARN),
        Volume::Everything => (LevelFilter::TRACE, LevelFilter::INFO),
    };
    Targets::new()
        .with_default(others)
        .with_target("toolpool", ours)
}

/// Lines as a person reads them.
struct Short {
    look: Look,
}

impl<S, N> FormatEvent<S, N> for Short
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
        let (style, word) = match *event.metadata().level() {
            Level::ERROR => (Style::Bad, "error:"),
            Level::WARN => (Style::Warn, "warning:"),
            Level::INFO => (Style::Dim, "info:"),
            _ => (Style::Dim, "debug:"),
        };
        let mut words = Words::default();
        event.record(&mut words);
        writeln!(
            writer,
            "{} {}",
            self.look.paint(style, word),
            words.sentence()
        )
    }
}

/// The fields of an event: the message, what explains it, and the rest.
#[derive(Default)]
struct Words {
    message: String,
    why: Option<String>,
    rest: Vec<(String, String)>,
}

impl Words {
    fn take(&mut self, name: &str, value: String) {
        match name {
            "message" => self.message = value,
            "error" | "reason" => self.why = Some(value),
            _ => self.rest.push((name.to_owned(), value)),
        }
    }

    fn sentence(&self) -> String {
        let mut out = self.message.clone();
        if !self.rest.is_empty() {
            let rest: Vec<String> = self
                .rest
                .iter()
                .map(|(name, value)| format!("{name} `{value}`"))
                .collect();
            out.push_str(&format!(" ({})", rest.join(", ")));
        }
        if let Some(why) = &self.why {
            out.push_str(&format!(": {why}"));
        }
        crate::cli::words::safe(&out)
    }
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field.name(), format!("{value:?}"));
    }
}

/// Writes through the owner of stderr, so that a changing line gives way.
#[derive(Clone, Copy)]
struct Talk;

impl io::Write for Talk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        ui::talk(String::from_utf8_lossy(bytes).trim_end());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Talk {
    type Writer = Talk;

    fn make_writer(&'a self) -> Talk {
        *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_of_message_fields_and_reason() {
        let mut words = Words::default();
        words.take("message", "tool left out".into());
        assert_eq!(words.sentence(), "tool left out");
        words.take("server", "git".into());
        words.take("reason", "it has no\x1b[2J name".into());
        words.take("tool", "?".into());
        assert_eq!(
            words.sentence(),
            "tool left out (server `git`, tool `?`): it has no name"
        );
    }

    #[test]
    fn only_we_warn_unless_more_is_asked_for() {
        let rows = [
            (Volume::Quiet, "toolpool::sync", Level::WARN, false),
            (Volume::Normal, "toolpool::sync", Level::WARN, true),
            (
                Volume::Normal,
                "toolpool_connectors::mcp",
                Level::WARN,
                true,
            ),
            (
                Volume::Normal,
                "toolpool_connectors::mcp",
                Level::INFO,
                false,
            ),
            (Volume::Normal, "rmcp::service", Level::ERROR, false),
            (Volume::Verbose, "rmcp::service", Level::WARN, true),
            (Volume::Everything, "toolpool::execute", Level::DEBUG, true),
        ];
        for (level, target, event, wanted) in rows {
            assert_eq!(
                targets(level).would_enable(target, &event),
                wanted,
                "{level:?} {target} {event}"
            );
        }
    }
}
