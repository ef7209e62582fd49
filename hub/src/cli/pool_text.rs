//! A pool as a person reads it: every tool in or out with a bar for its score, its tokens and its
//! reason, and one line of budget.

use toolpool_registry::Shape;
use toolpool_registry::pool::Line;

use crate::cli::columns::{self, Align, Cell};
use crate::cli::pool::{Ranked, Report};
use crate::cli::ui::{Look, Style};
use crate::cli::words::{self, number, width};

/// Columns of a bar where there is room, and where there is little.
const BAR: (usize, usize) = (10, 3);
/// What a row takes besides its name and its bar.
const REST: usize = 46;

/// The pool as text.
pub(crate) fn text(report: &Report, look: &Look) -> String {
    let mut out = String::new();
    if report.tools == 0 && report.bridge.tools == 0 {
        out.push_str("no tools to choose from\n");
    } else {
        out.push_str(&table(report, look));
    }
    let more = more(report);
    if !more.is_empty() {
        out.push_str(&format!("{}\n", look.paint(Style::Dim, &more)));
    }
    out.push_str(&format!(
        "\n{}\n",
        look.paint(Style::Bold, &budget(report, look))
    ));
    out.push_str(&format!("{}\n", look.paint(Style::Dim, &ranker(report))));
    out
}

fn table(report: &Report, look: &Look) -> String {
    let lines = || report.offered.iter().chain(&report.left_out);
    let best = lines().filter_map(|line| line.score).fold(0.0, f32::max);
    let names = lines().map(|line| width(&line.exposed)).max().unwrap_or(0);
    let cells = look.width.saturating_sub(names + REST).clamp(BAR.1, BAR.0);
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    if report.bridge.tools > 0 {
        rows.push(vec![
            Cell::styled(Style::Name, "find_tools, call_tool"),
            Cell::new(""),
            Cell::new(""),
            Cell::new(number(u64::from(report.bridge.tokens))),
            Cell::new("full"),
            Cell::new("reach all others"),
        ]);
    }
    rows.extend(
        report
            .offered
            .iter()
            .map(|line| row(line, true, best, cells, look)),
    );
    let inside = rows.len();
    rows.extend(
        report
            .left_out
            .iter()
            .map(|line| row(line, false, best, cells, look)),
    );
    let heads = [
        ("IN", Align::Left),
        ("SCORE", Align::Left),
        ("", Align::Right),
        ("TOKENS", Align::Right),
        ("", Align::Left),
        ("WHY", Align::Left),
    ];
    let text = columns::table(&heads, &rows, 0, look);
    if report.left_out.is_empty() {
        return text;
    }
    // One table, so that both halves line up; the second heading goes between them.
    let mut lines: Vec<&str> = text.lines().collect();
    let out = look.paint(Style::Dim, "OUT");
    lines.insert(1 + inside, &out);
    lines.join("\n") + "\n"
}

fn row(line: &Line, is_in: bool, best: f32, cells: usize, look: &Look) -> Vec<Cell> {
    let share = match line.score {
        Some(score) if best > 0.0 => score / best,
        _ => 0.0,
    };
    let shape = match line.shape {
        Some(Shape::Full) => "full",
        Some(Shape::Slim) => "slim",
        None => "",
    };
    let (name, bar_style) = if is_in {
        (Style::Name, Style::Good)
    } else {
        (Style::Dim, Style::Dim)
    };
    vec![
        Cell::styled(name, &*line.exposed),
        Cell::styled(bar_style, bar(share, cells, look.unicode)),
        Cell::new(
            line.score
                .map(|score| format!("{score:.2}"))
                .unwrap_or_default(),
        ),
        Cell::new(number(u64::from(line.tokens))),
        Cell::new(shape),
        Cell::styled(Style::Dim, line.because.clone()),
    ]
}

/// A bar of `share` (0 to 1) in `cells` columns, to an eighth of one where block characters are known.
fn bar(share: f32, cells: usize, unicode: bool) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let share = share.clamp(0.0, 1.0);
    if !unicode {
        return "#".repeat((share * cells as f32).round() as usize);
    }
    let eighths = (share * cells as f32 * 8.0).round() as usize;
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

/// What is out besides those told by name.
fn more(report: &Report) -> String {
    let all: usize = report.rest.values().sum();
    if all == 0 {
        return String::new();
    }
    let kinds: Vec<String> = report
        .rest
        .iter()
        .map(|(kind, count)| format!("{} {}", number(*count as u64), phrase(kind)))
        .collect();
    format!(
        "{} more {}: {}",
        number(all as u64),
        if all == 1 { "is out" } else { "are out" },
        kinds.join(", ")
    )
}

/// A kind of reason for several tools together.
fn phrase(kind: &str) -> &str {
    match kind {
        "over-tokens" => "cost more than was left",
        "over-count" => "beyond the number of tools",
        "duplicate" => "same as one that is in",
        "unrelated" => "nothing in common",
        "unranked" => "not among the best",
        other => other,
    }
}

fn budget(report: &Report, look: &Look) -> String {
    format!(
        "offered {} / allowance {} tokens {} all {} would cost {}",
        number(u64::from(report.tokens)),
        number(u64::from(report.allowance.tokens)),
        look.dot(),
        words::count(report.tools, "tool"),
        number(report.all_tokens)
    )
}

/// What ranked, as a line.
fn ranker(report: &Report) -> String {
    let Ranked { model, why, .. } = &report.ranker;
    match (model, why) {
        (Some(model), _) if report.embedded < report.catalog => format!(
            "ranked by meaning ({model}) and words; {} of {} are read so far, the others rank by words",
            number(report.embedded as u64),
            words::count(report.catalog, "tool")
        ),
        (Some(model), _) => format!("ranked by meaning ({model}) and words"),
        (None, Some(why)) => format!("ranked by words only: {}", words::one_line(why)),
        (None, None) => "ranked by words only".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::pool::Bridge;
    use crate::cli::pool::tests::sample;

    const PLAIN: Look = Look {
        width: 80,
        color: false,
        unicode: true,
    };

    #[test]
    fn a_pool() {
        let wanted = "\
IN                     SCORE              TOKENS        WHY
find_tools, call_tool                        180  full  reach all others
git__log               ██████████   3.21     112  full  ranked 1
git__日志              ████▋        1.50      40  slim  ranked 2
OUT
git__push                          -0.25   1,300        needs 1300 tokens, 936…
7 more are out: 3 same as one that is in, 4 not among the best

offered 292 / allowance 1,228 tokens · all 10 tools would cost 61,034
ranked by words only: `embedding.enabled` is off
";
        assert_eq!(text(&sample(), &PLAIN), wanted);
    }

    #[test]
    fn plain_characters_where_blocks_are_not_known() {
        let text = text(
            &sample(),
            &Look {
                unicode: false,
                ..PLAIN
            },
        );
        assert!(text.contains("##########"), "{text}");
        assert!(text.contains("tokens - all"), "{text}");
    }

    #[test]
    fn the_ranker_is_named_with_how_far_it_is() {
        let by = |embedded| Report {
            ranker: Ranked {
                kind: "hybrid",
                model: Some("m".into()),
                why: None,
            },
            embedded,
            ..sample()
        };
        assert_eq!(ranker(&by(10)), "ranked by meaning (m) and words");
        let part = "ranked by meaning (m) and words; 4 of 10 tools are read so far, the others rank by words";
        assert_eq!(ranker(&by(4)), part);
    }

    #[test]
    fn an_empty_pool() {
        let report = Report {
            tools: 0,
            bridge: Bridge {
                tools: 0,
                tokens: 0,
            },
            offered: Vec::new(),
            left_out: Vec::new(),
            rest: Default::default(),
            ..sample()
        };
        assert!(text(&report, &PLAIN).starts_with("no tools to choose from\n\noffered "));
    }

    #[test]
    fn bars_are_exact_to_an_eighth() {
        for (share, cells, unicode, wanted) in [
            (0.0, 8, true, ""),
            (1.0, 4, true, "████"),
            (0.5, 1, true, "▌"),
            (2.0, 2, true, "██"),
            (-1.0, 2, true, ""),
            (0.5, 8, false, "####"),
            (f32::NAN, 2, true, ""),
        ] {
            assert_eq!(bar(share, cells, unicode), wanted, "{share}");
        }
    }
}
