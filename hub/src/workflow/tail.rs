//! The steps of a task as the model reads them at the end of its prompt, in as few tokens as there are.

use toolpool_config::fixed::STEP_SHOWN_CHARS_MAX;

use crate::journal::entry::{StepItem, StepState};

/// How much is left out, from nothing to all but the next step.
struct Cut {
    done_folded: bool,
    /// Steps that are not done and are shown.
    open: usize,
    clipped: bool,
}

pub(super) fn render(
    items: &[StepItem],
    count: &dyn Fn(&str) -> u32,
    tokens_max: u32,
) -> Option<String> {
    if items.is_empty() {
        return None;
    }
    let open = items.iter().filter(|item| !is_done(item)).count();
    let whole = [(false, false), (true, false), (true, true)].map(|(done_folded, clipped)| Cut {
        done_folded,
        open,
        clipped,
    });
    let fewer = (0..open).rev().map(|open| Cut {
        done_folded: true,
        open,
        clipped: true,
    });
    whole
        .into_iter()
        .chain(fewer)
        .map(|cut| text(items, &cut))
        .find(|text| count(text) <= tokens_max)
}

fn is_done(item: &StepItem) -> bool {
    item.state == StepState::Done
}

fn text(items: &[StepItem], cut: &Cut) -> String {
    let mut out = String::from("Steps of the task:");
    let done = items.iter().filter(|item| is_done(item)).count();
    if cut.done_folded && done > 0 {
        out.push_str(&format!("\n[x] {done} done"));
    }
    let mut shown = 0;
    for item in items {
        let mark = match item.state {
            StepState::Done if cut.done_folded => continue,
            StepState::Done => "x",
            StepState::Doing => ">",
            StepState::Open => " ",
        };
        if !is_done(item) {
            if shown == cut.open {
                continue;
            }
            shown += 1;
        }
        let words: Vec<&str> = item.text.split_whitespace().collect();
        let mut words = words.join(" ");
        if cut.clipped
            && let Some((at, _)) = words.char_indices().nth(STEP_SHOWN_CHARS_MAX)
        {
            words.truncate(at);
            words.push('…');
        }
        out.push_str(&format!("\n[{mark}] {words}"));
    }
    let left = items.len() - done - shown;
    if left > 0 {
        out.push_str(&format!("\nand {left} more to do"));
    }
    out
}
