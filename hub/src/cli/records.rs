//! `log`: the event log as people read it, one line for each record, or as it was written with `--json`.
//!
//! Any command may run beside it. It starts no hub and reads no configuration, so that it works where those are what is
//! being looked into. (`cli/log.rs` is something else: what a command says on stderr.)

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::cli::args::LogArgs;
use crate::cli::report::Done;
use crate::cli::start::Context;
use crate::cli::ui::{Look, Style};
use crate::cli::words::{count, cut, number, one_line};
use crate::event;
use crate::event_log::{Filter, Level, Place, Reader, Record};

/// The folder of the log in the state folder.
pub(crate) const FOLDER: &str = "log";
/// Records shown where nobody says how many.
const LINES: usize = 100;
/// How often a growing log is looked at.
const EVERY: Duration = Duration::from_millis(250);
/// Columns of one value in a line; `--json` has the whole.
const VALUE_WIDTH: usize = 120;

/// Prints the log.
pub(crate) async fn run(context: &Context, args: &LogArgs) -> anyhow::Result<Done> {
    if args.schema {
        context.ui.json(&event::schema())?;
        return Ok(Done::Yes);
    }
    let folder = context.surroundings.state().join(FOLDER);
    let filter = Filter {
        categories: args.category.clone(),
        session: args.session.clone(),
        since_ms: args.since.map(|ago| now_ms().saturating_sub(millis(ago))),
        level: args.level,
    };
    let mut reader = Reader::new(&folder);
    let mut records = wanted(&mut reader, &filter);
    let all = args.since.is_some() || context.global.json;
    let lines = args.lines.or((!all).then_some(LINES));
    let over = records.len().saturating_sub(lines.unwrap_or(usize::MAX));
    records.drain(..over);
    print(context, &records)?;
    if reader.passed_over() > 0 {
        let lines = count(reader.passed_over(), "line");
        context
            .ui
            .warn(&format!("{lines} of the log could not be read"));
    }
    if !args.follow {
        if records.is_empty() {
            context.ui.say("nothing of that kind is in the log");
        }
        return Ok(Done::Yes);
    }
    loop {
        tokio::select! {
            () = context.signals.stop.cancelled() => return Ok(Done::Yes),
            () = tokio::time::sleep(EVERY) => {}
        }
        print(context, &wanted(&mut reader, &filter))?;
    }
}

fn wanted(reader: &mut Reader, filter: &Filter) -> Vec<Record> {
    let mut records = reader.poll();
    records.retain(|record| filter.passes(record));
    records
}

fn print(context: &Context, records: &[Record]) -> anyhow::Result<()> {
    let mut text = String::new();
    for record in records {
        if context.global.json {
            text.push_str(&serde_json::to_string(record)?);
        } else {
            text.push_str(&line(record, &context.ui.out));
        }
        text.push('\n');
    }
    if !text.is_empty() {
        context.ui.print(&text)?;
    }
    Ok(())
}

/// One record: when, how much it matters, what it is about, where, and its details as they are named in JSON.
fn line(record: &Record, look: &Look) -> String {
    let style = match record.level {
        Level::Debug | Level::Info => Style::Dim,
        Level::Warn => Style::Warn,
        Level::Error => Style::Bad,
    };
    let place = match &record.place {
        Place::Session { session, turn: 0 } => one_line(session),
        Place::Session { session, turn } => format!("{} turn {turn}", one_line(session)),
        Place::Hub { snapshot } => format!("snapshot {snapshot}"),
    };
    let mut line = format!(
        "{} {} {} {}",
        look.paint(Style::Dim, &time(record.at_ms)),
        look.paint(style, &format!("{:5}", record.level.name())),
        look.paint(
            Style::Name,
            &format!("{:10}", record.detail.category().name())
        ),
        look.paint(Style::Dim, &place),
    );
    let details = serde_json::to_value(&record.detail).unwrap_or_default();
    if let Some(what) = details.get("what").and_then(Value::as_str) {
        line.push_str(&format!("  {}", look.paint(Style::Bold, what)));
    }
    for (name, value) in details.as_object().into_iter().flatten() {
        if matches!(name.as_str(), "category" | "what") {
            continue;
        }
        let shown = shown(value);
        if !shown.is_empty() {
            let name = look.paint(Style::Dim, &format!("{name}="));
            line.push_str(&format!(" {name}{}", cut(&shown, VALUE_WIDTH)));
        }
    }
    line
}

/// A value in a line. Empty where there is nothing to say.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text.contains(char::is_whitespace) => {
            format!("`{}`", one_line(text))
        }
        Value::String(text) => one_line(text),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(","),
        Value::Object(object) => match (object.get("text"), object.get("bytes")) {
            (Some(text), _) => shown(text),
            (None, Some(bytes)) => format!("{}B", number(bytes.as_u64().unwrap_or(0))),
            _ => object.values().map(shown).collect::<Vec<_>>().join(":"),
        },
        other => other.to_string(),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, millis)
}

/// A time in UTC, such as `2026-01-31 23:59:59Z`.
fn time(ms: u64) -> String {
    let (days, seconds) = (ms / 86_400_000, ms / 1_000 % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z")
}

/// The date of a day counted from 1970. Years are counted from March, so that a leap day is the last of its year, in
/// cycles of 400 years.
fn date(days: u64) -> (u64, u64, u64) {
    let since_march_0 = days + 719_468;
    let (cycle, day) = (since_march_0 / 146_097, since_march_0 % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (cycle * 400 + year + carry, month, of_month)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_log::{CacheDetail, Content, Detail, ServerDetail, ToolDetail, VERSION};

    const PLAIN: Look = Look {
        width: 80,
        color: false,
        unicode: true,
    };

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, wanted) in [
            (0, "1970-01-01 00:00:00Z"),
            (951_782_400, "2000-02-29 00:00:00Z"),
            (1_709_251_199, "2024-02-29 23:59:59Z"),
            (1_709_251_200, "2024-03-01 00:00:00Z"),
            (1_798_761_599, "2026-12-31 23:59:59Z"),
            (4_107_542_400, "2100-03-01 00:00:00Z"),
        ] {
            assert_eq!(time(seconds * 1_000), wanted);
        }
    }

    #[test]
    fn a_record_is_one_line_that_steers_no_terminal() {
        let record = |level, place, detail| Record {
            v: VERSION,
            at_ms: 0,
            pid: 1,
            level,
            place,
            detail,
        };
        let session = |turn| Place::Session {
            session: "a1b2".into(),
            turn,
        };
        let rows = [
            (
                record(
                    Level::Warn,
                    Place::Hub { snapshot: 3 },
                    Detail::Server(ServerDetail::Health {
                        server: "git".into(),
                        state: "retrying".into(),
                        reason: Some("it\nexited \x1b[2J".into()),
                        tools: 0,
                    }),
                ),
                "1970-01-01 00:00:00Z warn  server     snapshot 3  health server=git state=retrying reason=`it exited` tools=0",
            ),
            (
                record(
                    Level::Info,
                    session(2),
                    Detail::Tool(ToolDetail::Finished {
                        call: "002001000".into(),
                        state: "completed".into(),
                        elapsed_ms: 12,
                        text: Content::of(&"x".repeat(1_204), false),
                    }),
                ),
                "1970-01-01 00:00:00Z info  tool       a1b2 turn 2  finished call=002001000 state=completed elapsed_ms=12 text=1,204B",
            ),
            (
                record(
                    Level::Warn,
                    session(0),
                    Detail::Cache(CacheDetail::Read {
                        step: 1,
                        prompt: 900,
                        predicted: 40,
                        cached: None,
                        cause: Some("tool-bytes".into()),
                        place: Some("definition 3, `crm__get`, from byte 214 on".into()),
                    }),
                ),
                "1970-01-01 00:00:00Z warn  cache      a1b2  read step=1 prompt=900 predicted=40 cause=tool-bytes place=`definition 3, `crm__get`, from byte 214 on`",
            ),
        ];
        for (record, wanted) in rows {
            assert_eq!(line(&record, &PLAIN), wanted);
        }
    }
}
