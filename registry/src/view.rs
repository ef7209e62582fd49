//! What one caller may see of a snapshot. Everything that ranks, lists, suggests or resolves goes through a view, so that a
//! tool which is hidden, denied or unknown is one and the same to the caller: it is not there. Why it is not is kept apart,
//! for the person's eyes. Whether a server answers right now is absent; a view is about permission, not about health.

use std::fmt;

use serde::Serialize;
use toolpool_config::{Effect, Glob, Mode, Pattern, Subject};

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
    /// What else has to let a tool through: an agent type, and whoever gave the task. Each hides what it hides by itself, so
    /// that rules which were put together are the intersection of what each of them lets through.
    pub within: Vec<Bounds>,
}

/// Rules that stand beside others. Their mode is not here: it is folded into that of the rules they stand in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bounds {
    /// The agent type whose they are; none for those of a caller who gave a task.
    pub agent: Option<String>,
    /// As [`ViewRules::servers`].
    pub servers: Vec<String>,
    /// As [`ViewRules::allow`].
    pub allow: Vec<Pattern>,
    /// As [`ViewRules::deny`].
    pub deny: Vec<Pattern>,
    /// The worst effect that is let through. Of a tool without a believed claim the worst is assumed.
    pub ceiling: Option<Effect>,
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
    /// No believed claim says that it is harmless enough.
    Effect {
        /// The worst effect that would be.
        ceiling: Effect,
    },
    /// The agent type does not have it.
    AgentType {
        /// The type.
        agent: String,
        /// Which of its rules.
        what: Box<Hidden>,
    },
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
            Hidden::Effect { ceiling } => write!(f, "not known to be {ceiling} or milder"),
            Hidden::AgentType { agent, what } => {
                write!(f, "not for agent `{agent}`: ")?;
                match &**what {
                    Hidden::Server => f.write_str("its server is not among the type's"),
                    other => other.fmt(f),
                }
            }
            Hidden::PlanMode => f.write_str("not known to be read-only, and the mode is plan"),
        }
    }
}

impl ViewRules {
    /// Why `tool` is hidden; `None` when it is to be seen. The one place where the rules are read: the view and the door
    /// both ask here.
    #[must_use]
    pub fn hides(&self, tool: &ToolMeta) -> Option<Hidden> {
        self.hides_in(self.hides_server(&tool.id.server), tool)
    }

    /// Whether the rules leave a server in at all.
    #[must_use]
    pub fn admits_server(&self, server: &str) -> bool {
        self.hides_server(server).is_none()
    }

    /// These rules and those of `caller` together, who gives a task to whoever these are for: what either of them hides is
    /// hidden, and of two modes the narrower one holds.
    #[must_use]
    pub fn under(mut self, caller: &ViewRules) -> ViewRules {
        self.mode = narrower(self.mode, caller.mode);
        self.within.push(Bounds {
            agent: None,
            servers: caller.servers.clone(),
            allow: caller.allow.clone(),
            deny: caller.deny.clone(),
            ceiling: None,
        });
        self.within.extend(caller.within.iter().cloned());
        self
    }

    fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let own = Part {
            agent: None,
            servers: &self.servers,
            allow: &self.allow,
            deny: &self.deny,
            ceiling: None,
        };
        let others = self.within.iter().map(|bounds| Part {
            agent: bounds.agent.as_deref(),
            servers: &bounds.servers,
            allow: &bounds.allow,
            deny: &bounds.deny,
            ceiling: bounds.ceiling,
        });
        std::iter::once(own).chain(others)
    }

    fn hides_server(&self, server: &str) -> Option<Hidden> {
        let listed = |glob: &String| glob.parse::<Glob>().is_ok_and(|glob| glob.allows(server));
        self.parts()
            .find(|part| !part.servers.is_empty() && !part.servers.iter().any(listed))
            .map(|part| part.says(Hidden::Server))
    }

    /// Plan mode comes last: of a command the gates know more than the mode does, and nothing else may be passed over with it.
    fn hides_in(&self, server: Option<Hidden>, tool: &ToolMeta) -> Option<Hidden> {
        let subject = Subject {
            server: &tool.id.server,
            tool: &tool.id.name,
            exposed: &tool.exposed,
            effect: tool.claims.effect,
        };
        let denied = self.parts().find_map(|part| {
            let pattern = part.deny.iter().find(|pattern| pattern.matches(&subject))?;
            let pattern = pattern.to_string();
            Some(part.says(Hidden::Denied { pattern }))
        });
        if denied.is_some() || server.is_some() {
            return denied.or(server);
        }
        if !tool.permitted {
            return Some(Hidden::Unpermitted);
        }
        let believed = tool.claims.believed();
        let effect = if believed {
            tool.claims.effect
        } else {
            Effect::Destructive
        };
        let left_out = self.parts().find_map(|part| {
            let allowed =
                part.allow.is_empty() || part.allow.iter().any(|pattern| pattern.allows(&subject));
            match part.ceiling {
                _ if !allowed => Some(part.says(Hidden::NotAllowed)),
                Some(ceiling) if effect > ceiling => Some(part.says(Hidden::Effect { ceiling })),
                _ => None,
            }
        });
        let plan = self.mode == Mode::Plan && !tool.claims.read_only();
        left_out.or(plan.then_some(Hidden::PlanMode))
    }
}

/// The rules of one of those who have a say.
struct Part<'a> {
    agent: Option<&'a str>,
    servers: &'a [String],
    allow: &'a [Pattern],
    deny: &'a [Pattern],
    ceiling: Option<Effect>,
}

impl Part<'_> {
    fn says(&self, what: Hidden) -> Hidden {
        match self.agent {
            None => what,
            Some(agent) => Hidden::AgentType {
                agent: agent.to_owned(),
                what: Box::new(what),
            },
        }
    }
}

/// The mode that allows less without asking.
#[must_use]
pub fn narrower(one: Mode, other: Mode) -> Mode {
    match (one, other) {
        (Mode::Plan, _) | (_, Mode::Plan) => Mode::Plan,
        (Mode::Ask, _) | (_, Mode::Ask) => Mode::Ask,
        (Mode::Auto, Mode::Auto) => Mode::Auto,
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
            let hidden = rules.hides_server(server);
            for row in range.clone() {
                sees[row] = rules.hides_in(hidden.clone(), &tools[row]).is_none();
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
