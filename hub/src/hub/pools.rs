//! What the hub offers for a request: ranked, chosen within an allowance, and the hub's own tools as a model's list has them.

use std::sync::Arc;

use toolpool_config::Config;
use toolpool_registry::{
    Allowance, Pool, Query, Rendering, Snapshot, ToolId, Want, assemble, rank,
};

use super::{Hub, missing};
use crate::caller::Caller;
use crate::search;

/// What a pool is assembled for.
#[derive(Clone, Debug)]
pub struct PoolRequest {
    /// The request.
    pub text: String,
    /// The one before it, whose scores are mixed in where this one says little by itself.
    pub before: Option<String>,
    /// Tools called a short while ago, latest first.
    pub in_use: Vec<ToolId>,
    /// The hub's own tools, which come first.
    pub own: Vec<Rendering>,
    /// What the pool may take.
    pub allowance: Allowance,
}

impl Hub {
    /// The pool for a request, with the bridge tools counted first. `budget` replaces the allowance
    /// in tokens. It comes with the snapshot that its rows belong to.
    pub async fn pool(
        self: &Arc<Self>,
        caller: &Caller,
        text: &str,
        budget: Option<u32>,
    ) -> (Arc<Snapshot>, Pool) {
        let settings = &caller.pool;
        let allowance = Allowance {
            tokens: budget.unwrap_or_else(|| settings.allowance_tokens()),
            tools_max: settings.tools_max,
            full_max: settings.full_max,
        };
        let request = PoolRequest {
            text: text.to_owned(),
            before: None,
            in_use: Vec::new(),
            own: self.bridge(),
            allowance,
        };
        self.pool_for(caller, request).await
    }

    /// The answer of `find_tools`: the best few in slim form, without bridge or pinned tools.
    pub async fn find(self: &Arc<Self>, caller: &Caller, find: &search::Find) -> serde_json::Value {
        let allowance = Allowance {
            tokens: u32::MAX,
            tools_max: find.limit,
            full_max: 0,
        };
        let mut caller = caller.clone();
        caller.pin.clear();
        let request = PoolRequest {
            text: find.query.clone(),
            before: None,
            in_use: Vec::new(),
            own: Vec::new(),
            allowance,
        };
        let (snapshot, pool) = self.pool_for(&caller, request).await;
        search::found(&snapshot, &pool, &missing(&snapshot, &caller))
    }

    /// Ranks and chooses on one snapshot, which comes back with the pool whose rows are its own.
    pub async fn pool_for(
        self: &Arc<Self>,
        caller: &Caller,
        request: PoolRequest,
    ) -> (Arc<Snapshot>, Pool) {
        let (hub, caller) = (self.clone(), caller.clone());
        tokio::task::spawn_blocking(move || {
            let (config, snapshot) = (hub.config(), hub.snapshot());
            let view = hub.view(&snapshot, &caller);
            let ranked = |text: &str| {
                let query = hub.query(text, &config);
                rank(&snapshot, &view, &query, &caller.pool, &config.limits)
            };
            let mut ranking = ranked(&request.text);
            if let Some(before) = request.before.filter(|_| is_elliptic(&request.text)) {
                ranking = ranking.mixed(&ranked(&before));
            }
            let want = Want {
                pinned: &caller.pin,
                in_use: &request.in_use,
                bridge: &request.own,
            };
            let pool = assemble(
                &snapshot,
                &view,
                &ranking,
                request.allowance,
                want,
                &caller.pool,
            );
            (snapshot, pool)
        })
        .await
        .expect("ranking and choosing do not panic")
    }

    fn query(&self, text: &str, config: &Config) -> Query {
        if let Some(encoder) = self.encoder.load_full() {
            match Query::embedded(text, encoder.query(), &config.limits) {
                Ok(query) => return query,
                Err(error) => tracing::warn!(%error, "the request is ranked by words"),
            }
        }
        Query::words(text, &config.limits)
    }

    /// `find_tools` and `call_tool` as a model's list holds them.
    pub fn bridge(&self) -> Vec<Rendering> {
        let limit = self.config.load().limits.find_tools_max;
        [search::find_definition(limit), search::call_definition()]
            .iter()
            .map(|definition| self.rendered(definition))
            .collect()
    }

    /// A definition as MCP lists it, as a function of the chat API.
    fn rendered(&self, definition: &serde_json::Value) -> Rendering {
        let function = serde_json::json!({"type": "function", "function": {
            "name": definition["name"],
            "description": definition["description"],
            "parameters": definition["inputSchema"],
        }});
        self.counted(&function.to_string())
    }

    /// A text with what it costs.
    pub fn counted(&self, text: &str) -> Rendering {
        Rendering {
            tokens: self.counter.count(text),
            text: text.into(),
        }
    }
}

/// Whether a request says so little that only the one before it tells what is meant: at most six words, and one of them
/// points back.
fn is_elliptic(text: &str) -> bool {
    const POINTING: [&str; 15] = [
        "it", "that", "this", "them", "those", "these", "one", "ones", "again", "same", "other",
        "too", "also", "there", "yes",
    ];
    let words: Vec<String> = text
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.len() <= 6
        && (words.len() < 2 || words.iter().any(|word| POINTING.contains(&word.as_str())))
}
