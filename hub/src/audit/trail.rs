//! Several journals as one trail: calls in the order they were made, those of a delegate under the call that began it.
//!
//! ```text
//! session A   call 1
//!             call 2, a delegate ─► session B   call 1
//!                                               call 2, a delegate ─► session C ...
//!             call 3
//! ```
//!
//! A delegate is known by either end: the entry that says which session a call began, and the beginning of that session, which
//! names the call. One whose other end is missing stands by itself. Two that name each other are followed once.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use toolpool_config::Glob;

use super::{Audit, Record, Ruling};
use crate::journal::entry::{ApproverKind, CallId, DecisionSource, JournalKind, Verdict};

/// One call as the trail has it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The session that it is in.
    pub session: String,
    /// What that is; none where its first line is lost.
    pub what: Option<JournalKind>,
    /// How many delegates it is below a session that nobody delegated.
    pub depth: usize,
    /// The session and the call that began its session.
    pub parent: Option<Under>,
    /// The call.
    #[serde(flatten)]
    pub record: Record,
}

/// The call that a delegate's session is under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Under {
    /// Its session.
    pub session: String,
    /// The call there.
    pub call: CallId,
}

/// The folds of several journals.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    journals: BTreeMap<String, Audit>,
}

/// Which calls are wanted. What is not given lets every call through.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Over tools, by own or exposed name.
    pub tool: Option<Glob>,
    /// Over servers.
    pub server: Option<Glob>,
    /// What was ruled. Without it the hub's own tools are left out, since nothing is decided on there, but for those that
    /// began a delegate.
    pub decision: Option<Ruling>,
    /// What decided.
    pub source: Option<DecisionSource>,
    /// Who gave the answer.
    pub approver: Option<ApproverKind>,
    /// A part of the rule or of the reason, in any case of letters.
    pub rule: Option<String>,
    /// Not before, in milliseconds since 1970.
    pub since_ms: Option<u64>,
    /// Not after.
    pub until_ms: Option<u64>,
    /// The agent type that asked.
    pub agent: Option<String>,
    /// What came of it.
    pub verdict: Option<Verdict>,
}

impl Filter {
    /// Whether a call is wanted.
    pub fn passes(&self, record: &Record) -> bool {
        let named = |glob: &Glob| {
            glob.allows(&record.name)
                || record.tool.as_deref().is_some_and(|tool| glob.allows(tool))
        };
        let on = |glob: &Glob| {
            let server = record.server.as_deref();
            server.is_some_and(|server| glob.allows(server))
        };
        let says = |text: &String| {
            let text = text.to_lowercase();
            let has = |of: &Option<String>| {
                of.as_ref()
                    .is_some_and(|of| of.to_lowercase().contains(&text))
            };
            has(&record.rule) || has(&record.reason)
        };
        let ruled = match self.decision {
            Some(decision) => record.decision == decision,
            None => record.decision != Ruling::Own || record.delegate.is_some(),
        };
        ruled
            && self.tool.as_ref().is_none_or(named)
            && self.server.as_ref().is_none_or(on)
            && self
                .source
                .is_none_or(|source| record.source == Some(source))
            && self
                .approver
                .is_none_or(|approver| record.approver == Some(approver))
            && self.rule.as_ref().is_none_or(says)
            && self.since_ms.is_none_or(|since| record.at_ms >= since)
            && self.until_ms.is_none_or(|until| record.at_ms <= until)
            && self
                .agent
                .as_ref()
                .is_none_or(|agent| record.agent.as_ref() == Some(agent))
            && self
                .verdict
                .is_none_or(|verdict| record.end() == Some(verdict))
    }
}

impl Trail {
    /// Adds a journal.
    pub fn add(&mut self, session: impl Into<String>, audit: Audit) {
        self.journals.insert(session.into(), audit);
    }

    /// Whether a journal is part of it.
    pub fn has(&self, session: &str) -> bool {
        self.journals.contains_key(session)
    }

    /// The sessions that calls of a journal began.
    pub fn delegates(&self, session: &str) -> Vec<String> {
        let records = self.journals.get(session).map_or(&[][..], Audit::records);
        let began = records.iter().filter_map(|record| record.delegate.as_ref());
        began.map(|delegate| delegate.session.clone()).collect()
    }

    /// Every call, those of one level by time, the newest last.
    pub fn rows(&self) -> Vec<Row> {
        let mut seen = BTreeSet::new();
        let mut tops: Vec<(&String, &Audit, &Record)> = Vec::new();
        let roots = self
            .journals
            .iter()
            .filter(|(_, audit)| self.parent(audit).is_none());
        for (session, audit) in roots {
            seen.insert(session.as_str());
            tops.extend(self.own(audit).map(|record| (session, audit, record)));
        }
        tops.sort_by_key(|(session, _, record)| (record.at_ms, *session, record.seq));
        let mut rows = Vec::new();
        for (session, audit, record) in tops {
            self.put(session, audit, record, 0, &mut seen, &mut rows);
        }
        // Sessions that name each other as parents, or whose parent does not name them.
        for (session, audit) in &self.journals {
            if seen.insert(session) {
                for record in self.own(audit) {
                    self.put(session, audit, record, 0, &mut seen, &mut rows);
                }
            }
        }
        rows
    }

    fn put<'a>(
        &'a self,
        session: &'a str,
        audit: &'a Audit,
        record: &'a Record,
        depth: usize,
        seen: &mut BTreeSet<&'a str>,
        rows: &mut Vec<Row>,
    ) {
        let begin = audit.begin();
        rows.push(Row {
            session: session.to_owned(),
            what: begin.map(|begin| begin.what),
            depth,
            parent: begin
                .and_then(|begin| begin.parent.as_ref())
                .map(|parent| Under {
                    session: parent.session.clone(),
                    call: parent.call,
                }),
            record: record.clone(),
        });
        for (child, audit) in self.children(session, record) {
            if seen.insert(child) {
                for record in self.own(audit) {
                    self.put(child, audit, record, depth + 1, seen, rows);
                }
            }
        }
    }

    /// The sessions that a call began, by either end.
    fn children<'a>(
        &'a self,
        session: &'a str,
        record: &'a Record,
    ) -> impl Iterator<Item = (&'a str, &'a Audit)> {
        let named = record.delegate.as_ref();
        self.journals
            .iter()
            .filter(move |(child, audit)| {
                let parent = audit.begin().and_then(|begin| begin.parent.as_ref());
                named.is_some_and(|delegate| delegate.session == **child)
                    || parent.is_some_and(|parent| {
                        parent.session == session && parent.call == record.call
                    })
            })
            .map(|(child, audit)| (child.as_str(), audit))
    }

    /// The parent's journal, where it is part of this.
    fn parent(&self, audit: &Audit) -> Option<&Audit> {
        let parent = audit.begin()?.parent.as_ref()?;
        self.journals.get(&parent.session)
    }

    /// A journal's calls, without those that stand in the journal it was forked from.
    fn own<'a>(&'a self, audit: &'a Audit) -> impl Iterator<Item = &'a Record> {
        let origin = audit.begin().and_then(|begin| begin.forked.as_ref());
        let there = origin.is_some_and(|origin| self.has(&origin.session));
        let records = audit.records().iter();
        records.filter(move |record| !(there && record.copied))
    }
}
