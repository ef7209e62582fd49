//! Tools that a turn is told of beyond its pool: their definitions stand behind the person's words, where nothing before them
//! has to be read again.
//!
//! ```text
//! [pool] [conversation so far] [the person's words + definitions]      cost: the tokens of the definitions, read once
//! [another pool] [conversation so far] [the person's words]            cost: all of it, read again
//! ```
//!
//! Append-only: what a turn was told of stays as it is until a compaction covers the turn, and what still stands in the
//! conversation, be it from an earlier turn or from a search, is not told again. Called through `call_tool` or by name: the
//! door looks a name up in the caller's view and not in the list. Absent on purpose: a disclosure in the middle of a turn,
//! where `find_tools` says the same and the model has said what it looks for.

use std::collections::BTreeSet;

use toolpool_config::fixed::{
    DISCLOSED_FREE_SHARE_MAX, DISCLOSED_MAX, DISCLOSED_SCORE_SHARE_MIN, DISCLOSED_SHARE_MAX,
};
use toolpool_connectors::model::Message;
use toolpool_registry::{Pool, Reason, Snapshot};

use super::Agent;
use crate::journal::entry::{PoolNote, PoolTool};
use crate::search;
use crate::session::Stored;

/// Tokens that may be disclosed, with so many of the window in use.
pub(super) fn allowance(window: u32, in_use: u32) -> u32 {
    let share = f64::from(window) * DISCLOSED_SHARE_MAX;
    let free = f64::from(window.saturating_sub(in_use)) * DISCLOSED_FREE_SHARE_MAX;
    share.min(free) as u32
}

/// The best candidates that are told of: clear ones, in their order, as many as fit. One that does not fit ends it, since what
/// ranks behind it is worth less.
pub(super) fn choose(candidates: Vec<PoolTool>, best: f32, tokens: u32) -> Vec<PoolTool> {
    let mut left = tokens;
    let clear = |tool: &PoolTool| {
        tool.score
            .is_some_and(|score| score > 0.0 && score >= best * DISCLOSED_SCORE_SHARE_MIN)
    };
    let fitting = |tool: &PoolTool| match left.checked_sub(tool.tokens) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    candidates
        .into_iter()
        .filter(clear)
        .take(DISCLOSED_MAX)
        .take_while(fitting)
        .collect()
}

/// Names of the tools among these whose definition stands in the conversation as it is sent.
pub(super) fn standing<'a>(
    names: impl Iterator<Item = &'a str>,
    messages: &[Stored],
) -> BTreeSet<String> {
    let texts: Vec<&str> = messages
        .iter()
        .filter_map(|stored| match &stored.message {
            Message::User { text } | Message::Tool { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let stands = |name: &&str| {
        let named = format!("\"name\":{}", serde_json::json!(name));
        texts.iter().any(|text| text.contains(&named))
    };
    names.filter(stands).map(str::to_owned).collect()
}

impl Agent {
    /// What is told of in a turn whose pool is kept, and what of the ranked tools the conversation holds already.
    pub(super) fn disclosure(
        &self,
        kept: &PoolNote,
        snapshot: &Snapshot,
        pool: &Pool,
    ) -> (Vec<PoolTool>, BTreeSet<String>) {
        let ranked = || {
            let offered = pool.offered.iter();
            offered.filter(|offered| matches!(offered.reason, Reason::Ranked { .. }))
        };
        let (standing, in_use) = {
            let folds = self.folds();
            let names = ranked().map(|offered| &*offered.exposed);
            let standing = standing(names, &folds.session.messages());
            (standing, folds.session.last_prompt_tokens())
        };
        let reachable = kept.tools.iter().any(|tool| tool.name == search::CALL);
        if !reachable {
            return (Vec::new(), standing);
        }
        let has = |name: &str| {
            standing.contains(name) || kept.tools.iter().any(|tool| tool.name == *name)
        };
        let best = ranked().filter_map(|offered| offered.score);
        let best = best.fold(0.0, f32::max);
        let candidates = ranked().filter(|offered| !has(&offered.exposed));
        let candidates = candidates.map(|offered| {
            let definition = search::definition(snapshot, offered).to_string();
            PoolTool {
                name: offered.exposed.to_string(),
                id: Some((offered.id.server.to_string(), offered.id.name.to_string())),
                tokens: self.hub().counter().count(&definition),
                definition,
                reason: offered.reason.to_string(),
                score: offered.score,
            }
        });
        let tokens = allowance(self.window(), in_use);
        (choose(candidates.collect(), best, tokens), standing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str, score: f32, tokens: u32) -> PoolTool {
        PoolTool {
            name: name.to_owned(),
            id: None,
            definition: format!("{{\"name\":\"{name}\"}}"),
            tokens,
            reason: String::new(),
            score: Some(score),
        }
    }

    #[test]
    fn clear_candidates_are_told_of_as_far_as_they_fit() {
        let names = |candidates: Vec<PoolTool>, best, tokens| -> Vec<String> {
            let chosen = choose(candidates, best, tokens);
            chosen.into_iter().map(|tool| tool.name).collect()
        };
        let three = || vec![tool("a", 0.9, 40), tool("b", 0.8, 60), tool("c", 0.6, 10)];
        assert_eq!(names(three(), 0.9, 110), ["a", "b", "c"]);
        assert_eq!(names(three(), 0.9, 100), ["a", "b"]);
        // What ranks behind one that does not fit is not told of in its place.
        assert_eq!(names(three(), 0.9, 60), ["a"]);
        assert_eq!(names(three(), 1.7, 110), ["a"]);
        assert!(names(vec![tool("a", 0.0, 1)], 0.0, 100).is_empty());
        let many = (0..20).map(|at| tool(&at.to_string(), 1.0, 1)).collect();
        assert_eq!(names(many, 1.0, 1_000).len(), DISCLOSED_MAX);
    }

    #[test]
    fn a_full_window_is_told_less_of() {
        assert_eq!(allowance(16_384, 0), 655);
        assert_eq!(allowance(16_384, 14_000), 357);
        assert_eq!(allowance(4_096, 4_096), 0);
        assert_eq!(allowance(4_096, 9_000), 0);
    }

    #[test]
    fn a_definition_stands_where_its_message_is_sent() {
        let said = |message| Stored {
            seq: 1,
            turn: 1,
            front: 0,
            message,
        };
        let messages = [
            said(Message::User {
                text: "use s__a\n{\"name\":\"s__b\"}".into(),
            }),
            said(Message::Tool {
                call: "1".into(),
                name: "find_tools".into(),
                text: "{\"name\":\"s__cc\"}".into(),
            }),
        ];
        let found = standing(["s__a", "s__b", "s__c", "s__cc"].into_iter(), &messages);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["s__b", "s__cc"]);
    }
}
