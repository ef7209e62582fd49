//! `pool`: which tools a request gets, which it does not, and why.
//!
//! `--json`: `{"query", "ranker": {kind, model, why}, "embedded", "catalog", "allowance": {tokens,
//! tools_max, full_max}, "tokens", "tools", "all_tokens", "bridge": {tools, tokens}, "offered": [tool],
//! "left_out": [tool], "rest": {kind: count}, "missing": [{server, reason}]}` with each tool `{exposed,
//! server, tool, shape, tokens, score, reason, because}`. `left_out` holds the best 20 (all of them with
//! `--all`), `rest` counts the others. The same request over the same tools gives the same bytes, so
//! the snapshot's number, which counts what happened on the way, is absent.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use toolpool_config::Config;
use toolpool_registry::pool::Line;
use toolpool_registry::{Allowance, Pool, Ranker, Snapshot};

use crate::caller::Caller;
use crate::cli::args::PoolArgs;
use crate::cli::pool_text;
use crate::cli::report::{Done, Usage};
use crate::cli::start::Context;
use crate::cli::wait::{self, Missing, Until};
use crate::cli::with_hub;
use crate::encoder::EncoderState;
use crate::hub::Hub;

/// How many of the tools that are out are told by name.
pub(crate) const OUT_MAX: usize = 20;

/// A pool as it is told.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) query: String,
    pub(crate) ranker: Ranked,
    /// How many of the catalog's tools the encoder has read; the others rank by words.
    pub(crate) embedded: usize,
    /// How many tools the catalog has.
    pub(crate) catalog: usize,
    pub(crate) allowance: Allowance,
    /// What everything that is in costs.
    pub(crate) tokens: u32,
    /// How many tools the caller can see.
    pub(crate) tools: usize,
    /// What those would cost in full.
    pub(crate) all_tokens: u64,
    pub(crate) bridge: Bridge,
    pub(crate) offered: Vec<Line>,
    pub(crate) left_out: Vec<Line>,
    pub(crate) rest: BTreeMap<&'static str, usize>,
    pub(crate) missing: Vec<Missing>,
}

impl Report {
    /// Tells fewer of the tools that are out by name; the others are counted.
    pub(crate) fn shorten(&mut self, out_max: usize) {
        for line in self.left_out.drain(out_max.min(self.left_out.len())..) {
            *self.rest.entry(line.reason.kind()).or_insert(0) += 1;
        }
    }
}

/// What ranked, and why it was not more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Ranked {
    /// `hybrid` or `words`.
    pub(crate) kind: &'static str,
    /// The encoder.
    pub(crate) model: Option<String>,
    /// Why there is none.
    pub(crate) why: Option<String>,
}

/// The hub's own tools in the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Bridge {
    pub(crate) tools: usize,
    pub(crate) tokens: u32,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, args: &PoolArgs) -> anyhow::Result<Done> {
    if args.request.trim().is_empty() {
        return Err(Usage::new("the request is empty")
            .hint("say what you want done: `toolpool pool \"read a file\"`")
            .into());
    }
    show(context, context.load()?.config, args).await
}

/// Shows the pool of a request.
pub(crate) async fn show(
    context: &Context,
    config: Config,
    args: &PoolArgs,
) -> anyhow::Result<Done> {
    with_hub(context, config, async |hub| {
        wait::settle(context, hub, Until::Everything).await?;
        let caller = context.caller(&hub.config())?;
        let out_max = if args.all { usize::MAX } else { OUT_MAX };
        let report = make(hub, &caller, &args.request, args.budget, out_max).await;
        if context.global.json {
            context.ui.json(&report)?;
        } else {
            context
                .ui
                .print(&pool_text::text(&report, &context.ui.out))?;
            wait::say_missing(context, &report.missing);
        }
        Ok(Done::Yes)
    })
    .await
}

/// Assembles the pool and explains it.
pub(crate) async fn make(
    hub: &Arc<Hub>,
    caller: &Caller,
    request: &str,
    budget: Option<u32>,
    out_max: usize,
) -> Report {
    let (snapshot, pool) = hub.pool(caller, request, budget).await;
    let state = hub.encoder_state().borrow().clone();
    report(&snapshot, caller, request, &pool, &state, out_max)
}

fn report(
    snapshot: &Snapshot,
    caller: &Caller,
    request: &str,
    pool: &Pool,
    encoder: &EncoderState,
    out_max: usize,
) -> Report {
    let mut offered = pool.lines(snapshot, out_max);
    let left_out = offered.split_off(pool.offered.len().min(offered.len()));
    Report {
        query: request.to_owned(),
        ranker: ranked(&pool.ranker, encoder),
        embedded: snapshot.embedded(),
        catalog: snapshot.tools().len(),
        allowance: pool.allowance,
        tokens: pool.tokens,
        tools: pool.offered.len() + pool.left_out.len(),
        all_tokens: pool.all_tokens,
        bridge: Bridge {
            tools: pool.bridge_tools,
            tokens: pool.bridge_tokens,
        },
        offered,
        left_out,
        rest: pool.rest(out_max),
        missing: wait::missing(snapshot, caller),
    }
}

fn ranked(ranker: &Ranker, encoder: &EncoderState) -> Ranked {
    match ranker {
        Ranker::Hybrid { model } => Ranked {
            kind: "hybrid",
            model: Some(model.clone()),
            why: None,
        },
        Ranker::Words => Ranked {
            kind: "words",
            model: None,
            why: Some(why_words(encoder)),
        },
    }
}

/// Why words alone ranked.
pub(crate) fn why_words(encoder: &EncoderState) -> String {
    match encoder {
        EncoderState::Off => "`embedding.enabled` is off".into(),
        EncoderState::Preparing { what, bytes, total } => {
            format!(
                "the encoder is not up yet ({})",
                wait::preparing(what, *bytes, *total)
            )
        }
        EncoderState::Ready { .. } => "no tool has its vector yet".into(),
        EncoderState::Words { reason, .. } => reason.clone(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
