//! The table of what takes the room, and what is said about it. Its parts add up, always: what was counted is shared out
//! over them, not measured part by part, since a template has tokens of its own and a tokenizer joins across borders.

use toolpool_connectors::model::{Counted, Message};

use super::size::Sizes;
use super::{Draft, Shares};
use crate::journal::entry::{BudgetTable, Part, TurnNo};
use crate::session::Stored;

/// What a template may add for each message, for each tool, and at all. What the server counts beyond that comes from its
/// tokenizer being another one than ours, and is shared out over the parts.
const TEMPLATE: (u32, u32, u32) = (8, 8, 160);
/// How many parts a sentence names.
const NAMED: usize = 2;

/// The table of a draft that was counted.
pub(super) fn table(
    draft: &Draft,
    sizes: &Sizes,
    counted: Counted,
    shares: &Shares,
    turn: TurnNo,
) -> BudgetTable {
    let (mut history, mut current, mut results) = (0u32, 0u32, 0u32);
    for (stored, size) in draft.history.iter().zip(&sizes.messages) {
        let before = front(stored, *size);
        history = history.saturating_add(before);
        let size = size - before;
        let part = match &stored.message {
            Message::Tool { .. } => &mut results,
            _ if stored.turn == turn => &mut current,
            _ => &mut history,
        };
        *part = part.saturating_add(size);
    }
    let names = ["system", "tools", "history", "this turn", "results", "tail"];
    let estimated = [
        sizes.system,
        sizes.tools,
        history,
        current,
        results,
        sizes.tail,
    ];
    let beyond = counted.tokens.saturating_sub(sizes.total());
    let template = beyond.min(template_at_most(draft));
    let shared = share_out(counted.tokens - template, &estimated);
    let mut parts: Vec<Part> = names
        .iter()
        .zip(shared)
        .map(|(name, tokens)| part(name, tokens))
        .collect();
    // What no part can be blamed for, such as the frame of an empty conversation.
    let rest = counted.tokens - parts.iter().map(|part| part.tokens).sum::<u32>();
    let margin = shares.margin(counted.exact);
    parts.extend([
        part("template", rest),
        part("reserve", shares.reserve),
        part("margin", margin),
    ]);
    let total = counted
        .tokens
        .saturating_add(shares.reserve)
        .saturating_add(margin);
    BudgetTable {
        window: shares.window,
        parts,
        total,
        free: shares.window.saturating_sub(total),
        exact: counted.exact,
    }
}

/// Tokens of a message that stand for what was compacted before it.
fn front(stored: &Stored, size: u32) -> u32 {
    let Message::User { text } = &stored.message else {
        return 0;
    };
    let share = stored.front as f64 / text.len().max(1) as f64;
    (f64::from(size) * share.min(1.0)) as u32
}

fn part(name: &str, tokens: u32) -> Part {
    Part {
        name: name.to_owned(),
        tokens,
    }
}

fn template_at_most(draft: &Draft) -> u32 {
    let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
    let (message, tool, all) = TEMPLATE;
    count(draft.history.len() + 2)
        .saturating_mul(message)
        .saturating_add(count(draft.tools.len()).saturating_mul(tool))
        .saturating_add(all)
}

/// Shares `total` out in proportion to `parts`, so that the shares add up to it; to nothing where all parts are nothing.
/// The borders between the shares are rounded, not the shares.
fn share_out(total: u32, parts: &[u32]) -> Vec<u32> {
    let sum: u128 = parts.iter().copied().map(u128::from).sum();
    let (mut before, mut running) = (0, 0u128);
    parts
        .iter()
        .map(|part| {
            running += u128::from(*part);
            let border = (u128::from(total) * running).checked_div(sum).unwrap_or(0);
            let tokens = border - std::mem::replace(&mut before, border);
            u32::try_from(tokens).expect("a share is no more than the whole")
        })
        .collect()
}

/// The parts that a request can do something about, largest first.
fn largest(table: &BudgetTable) -> Vec<&Part> {
    let mut parts: Vec<&Part> = table
        .parts
        .iter()
        .filter(|part| part.tokens > 0)
        .filter(|part| !matches!(part.name.as_str(), "reserve" | "margin" | "template"))
        .collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.tokens));
    parts.truncate(NAMED);
    parts
}

fn tokens(table: &BudgetTable, name: &str) -> u32 {
    table
        .parts
        .iter()
        .find(|part| part.name == name)
        .map_or(0, |part| part.tokens)
}

/// What is said past the warning share.
pub(super) fn warning(table: &BudgetTable, shares: &Shares, bridged: bool) -> Option<String> {
    if table.total < shares.warn {
        return None;
    }
    let parts: Vec<String> = largest(table)
        .iter()
        .map(|part| format!("{} {}", part.name, part.tokens))
        .collect();
    let next = if tokens(table, "results") > 0 {
        "old results are cleared next"
    } else if tokens(table, "history") > 0 {
        "older turns are digested next"
    } else if !bridged {
        "the tools go next, all but `find_tools` and `call_tool`"
    } else {
        "nothing more can go"
    };
    Some(format!(
        "{} of {} tokens are in use, most by {}; {next}",
        table.total,
        table.window,
        parts.join(" and ")
    ))
}

/// What a person can do where nothing more can go.
pub(super) fn hint(table: &BudgetTable) -> String {
    match largest(table).first().map(|part| part.name.as_str()) {
        Some("this turn") => {
            "shorten the request, or start the model server with a larger window".into()
        }
        Some("tools") => {
            "lower `pool.tokens`, or start the model server with a larger window".into()
        }
        Some("results") => {
            "ask for a smaller piece, such as a range of lines, or start the model server with a larger window".into()
        }
        Some("system") => {
            "shorten `agent.instructions`, or start the model server with a larger window".into()
        }
        _ => "start the model server with a larger window".into(),
    }
}

/// The table as plain text: a line for each part, then the sum, what is free, and the window. The numbers line up.
#[must_use]
pub fn text(table: &BudgetTable) -> String {
    let ends = [
        ("total", table.total),
        ("free", table.free),
        ("window", table.window),
    ];
    let rows: Vec<(&str, u32)> = table
        .parts
        .iter()
        .map(|part| (part.name.as_str(), part.tokens))
        .chain(ends)
        .collect();
    let words = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let digits = rows
        .iter()
        .map(|(_, tokens)| tokens.to_string().len())
        .max()
        .unwrap_or(0);
    let mut out = String::new();
    for (name, tokens) in rows {
        out.push_str(&format!("{name:<words$}  {tokens:>digits$}\n"));
    }
    out.push_str(if table.exact {
        "counted by the server\n"
    } else {
        "counted here, on the safe side\n"
    });
    out
}
