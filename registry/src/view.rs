//! What one caller may see of a snapshot. Everything that ranks, lists, suggests or resolves goes through a view, so that a
//! tool which is hidden, denied or unknown is one and the same to the caller: it is not there. Why it is not is kept apart,
//! for the person's eyes. Whether a server answers right now is absent; a view is about permission, not about health.

use std::fmt;

use serde::Serialize;
use toolpool_config::{Glob, Mode, Pattern, Subject};

use crate::snapshot::Snapshot;
use crate::tool::{Row, ToolMeta};

/// The rules a view is made by. They only narrow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ViewRules {
    /// Globs over servers' names; empty means all, and one that is no glob matches nothing.
    pub servers: Vec<String>,
    /// What is let through; empty means all.
    pub allow: Vec<Pattern>,
    /// What is not, whatever else says so.
    pub deny: Vec<Pattern>,
    /// Plan mode shows only what is read-only by a claim the hub believes.
    pub mode: Mode,
}

/// Why a tool is not in a view. For the person; a caller is never told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Hidden {
    /// The profile leaves its server out.
    Server,
    /// The server's own `allow` and `deny` leave it out.
    Unpermitted,
    /// A deny list has it.
    Denied {
        /// The entry that matched.
        pattern: String,
    },
    /// There is an allow list, and it is not on it.
    NotAllowed,
    /// Plan mode, and no believed claim says that it only reads.
    PlanMode,
}

impl fmt::Display for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hidden::Server => f.write_str("its server is not in the profile"),
            Hidden::Unpermitted => f.write_str("left out by its server's allow and deny"),
            Hidden::Denied { pattern } => write!(f, "denied by `{pattern}`"),
            Hidden::NotAllowed => f.write_str("not on the allow list"),
            Hidden::PlanMode => f.write_str("not known to be read-only, and the mode is plan"),
        }
    }
}

impl ViewRules {
    /// Why `tool` is hidden; `None` when it is to be seen. The one place where the rules are read: the view and the door
    /// both ask here.
    #[must_use]
    pub fn hides(&self, tool: &ToolMeta) -> Option<Hidden> {
        self.hides_in(self.admits_server(&tool.id.server), tool)
    }

    /// Whether the rules leave a server in at all.
    #[must_use]
    pub fn admits_server(&self, server: &str) -> bool {
        let listed = |glob: &String| glob.parse::<Glob>().is_ok_and(|glob| glob.allows(server));
        self.servers.is_empty() || self.servers.iter().any(listed)
    }

    fn hides_in(&self, admitted: bool, tool: &ToolMeta) -> Option<Hidden> {
        let subject = Subject {
            server: &tool.id.server,
            tool: &tool.id.name,
            exposed: &tool.exposed,
            effect: tool.claims.effect,
        };
        if let Some(pattern) = self.deny.iter().find(|pattern| pattern.matches(&subject)) {
            return Some(Hidden::Denied {
                pattern: pattern.to_string(),
            });
        }
        if !admitted {
            Some(Hidden::Server)
        } else if !tool.permitted {
            Some(Hidden::Unpermitted)
        } else if !self.allow.is_empty()
            && !self.allow.iter().any(|pattern| pattern.allows(&subject))
        {
            Some(Hidden::NotAllowed)
        } else if self.mode == Mode::Plan && !tool.claims.read_only() {
            Some(Hidden::PlanMode)
        } else {
            None
        }
    }
}

/// The rows of one snapshot that one caller may see.
#[derive(Clone, Debug)]
pub struct View {
    snapshot: u64,
    sees: Vec<bool>,
    /// Half the size of rows: a snapshot has far fewer than four billion.
    rows: Vec<u32>,
}

impl View {
    /// Applies `rules` to every tool of `snapshot`.
    #[must_use]
    pub fn new(snapshot: &Snapshot, rules: &ViewRules) -> View {
        let tools = snapshot.tools();
        let mut sees = vec![false; tools.len()];
        let mut rows = Vec::with_capacity(tools.len());
        for (server, range) in snapshot.by_server() {
            let admitted = rules.admits_server(server);
            for row in range.clone() {
                sees[row] = rules.hides_in(admitted, &tools[row]).is_none();
                if sees[row] {
                    rows.push(
                        u32::try_from(row).expect("a snapshot has fewer than four billion tools"),
                    );
                }
            }
        }
        View {
            snapshot: snapshot.no(),
            sees,
            rows,
        }
    }

    /// The number of the snapshot whose rows these are.
    #[must_use]
    pub fn snapshot(&self) -> u64 {
        self.snapshot
    }

    /// Whether the caller may see `row`; a row that does not exist is not seen.
    #[must_use]
    pub fn sees(&self, row: Row) -> bool {
        self.sees.get(row).copied().unwrap_or(false)
    }

    /// The rows in view, ascending.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row> + DoubleEndedIterator + '_ {
        self.rows.iter().map(|&row| row as Row)
    }

    /// The same rows as the search wants them.
    pub(crate) fn visible(&self) -> &[u32] {
        &self.rows
    }

    /// How many tools are in view.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nothing is in view.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether every tool of the snapshot is in view.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.rows.len() == self.sees.len()
    }

    /// The tool of that very name, if the caller may see it. A view of another snapshot resolves nothing: its rows mean
    /// other tools.
    #[must_use]
    pub fn resolve(&self, snapshot: &Snapshot, name: &str) -> Option<Row> {
        let row = snapshot.by_exposed(name)?;
        (self.snapshot == snapshot.no() && self.sees(row)).then_some(row)
    }
}

#[cfg(test)]
mod tests;
