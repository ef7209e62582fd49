//! Times as people read them, in UTC: enough of a calendar for names of sessions and lists of them, and so no crate for it.

/// RFC 3339, to the second: `2026-11-24T21:53:01Z`.
pub fn text(seconds: u64) -> String {
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = of_day(seconds);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Digits that sort by time: `20261124-215301`.
pub fn stamp(seconds: u64) -> String {
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = of_day(seconds);
    format!("{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}")
}

/// Seconds since 1970 of a date or of a time in UTC: `2026-11-24`, `2026-11-24T21:53:01Z`, the same with a space. None for everything else,
/// also for days that no calendar has.
pub fn parse(words: &str) -> Option<u64> {
    let (date, time) = match words.split_once(['T', ' ']) {
        Some((date, time)) => (date, Some(time.strip_suffix('Z')?)),
        None => (words, None),
    };
    let number = |text: &str, digits: usize| {
        let all = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
        all.then(|| text.parse::<u64>().ok()).flatten()
    };
    let mut parts = date.splitn(3, '-');
    let (year, month, day) = (
        number(parts.next()?, 4)?,
        number(parts.next()?, 2)?,
        number(parts.next()?, 2)?,
    );
    let mut of_day = 0;
    if let Some(time) = time {
        let mut parts = time.splitn(3, ':');
        for below in [24, 60, 60] {
            let part = number(parts.next()?, 2).filter(|part| *part < below)?;
            of_day = of_day * 60 + part;
        }
    }
    if year < 1970 || !(1..=12).contains(&month) {
        return None;
    }
    let (year_from_march, month_from_march) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let (cycle, of_cycle) = (year_from_march / 400, year_from_march % 400);
    let of_year = (153 * month_from_march + 2) / 5 + day.checked_sub(1)?;
    let days = cycle * 146_097 + of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + of_year;
    let seconds = days.checked_sub(719_468)? * 86_400 + of_day;
    // A day that the month does not have comes out as another one.
    text(seconds).starts_with(date).then_some(seconds)
}

fn of_day(seconds: u64) -> (u64, u64, u64) {
    let of_day = seconds % 86_400;
    (of_day / 3600, of_day / 60 % 60, of_day % 60)
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
            assert_eq!(text(seconds), expected);
        }
        assert_eq!(stamp(1_709_210_096), "20240229-123456");
    }

    #[test]
    fn times_are_read_as_they_are_written() {
        for seconds in [0, 951_782_399, 951_782_400, 1_709_210_096, 4_107_542_400] {
            let written = text(seconds);
            assert_eq!(parse(&written), Some(seconds));
            assert_eq!(parse(&written[..10]), Some(seconds / 86_400 * 86_400));
            assert_eq!(parse(&written.replace('T', " ")), Some(seconds));
        }
        for wrong in [
            "",
            "2h",
            "2026",
            "2026-02-30",
            "2026-13-01",
            "2026-00-10",
            "2026-01-00",
            "1969-12-31",
            "2026-01-01T24:00:00Z",
            "2026-01-01T10:00:00",
            "2026-01-01T10:00Z",
            "26-01-01",
            "2026-01-01T1:00:00Z",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
