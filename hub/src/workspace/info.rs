//! `file_info`: what a path is, without reading it through.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::json;

use super::walk::{self, Kind};
use super::{Answer, Refusal, Setting, confine, read, suggest, text};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    path: String,
}

pub(super) fn run(setting: &Setting, arguments: Arguments) -> Result<Answer, Refusal> {
    let inside = suggest::resolve(setting, &arguments.path)?;
    let path = inside.shown();
    let cannot = |error: std::io::Error| {
        Refusal(format!(
            "`{path}` cannot be looked at: {}",
            confine::plain(&error)
        ))
    };
    let data = inside.absolute.symlink_metadata().map_err(cannot)?;
    let kind = Kind::of(data.file_type());
    let mut value = json!({ "path": path, "kind": kind.word() });
    let mut words = vec![format!("{path}: {}", kind.word())];
    if kind == Kind::File {
        value["bytes"] = data.len().into();
        words.push(format!("{} ({} bytes)", walk::size(data.len()), data.len()));
        let content = match setting.root.open_file(&inside) {
            Ok(mut file) => {
                text::not_text(&read::sniff(&mut file).map_err(cannot)?, &path).unwrap_or("text")
            }
            Err(_) => "not readable",
        };
        value["content"] = content.into();
        words.push(content.to_owned());
    }
    if kind == Kind::Folder
        && let Ok(entries) = inside.absolute.read_dir()
    {
        let count = entries
            .flatten()
            .filter(|entry| !confine::is_hidden(&entry.file_name()))
            .count();
        value["entries"] = count.into();
        words.push(format!("{count} entries"));
    }
    if let Ok(changed) = data.modified() {
        let changed = utc(changed);
        words.push(format!("changed {changed}"));
        value["changed"] = changed.into();
    }
    Ok(Answer {
        text: words.join(", "),
        structured: Some(value),
    })
}

/// A time as RFC 3339 in UTC, to the second. Times before 1970 are shown as its start.
fn utc(time: SystemTime) -> String {
    let seconds = time
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    )
}

/// Year, month and day of the nth day since 1970, in the Gregorian calendar. Years are counted from March, so that the leap day is
/// the last of its year and 400 years have always 146,097 days.
fn date(days: u64) -> (u64, u64, u64) {
    let since_march_0000 = days + 719_468;
    let (cycle, of_cycle) = (since_march_0000 / 146_097, since_march_0000 % 146_097);
    let year_of_cycle =
        (of_cycle - of_cycle / 1_460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (
        cycle * 400 + year_of_cycle + u64::from(month <= 2),
        month,
        day,
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_in_utc() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_210_096, "2024-02-29T12:34:56Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(utc(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
    }
}
