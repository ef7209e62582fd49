//! The pool of a step: kept byte-equal within an epoch, and built anew at a border.
//!
//! Tool definitions stand near the front of a prompt, so a changed list makes the server read the whole conversation
//! again. A border is where that is free (the first step), where it must be (a tool was denied, the mode changed, a pin),
//! or where it pays: at the start of a turn whose best tools are not in the pool, if what that is expected to save is
//! worth more than the re-read as this server was measured. Where it is not, the turn is told of them behind the person's words
//! (`disclose.rs`), once. Each time that is weighed both sides are an entry. Definitions that stay are in front in their old order, the new ones behind them, so that as much as can be begins with the same bytes.
//!
//! `pool.rebuild` has two other answers, which are there to be measured against: in every step, and never.

use std::collections::BTreeMap;

use toolpool_config::Rebuild;
use toolpool_config::fixed::{POOL_OUT_KEPT_MAX, STALLED_AFTER};
use toolpool_registry::{Allowance, Pool, Rendering, Shape, Snapshot, ToolId};

use super::Agent;
use crate::caller::Caller;
use crate::error::Error;
use crate::event::heartbeat;
use crate::hub::PoolRequest;
use crate::journal::Sync;
use crate::journal::entry::{
    BorderNote, Entry, PoolNote, PoolOut, PoolTool, Rung, StepItem, StepNo, StepState, TurnNo,
};

/// What is known of a server's speed, from the replies of this session.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Speed {
    /// Milliseconds to read one token that is not cached.
    read_ms: f64,
    /// Milliseconds that a step takes.
    step_ms: f64,
}

/// Before anything was measured: a laptop that reads 300 tokens a second and takes four seconds for a step.
const UNMEASURED: Speed = Speed {
    read_ms: 1000.0 / 300.0,
    step_ms: 4000.0,
};

/// How likely the first, second and third ranked tool is the one that is needed.
const NEEDED: [f64; 3] = [0.5, 0.25, 0.15];

impl Agent {
    /// The pool of this step; a new one is an entry first.
    pub(crate) async fn pool_of(
        &self,
        caller: &Caller,
        turn: TurnNo,
        step: StepNo,
    ) -> Result<PoolNote, Error> {
        let kept = self.folds().session.pool().cloned();
        let forced = match &kept {
            None => Some("first"),
            Some(kept) => self.forced(kept, caller),
        };
        let rebuild = self.hub().config().pool.rebuild;
        let kept = match (kept, forced) {
            (Some(kept), None) if rebuild == Rebuild::Never => return Ok(kept),
            // Within a turn the pool stays, whatever would rank better now: `find_tools` reaches the rest.
            // What it was told of at its start stays too, whichever attempt at its first step this is.
            (Some(kept), None)
                if rebuild == Rebuild::Pays
                    && (step > 1
                        || kept.turn == turn
                        || self.folds().session.weighed() == Some(turn)) =>
            {
                return Ok(kept);
            }
            (kept, _) => kept,
        };
        let query = self.query(turn);
        let stream = self.stream();
        let choosing = self.hub().pool_for(caller, self.pool_request(turn, &query));
        let (snapshot, pool) = heartbeat(&stream, "pool", STALLED_AFTER, choosing).await;
        let border = match (forced, &kept) {
            (Some(border), _) => border,
            (None, Some(_)) if rebuild == Rebuild::Step => "step",
            (None, Some(kept)) => {
                let weighed = self.weigh(kept, &snapshot, &pool, (turn, step));
                let pays = weighed.rebuilt;
                self.append(Entry::Border(weighed), Sync::Later).await?;
                if !pays {
                    return Ok(kept.clone());
                }
                "turn"
            }
            (None, None) => "first",
        };
        let mut note = self.note(&snapshot, &pool, (turn, step), query, border);
        if let Some(kept) = &kept {
            if border == "step" && same_definitions(kept, &note) {
                return Ok(kept.clone());
            }
            if border != "step" {
                in_old_order(&kept.tools, &mut note.tools);
            }
        }
        self.append(Entry::Pool(note.clone()), Sync::Later).await?;
        // As the journal has it, secrets replaced: the next steps will send those bytes.
        Ok(self.folds().session.pool().cloned().unwrap_or(note))
    }

    /// What a pool is asked for.
    pub(crate) fn pool_request(&self, turn: TurnNo, query: &str) -> PoolRequest {
        // Asks the folds too, which are held below.
        let own = self.own_tools();
        let folds = self.folds();
        let before = folds.session.words_before(turn).map(str::to_owned);
        let called = folds.workflow.calls().iter().filter_map(|record| {
            let (server, tool) = (record.server.as_deref()?, record.tool.as_deref()?);
            Some((record.call.turn, ToolId::new(server, tool)))
        });
        let in_use = in_use(&called.collect::<Vec<_>>(), turn);
        PoolRequest {
            text: query.to_owned(),
            before,
            in_use,
            own,
            allowance: self.allowance(),
        }
    }

    /// The hub's own tools, as the model is offered them.
    pub(crate) fn own_tools(&self) -> Vec<Rendering> {
        let own = self.named_own_tools().into_iter();
        own.map(|(_, rendering)| rendering).collect()
    }

    fn allowance(&self) -> Allowance {
        let config = self.hub().config();
        let pool = &config.pool;
        Allowance {
            tokens: crate::budget::allowance(self.window(), pool),
            tools_max: pool.tools_max,
            full_max: pool.full_max,
        }
    }

    /// The person's words, and the step that is being worked on.
    fn query(&self, turn: TurnNo) -> String {
        let folds = self.folds();
        let mut query = folds.session.words(turn).unwrap_or_default().to_owned();
        if let Some(step) = doing(folds.workflow.steps()) {
            query.push('\n');
            query.push_str(step);
        }
        query
    }

    /// Why the pool can't stay: something in it is not to be seen any more, or something that was pinned is not in it.
    fn forced(&self, kept: &PoolNote, caller: &Caller) -> Option<&'static str> {
        let snapshot = self.hub().snapshot();
        let view = self.hub().view(&snapshot, caller);
        let hidden = kept.tools.iter().any(|tool| {
            // A tool of a server that is gone stays in the list: it fails at the door, and the prompt keeps its bytes.
            tool.id.is_some()
                && snapshot.by_exposed(&tool.name).is_some()
                && view.resolve(&snapshot, &tool.name).is_none()
        });
        if hidden {
            return Some("deny");
        }
        let missing = |name: &String| {
            view.resolve(&snapshot, name).is_some()
                && !kept.tools.iter().any(|tool| tool.name == *name)
        };
        let folds = self.folds();
        let pinned = folds.session.pins().iter().any(missing);
        // What stood behind the definitions is read anew anyway.
        let anew = folds.session.compacted_since_pool() >= Some(Rung::Digest);
        pinned.then_some("pin").or(anew.then_some("compaction"))
    }

    fn weigh(
        &self,
        kept: &PoolNote,
        snapshot: &Snapshot,
        pool: &Pool,
        at: (TurnNo, StepNo),
    ) -> BorderNote {
        let (told, standing) = self.disclosure(kept, snapshot, pool);
        let ranked = pool
            .offered
            .iter()
            .filter(|offered| matches!(offered.reason, toolpool_registry::Reason::Ranked { .. }));
        let place = |name: &str| {
            let in_text = || standing.contains(name) || told.iter().any(|tool| tool.name == *name);
            match kept.tools.iter().any(|tool| tool.name == *name) {
                true => Place::Listed,
                false if in_text() => Place::InText,
                false => Place::Nowhere,
            }
        };
        let best: Vec<(&str, Place)> = ranked
            .take(NEEDED.len())
            .map(|offered| (&*offered.exposed, place(&offered.exposed)))
            .collect();
        let folds = self.folds();
        let session = &folds.session;
        let speed = measured(session.usages());
        weigh(&best, told, session.last_prompt_tokens(), speed, at)
    }

    pub(super) fn note(
        &self,
        snapshot: &Snapshot,
        pool: &Pool,
        (turn, step): (TurnNo, StepNo),
        query: String,
        border: &str,
    ) -> PoolNote {
        let own = if pool.bridge_tools > 0 {
            self.named_own_tools()
        } else {
            Vec::new()
        };
        let own = own.into_iter().map(|(name, rendering)| PoolTool {
            name: name.to_owned(),
            id: None,
            definition: rendering.text.to_string(),
            tokens: rendering.tokens,
            reason: "reaches all others".into(),
            score: None,
        });
        let offered = pool.offered.iter().map(|offered| {
            let tool = &snapshot.tools()[offered.row];
            let rendering = match offered.shape {
                Shape::Full => &tool.full,
                Shape::Slim => &tool.slim,
            };
            PoolTool {
                name: offered.exposed.to_string(),
                id: Some((offered.id.server.to_string(), offered.id.name.to_string())),
                definition: rendering.text.to_string(),
                tokens: rendering.tokens,
                reason: offered.reason.to_string(),
                score: offered.score,
            }
        });
        let (best, others) = pool
            .left_out
            .split_at(POOL_OUT_KEPT_MAX.min(pool.left_out.len()));
        let mut counted = BTreeMap::new();
        for out in others {
            *counted.entry(out.reason.kind().to_owned()).or_insert(0) += 1;
        }
        PoolNote {
            turn,
            step,
            snapshot: pool.snapshot,
            query,
            border: border.to_owned(),
            tools: own.chain(offered).collect(),
            best_out: best
                .iter()
                .map(|out| PoolOut {
                    name: snapshot.tools()[out.row].exposed.to_string(),
                    reason: out.reason.to_string(),
                    score: out.score,
                })
                .collect(),
            others_out: counted,
            tokens: pool.tokens,
            allowance: pool.allowance.tokens,
        }
    }
}

/// Where the model of a turn whose pool is kept reads a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Listed,
    /// In an earlier message, or behind the person's words.
    InText,
    Nowhere,
}

/// Whether another pool is expected to save more than the re-read costs. A tool whose definition stands nowhere has to be
/// searched for first: a step more, when it is the one that is needed. What is told of in place of another pool has to be read
/// too, which another pool saves.
fn weigh(
    best: &[(&str, Place)],
    told: Vec<PoolTool>,
    prompt_tokens: u32,
    measured: Option<Speed>,
    (turn, step): (TurnNo, StepNo),
) -> BorderNote {
    let speed = measured.unwrap_or(UNMEASURED);
    let sought = best
        .iter()
        .zip(NEEDED)
        .filter(|((_, place), _)| *place == Place::Nowhere);
    let sought: f64 = sought.map(|(_, needed)| needed).sum();
    let told_tokens: u32 = told.iter().map(|tool| tool.tokens).sum();
    let gain_ms = sought * speed.step_ms + f64::from(told_tokens) * speed.read_ms;
    let cost_ms = f64::from(prompt_tokens) * speed.read_ms;
    let rebuilt = gain_ms > cost_ms;
    let missing = best.iter().filter(|(_, place)| *place != Place::Listed);
    BorderNote {
        turn,
        step,
        missing: missing.map(|(name, _)| (*name).to_owned()).collect(),
        gain_ms,
        cost_ms,
        read_ms_per_token: speed.read_ms,
        measured: measured.is_some(),
        rebuilt,
        disclosed: if rebuilt { Vec::new() } else { told },
    }
}

/// Means over the replies that say how long they took; none where none does.
fn measured(usages: &[toolpool_connectors::model::Usage]) -> Option<Speed> {
    let (mut read_ms, mut read, mut step_ms, mut steps) = (0.0, 0.0, 0.0, 0.0);
    for usage in usages {
        let (Some(ms), Some(prompt)) = (usage.prompt_ms, usage.prompt_tokens) else {
            continue;
        };
        read_ms += ms as f64;
        read += f64::from(prompt.saturating_sub(usage.cached_tokens.unwrap_or(0)));
        step_ms += (ms + usage.reply_ms.unwrap_or(0)) as f64;
        steps += 1.0;
    }
    (read >= 1.0 && steps >= 1.0).then(|| Speed {
        read_ms: read_ms / read,
        step_ms: step_ms / steps,
    })
}

/// Definitions that stay with the same bytes go first, in the order that they had; the others keep theirs behind them.
fn in_old_order(old: &[PoolTool], new: &mut [PoolTool]) {
    new.sort_by_key(|tool| {
        let same = |old: &PoolTool| old.name == tool.name && old.definition == tool.definition;
        old.iter().position(same).unwrap_or(usize::MAX)
    });
}

fn same_definitions(old: &PoolNote, new: &PoolNote) -> bool {
    let definitions = |note: &PoolNote| -> Vec<String> {
        note.tools
            .iter()
            .map(|tool| tool.definition.clone())
            .collect()
    };
    definitions(old) == definitions(new)
}

/// The step that is being worked on.
fn doing(steps: &[StepItem]) -> Option<&str> {
    let step = steps.iter().find(|step| step.state == StepState::Doing)?;
    Some(&step.text)
}

/// Tools called in this turn and the one before, latest first.
fn in_use(calls: &[(TurnNo, ToolId)], turn: TurnNo) -> Vec<ToolId> {
    let mut tools: Vec<ToolId> = Vec::new();
    for (called, tool) in calls.iter().rev() {
        if *called + 1 >= turn && !tools.contains(tool) {
            tools.push(tool.clone());
        }
    }
    tools
}

#[cfg(test)]
mod tests {
    use super::*;
    use toolpool_connectors::model::Usage;

    fn tool(name: &str, definition: &str, tokens: u32) -> PoolTool {
        PoolTool {
            name: name.into(),
            id: None,
            definition: definition.into(),
            tokens,
            reason: String::new(),
            score: None,
        }
    }

    #[test]
    fn a_border_pays_early_and_not_late_and_not_where_telling_does() {
        use Place::{InText, Listed, Nowhere};
        for (best, told, prompt, wanted) in [
            (&[Listed, Listed, Listed][..], 0, 10, false),
            (&[Nowhere, Listed, Listed], 0, 300, true),
            (&[Nowhere, Listed, Listed], 0, 5_000, false),
            (&[Listed, Listed, Nowhere], 0, 300, false),
            (&[Nowhere, Nowhere, Nowhere], 0, 1_000, true),
            (&[InText, InText, InText], 200, 1_000, false),
            (&[InText, InText, InText], 200, 100, true),
            (&[InText, InText, Nowhere], 200, 300, true),
            (&[], 0, 0, false),
        ] {
            let named: Vec<_> = ["a", "b", "c"]
                .into_iter()
                .zip(best.iter().copied())
                .collect();
            let note = weigh(&named, vec![tool("d", "", told)], prompt, None, (2, 1));
            assert_eq!(note.rebuilt, wanted, "{best:?} {prompt}");
            assert_eq!(note.disclosed.is_empty(), wanted);
            assert_eq!(
                note.missing.len(),
                best.iter().filter(|place| **place != Listed).count()
            );
            assert!(!note.measured && note.rebuilt == (note.gain_ms > note.cost_ms));
        }
    }

    #[test]
    fn speed_is_measured_over_what_was_not_cached() {
        assert_eq!(measured(&[]), None);
        let usage = Usage {
            prompt_tokens: Some(1_000),
            cached_tokens: Some(900),
            reply_tokens: Some(10),
            prompt_ms: Some(200),
            reply_ms: Some(800),
        };
        let speed = Speed {
            read_ms: 2.0,
            step_ms: 1_000.0,
        };
        assert_eq!(measured(&[usage, Usage::default()]), Some(speed));
        let note = weigh(
            &[("a", Place::Nowhere)],
            Vec::new(),
            200,
            Some(speed),
            (2, 1),
        );
        assert_eq!(
            (note.gain_ms, note.cost_ms, note.rebuilt),
            (500.0, 400.0, true)
        );
    }

    #[test]
    fn what_stays_keeps_its_place() {
        let tools = |names: &[(&str, &str)]| -> Vec<PoolTool> {
            let named = |(name, definition): &(&str, &str)| tool(name, definition, 1);
            names.iter().map(named).collect()
        };
        let old = tools(&[("own", "o"), ("a", "a"), ("b", "b"), ("c", "c")]);
        // `b` went, `c` became slim, `x` and `y` came.
        let mut new = tools(&[
            ("own", "o"),
            ("y", "y"),
            ("c", "slim"),
            ("x", "x"),
            ("a", "a"),
        ]);
        in_old_order(&old, &mut new);
        let names: Vec<&str> = new.iter().map(|tool| &*tool.name).collect();
        assert_eq!(names, ["own", "a", "y", "c", "x"]);
    }

    #[test]
    fn tools_in_use_are_of_this_turn_and_the_one_before() {
        let tool = |name: &str| ToolId::new("s", name);
        let calls = [
            (1, tool("old")),
            (2, tool("a")),
            (3, tool("b")),
            (3, tool("a")),
        ];
        assert_eq!(in_use(&calls, 3), [tool("a"), tool("b")]);
    }
}
