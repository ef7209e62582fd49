//! `/cache`: what the server had of each prompt in its cache, and what took the rest.
//!
//! As JSON: {"steps": [{turn, step, prompt, predicted, cached, again, again_ms, cause, place}], "prompt", "cached", "again_ms"}.

use serde_json::{Value, json};

use crate::cache::Read;
use crate::cli::columns::{self, Align, Cell};
use crate::cli::ui::{Look, Style};
use crate::cli::words::{number, one_line};

/// Steps that a table shows, the last ones; `--json` has all.
const STEPS: usize = 20;

/// Sums over the prompts of which the server says what it had.
#[derive(Debug, Default, PartialEq)]
struct Sums {
    prompt: u64,
    cached: u64,
    again_ms: u64,
}

fn sums(reads: &[Read]) -> Sums {
    let mut sums = Sums::default();
    for read in reads {
        let Some(cached) = read.note.cached else {
            continue;
        };
        sums.prompt += u64::from(read.note.prompt);
        sums.cached += u64::from(cached);
        sums.again_ms += read.again_ms().unwrap_or(0);
    }
    sums
}

/// All that is known.
pub(super) fn json(reads: &[Read]) -> Value {
    let step = |read: &Read| {
        let note = &read.note;
        json!({
            "turn": note.turn, "step": note.step, "prompt": note.prompt, "predicted": note.predicted, "cached": note.cached,
            "again": note.again, "again_ms": read.again_ms(), "cause": note.cause, "place": note.place,
        })
    };
    let sums = sums(reads);
    json!({
        "steps": reads.iter().map(step).collect::<Vec<_>>(),
        "prompt": sums.prompt, "cached": sums.cached, "again_ms": sums.again_ms,
    })
}

/// The last steps as a table, and the sums of all.
pub(super) fn text(reads: &[Read], look: &Look) -> String {
    if reads.is_empty() {
        return "nothing was read yet\n".into();
    }
    let rows: Vec<Vec<Cell>> = reads[reads.len().saturating_sub(STEPS)..]
        .iter()
        .map(|read| row(read, look))
        .collect();
    let heads = [
        ("STEP", Align::Left),
        ("PROMPT", Align::Right),
        ("PREDICTED", Align::Right),
        ("CACHED", Align::Right),
        ("SHARE", Align::Right),
        ("LOST TO", Align::Left),
    ];
    let mut out = columns::table(&heads, &rows, 0, look);
    let sums = sums(reads);
    let line = if sums.prompt == 0 {
        "the server does not say what it had in its cache".to_owned()
    } else {
        format!(
            "{} of {} tokens from the cache, {} {dot} {} ms spent on what had been read before",
            number(sums.cached),
            number(sums.prompt),
            percent(sums.cached, sums.prompt),
            number(sums.again_ms),
            dot = look.dot()
        )
    };
    out.push_str(&format!("\n{line}\n"));
    out
}

fn row(read: &Read, look: &Look) -> Vec<Cell> {
    let note = &read.note;
    let (cached, share) = match note.cached {
        Some(cached) => (
            number(u64::from(cached)),
            percent(u64::from(cached), u64::from(note.prompt)),
        ),
        None => Default::default(),
    };
    let place = note.place.as_deref().map(one_line).unwrap_or_default();
    let lost = match note.cause {
        Some(cause) => Cell::styled(Style::Warn, format!("{}: {place}", cause.words())),
        None => Cell::new(""),
    };
    vec![
        Cell::new(format!("{}{}{}", note.turn, look.dot(), note.step)),
        Cell::new(number(u64::from(note.prompt))),
        Cell::new(number(u64::from(note.predicted))),
        Cell::new(cached),
        Cell::styled(Style::Dim, share),
        lost,
    ]
}

fn percent(part: u64, all: u64) -> String {
    format!("{} %", part * 100 / all.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::entry::{CacheCause, CacheNote, Served};

    const PLAIN: Look = Look {
        width: 100,
        color: false,
        unicode: true,
    };

    fn read(step: u32, cached: Option<u32>, cause: Option<CacheCause>) -> Read {
        let note = CacheNote {
            turn: 1,
            step,
            prompt: 1_000,
            predicted: 800,
            cached,
            cause,
            place: cause.map(|_| "definition 3, `crm__get`, from byte 214 on".into()),
            again: cause.map_or(0, |_| 400),
            system: String::new(),
            served: Served::default(),
        };
        Read {
            note,
            prompt_ms: Some(160),
            reply: 1,
        }
    }

    #[test]
    fn steps_with_their_causes_and_the_sums() {
        let reads = [
            read(1, Some(0), None),
            read(2, Some(200), Some(CacheCause::ToolBytes)),
            read(3, None, None),
        ];
        let wanted = "\
STEP  PROMPT  PREDICTED  CACHED  SHARE  LOST TO
1·1    1,000        800       0    0 %
1·2    1,000        800     200   20 %  tool bytes: definition 3, `crm__get`, from byte 214 on
1·3    1,000        800

200 of 2,000 tokens from the cache, 10 % · 80 ms spent on what had been read before
";
        assert_eq!(text(&reads, &PLAIN), wanted);
        let json = json(&reads);
        assert_eq!(
            (&json["prompt"], &json["cached"], &json["again_ms"]),
            (&2_000.into(), &200.into(), &80.into())
        );
        assert_eq!(
            (&json["steps"][1]["cause"], &json["steps"][1]["again_ms"]),
            (&"tool-bytes".into(), &80.into())
        );
        assert!(text(&[], &PLAIN).starts_with("nothing"));
        assert!(text(&reads[2..], &PLAIN).contains("does not say"));
    }
}
