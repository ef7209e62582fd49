//! Tables of a conversation: what takes the room of the window, which tools the model is offered, which sessions there are.

use crate::cli::columns::{self, Align, Cell};
use crate::cli::ui::{Look, Style};
use crate::cli::words::{self, number, one_line};
use crate::journal::entry::{BudgetTable, PoolNote, PoolTool};
use crate::journal::store::Summary;

/// Tools left out that are named under a pool.
const OUT_MAX: usize = 8;

/// What takes the room: each part, then what is free, adding up to the window.
pub(crate) fn budget(table: &BudgetTable, look: &Look) -> String {
    let percent = |tokens: u32| {
        let share = u64::from(tokens) * 1000 / u64::from(table.window.max(1));
        format!("{}.{} %", share / 10, share % 10)
    };
    let row = |name: &str, tokens: u32| {
        vec![
            Cell::new(one_line(name)),
            Cell::new(number(u64::from(tokens))),
            Cell::styled(Style::Dim, percent(tokens)),
        ]
    };
    let mut rows: Vec<Vec<Cell>> = table
        .parts
        .iter()
        .map(|part| row(&part.name, part.tokens))
        .collect();
    rows.push(row("free", table.free));
    rows.push(row("window", table.window));
    let heads = [
        ("PART", Align::Left),
        ("TOKENS", Align::Right),
        ("", Align::Right),
    ];
    let mut out = columns::table(&heads, &rows, 0, look);
    let over = table.total.saturating_sub(table.window);
    if over > 0 {
        let text = format!(
            "{} tokens more than there is room for",
            number(u64::from(over))
        );
        out.push_str(&format!("{}\n", look.paint(Style::Bad, &text)));
    }
    let counted = if table.exact {
        "counted by the server"
    } else {
        "estimated by a tokenizer here, on the safe side"
    };
    out.push_str(&format!("{}\n", look.paint(Style::Dim, counted)));
    out
}

/// The pool that the model is offered now, and what the last turn was told of beyond it.
pub(super) fn pool(pool: Option<&PoolNote>, told_of: &[PoolTool], look: &Look) -> String {
    let Some(pool) = pool else {
        return "no pool yet: it is chosen for the first message; `/pool REQUEST` shows one for a request\n".into();
    };
    let score = |score: Option<f32>| score.map(|score| format!("{score:.2}")).unwrap_or_default();
    let mut rows: Vec<Vec<Cell>> = pool
        .tools
        .iter()
        .map(|tool| {
            vec![
                Cell::styled(Style::Name, one_line(&tool.name)),
                Cell::new(score(tool.score)),
                Cell::new(number(u64::from(tool.tokens))),
                Cell::new(one_line(&tool.reason)),
            ]
        })
        .collect();
    rows.extend(told_of.iter().map(|tool| {
        vec![
            Cell::styled(Style::Name, one_line(&tool.name)),
            Cell::new(score(tool.score)),
            Cell::new(number(u64::from(tool.tokens))),
            Cell::new(format!(
                "told of behind the request: {}",
                one_line(&tool.reason)
            )),
        ]
    }));
    rows.extend(pool.best_out.iter().take(OUT_MAX).map(|tool| {
        vec![
            Cell::styled(Style::Dim, one_line(&tool.name)),
            Cell::new(score(tool.score)),
            Cell::new(""),
            Cell::styled(Style::Dim, format!("out: {}", one_line(&tool.reason))),
        ]
    }));
    let heads = [
        ("TOOL", Align::Left),
        ("SCORE", Align::Right),
        ("TOKENS", Align::Right),
        ("WHY", Align::Left),
    ];
    let out: usize =
        pool.others_out.values().sum::<usize>() + pool.best_out.len().saturating_sub(OUT_MAX);
    let mut text = columns::table(&heads, &rows, 0, look);
    text.push_str(&format!(
        "\n{} offered {dot} {} of {} tokens {dot} chosen for \"{}\"",
        words::count(pool.tools.len(), "tool"),
        number(u64::from(pool.tokens)),
        number(u64::from(pool.allowance)),
        words::cut(&one_line(&pool.query), look.width / 2),
        dot = look.dot()
    ));
    if out > 0 {
        text.push_str(&format!(
            " {} {} more left out",
            look.dot(),
            number(out as u64)
        ));
    }
    text.push('\n');
    text
}

/// The sessions, the newest first.
pub(super) fn sessions(all: &[Summary], current: &str, look: &Look) -> String {
    if all.is_empty() {
        return "no sessions yet\n".into();
    }
    let rows: Vec<Vec<Cell>> = all
        .iter()
        .map(|session| {
            let mark = if session.id == current { "*" } else { "" };
            vec![
                Cell::new(mark),
                Cell::styled(Style::Name, one_line(&session.id)),
                Cell::new(number(session.turns as u64)),
                Cell::styled(
                    Style::Dim,
                    one_line(session.folder.as_deref().unwrap_or_default()),
                ),
                Cell::new(one_line(session.first_words.as_deref().unwrap_or_default())),
            ]
        })
        .collect();
    let heads = [
        ("", Align::Left),
        ("SESSION", Align::Left),
        ("TURNS", Align::Right),
        ("FOLDER", Align::Left),
        ("BEGAN WITH", Align::Left),
    ];
    columns::table(&heads, &rows, 0, look)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::entry::{Part, PoolOut, PoolTool};

    const PLAIN: Look = Look {
        width: 80,
        color: false,
        unicode: true,
    };

    #[test]
    fn a_budget_adds_up_to_the_window() {
        let part = |name: &str, tokens| Part {
            name: name.into(),
            tokens,
        };
        let table = BudgetTable {
            window: 8192,
            parts: vec![
                part("tools", 1100),
                part("history", 1500),
                part("reserve", 1638),
            ],
            total: 4238,
            free: 3954,
            exact: true,
        };
        let wanted = "\
PART     TOKENS
tools     1,100   13.4 %
history   1,500   18.3 %
reserve   1,638   19.9 %
free      3,954   48.2 %
window    8,192  100.0 %
counted by the server
";
        assert_eq!(budget(&table, &PLAIN), wanted);
        let over = BudgetTable {
            total: 9000,
            free: 0,
            exact: false,
            ..table
        };
        assert!(budget(&over, &PLAIN).contains("\n808 tokens more than there is room for\n"));
    }

    #[test]
    fn a_pool_names_what_is_in_and_the_best_of_what_is_out() {
        let note = PoolNote {
            turn: 1,
            step: 1,
            snapshot: 3,
            query: "refund it".into(),
            border: "first".into(),
            tools: vec![PoolTool {
                name: "shop__refund".into(),
                id: None,
                definition: String::new(),
                tokens: 84,
                reason: "ranked 1".into(),
                score: Some(7.452),
            }],
            best_out: vec![PoolOut {
                name: "shop__pay".into(),
                reason: "no room".into(),
                score: Some(2.0),
            }],
            others_out: [("below".to_owned(), 40)].into(),
            tokens: 84,
            allowance: 1228,
        };
        let wanted = "\
TOOL          SCORE  TOKENS  WHY
shop__refund   7.45      84  ranked 1
shop__pay      2.00          out: no room

1 tool offered · 84 of 1,228 tokens · chosen for \"refund it\" · 40 more left out
";
        assert_eq!(pool(Some(&note), &[], &PLAIN), wanted);
        assert!(pool(None, &[], &PLAIN).starts_with("no pool yet"));
    }
}
