//! A snapshot: all tools of all servers at one moment, numbered, immutable, held by whoever began with it until they are
//! done. What a new one has in common with the one before it shares. Who may see what is absent (that is a view), and so
//! is the clock: numbers order snapshots, times do not.

use std::ops::Range;
use std::sync::Arc;

use toolpool_config::Config;

use crate::catalog::{self, ServerState, ServerTools};
use crate::index::SearchIndex;
use crate::name::{self, NameTable};
use crate::tokens::TokenCounter;
use crate::tool::{Row, ToolId, ToolMeta};
use crate::vectors::{Vector, VectorStore};

/// The catalog at one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    no: u64,
    servers: Vec<ServerState>,
    /// Sorted by id, so that the tools of a server stand side by side.
    tools: Vec<Arc<ToolMeta>>,
    by_server: Vec<(Arc<str>, Range<Row>)>,
    names: NameTable,
    /// Beside the tools, so that choosing among a hundred thousand touches none that is not chosen.
    costs: Vec<Costs>,
    search: Arc<SearchIndex>,
}

/// Tokens of a tool's renderings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Costs {
    /// Of the full one.
    pub full: u32,
    /// Of the slim one.
    pub slim: u32,
}

impl Costs {
    /// Of the cheaper one.
    #[must_use]
    pub fn least(self) -> u32 {
        self.full.min(self.slim)
    }
}

impl Snapshot {
    /// Snapshot 0: no servers, no tools.
    #[must_use]
    pub fn empty() -> Snapshot {
        Snapshot::default()
    }

    /// Joins `lists` into snapshot `no`. Every tool gets a name of its own here; of two tools with one id the first stays.
    /// `previous` is only for sharing, and changes nothing of the outcome.
    #[must_use]
    pub fn build(
        no: u64,
        mut servers: Vec<ServerState>,
        lists: Vec<Arc<ServerTools>>,
        vectors: &VectorStore,
        config: &Config,
        previous: Option<&Snapshot>,
    ) -> Snapshot {
        servers.sort_by(|a, b| a.name.cmp(&b.name));
        let mut tools: Vec<Arc<ToolMeta>> = lists
            .iter()
            .flat_map(|list| list.tools.iter().cloned())
            .collect();
        tools.sort_by(|a, b| a.id.cmp(&b.id));
        tools.dedup_by(|a, b| a.id == b.id);
        let (names, renamed) = name::settle(&tools, config.names.length_max);
        for (row, exposed) in renamed {
            let known = previous.and_then(|p| p.by_id(&tools[row].id).map(|at| &p.tools[at]));
            tools[row] = match known {
                Some(known) if is_renamed(known, &tools[row], &exposed) => Arc::clone(known),
                _ => Arc::new(catalog::renamed(
                    &tools[row],
                    &exposed,
                    counter(&lists, &tools[row]),
                )),
            };
        }
        let shared = previous.filter(|p| p.has_index_of(&tools, vectors));
        Snapshot {
            no,
            servers,
            by_server: ranges(&tools),
            names,
            costs: tools.iter().map(|tool| costs(tool)).collect(),
            search: match shared {
                Some(previous) => Arc::clone(&previous.search),
                None => Arc::new(SearchIndex::build(
                    tools.iter().map(|tool| (&*tool.id.server, &tool.document)),
                    vectors,
                    config.limits.graph_from,
                    previous.map(|previous| &*previous.search),
                )),
            },
            tools,
        }
    }

    /// Its number; the next one has a higher one.
    #[must_use]
    pub fn no(&self) -> u64 {
        self.no
    }

    /// All tools, sorted by id. A tool's row is its place here.
    #[must_use]
    pub fn tools(&self) -> &[Arc<ToolMeta>] {
        &self.tools
    }

    /// All servers, sorted by name, those without tools too.
    #[must_use]
    pub fn servers(&self) -> &[ServerState] {
        &self.servers
    }

    /// Each server that has tools, with their rows.
    #[must_use]
    pub fn by_server(&self) -> &[(Arc<str>, Range<Row>)] {
        &self.by_server
    }

    /// The names that callers use.
    #[must_use]
    pub fn names(&self) -> &NameTable {
        &self.names
    }

    /// The tool that callers know by this name.
    #[must_use]
    pub fn by_exposed(&self, exposed: &str) -> Option<Row> {
        self.names.row(exposed)
    }

    /// The tool with this id.
    #[must_use]
    pub fn by_id(&self, id: &ToolId) -> Option<Row> {
        self.tools.binary_search_by(|tool| tool.id.cmp(id)).ok()
    }

    /// The state of a server.
    #[must_use]
    pub fn server(&self, name: &str) -> Option<&ServerState> {
        let at = self
            .servers
            .binary_search_by(|server| (*server.name).cmp(name))
            .ok()?;
        self.servers.get(at)
    }

    /// Tokens of the renderings of `row`, which must be a row of this snapshot.
    #[must_use]
    pub fn costs(&self, row: Row) -> Costs {
        self.costs[row]
    }

    /// What ranking searches.
    #[must_use]
    pub fn search(&self) -> &SearchIndex {
        &self.search
    }

    /// The vector of a tool, where it has been embedded.
    #[must_use]
    pub fn vector(&self, row: Row) -> Option<&Vector> {
        self.search.vector(row)
    }

    /// How many tools have a vector.
    #[must_use]
    pub fn embedded(&self) -> usize {
        self.search.embedded()
    }

    /// Whether its index is the one that `tools` and `vectors` would make.
    fn has_index_of(&self, tools: &[Arc<ToolMeta>], vectors: &VectorStore) -> bool {
        let same = |(row, tool): (Row, &Arc<ToolMeta>)| {
            let before = &self.tools[row];
            let document = Arc::ptr_eq(before, tool)
                || (before.id == tool.id
                    && before.document.hash == tool.document.hash
                    && before.document.terms == tool.document.terms);
            let vector = match (self.search.vector(row), vectors.get(&tool.document.hash)) {
                (None, None) => true,
                (Some(one), Some(other)) => Arc::ptr_eq(one, other),
                _ => false,
            };
            document && vector
        };
        self.search.vectors.model() == vectors.model()
            && self.tools.len() == tools.len()
            && tools.iter().enumerate().all(same)
    }
}

fn costs(tool: &ToolMeta) -> Costs {
    Costs {
        full: tool.full.tokens,
        slim: tool.slim.tokens,
    }
}

fn ranges(tools: &[Arc<ToolMeta>]) -> Vec<(Arc<str>, Range<Row>)> {
    let mut start = 0;
    let same = |a: &Arc<ToolMeta>, b: &Arc<ToolMeta>| a.id.server == b.id.server;
    let mut ranges = Vec::new();
    for run in tools.chunk_by(same) {
        ranges.push((Arc::clone(&run[0].id.server), start..start + run.len()));
        start += run.len();
    }
    ranges
}

/// Whether `known` is what renaming `tool` would give.
fn is_renamed(known: &ToolMeta, tool: &ToolMeta, exposed: &str) -> bool {
    *known.exposed == *exposed
        && known.raw == tool.raw
        && known.description == tool.description
        && known.claims == tool.claims
        && known.permitted == tool.permitted
        && known.offline == tool.offline
        && known.named_by_person == tool.named_by_person
}

/// The counter that the tool's list was counted with.
fn counter<'a>(lists: &'a [Arc<ServerTools>], tool: &ToolMeta) -> &'a TokenCounter {
    lists
        .iter()
        .find(|list| list.server == tool.id.server)
        .map(|list| &list.counter)
        .expect("the tool came from one of the lists")
}

#[cfg(test)]
mod tests;
