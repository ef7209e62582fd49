//! `audit` and `audit verify`: every decision on a call with what came of it, and whether the journals are as they were written.
//! Neither opens a session, so that both work beside a running one.
//!
//! `audit --json` prints one object for each call, in the order of the table:
//!
//! ```text
//! {"session", "what": "session"|"process", "depth", "parent": {"session", "call"}|null,
//!  "call", "seq", "at_ms", "name", "via", "principal", "profile", "agent", "server", "tool", "effect", "fingerprint",
//!  "arguments_sha256", "decision": "allow"|"deny"|"refused"|"own"|"none", "source", "rule", "approver", "reason",
//!  "refused", "sent", "verdict", "result_sha256", "elapsed_ms", "repairs": [text],
//!  "settled": {"verdict", "by"}|null, "verified": [{"what", "holds", "findings"}], "delegate": {"agent", "session"}|null, "copied"}
//! ```
//!
//! What is not known is null. Arguments and results are hashes; `why call` shows them. `--csv` has a head line and the
//! same facts; lines end in a line feed, and a cell that a spreadsheet would take for a formula has a `'` in front.
//!
//! `audit verify --json`: `{"good", "sessions": [{"session", "lines", "head", "noted": {"seq", "sum"}|null, "expected", "bad": {"line", "what",
//! ...}|null}]}`.

use std::sync::Arc;

use serde::Serialize;

use crate::audit::{Audit, Filter, Row, Trail};
use crate::cli::args::{AuditArgs, AuditCommand, AuditFlags};
use crate::cli::audit_text;
use crate::cli::report::Done;
use crate::cli::start::Context;
use crate::cli::words::count;
use crate::journal::{Proof, RealDisk, Store, StoreError, now_ms};

/// Calls in a table where nobody says how many.
const LINES: usize = 100;

#[derive(Serialize)]
struct Proofs {
    good: bool,
    sessions: Vec<Proof>,
}

/// Runs one of the commands. Neither starts a server.
pub(crate) fn run(context: &Context, args: AuditArgs) -> anyhow::Result<Done> {
    let store = Store::new(context.surroundings.state(), Arc::new(RealDisk));
    match args.command {
        Some(AuditCommand::Verify {
            session, expect, ..
        }) => verify(context, &store, session.as_deref(), expect.as_deref()),
        None => list(context, &store, args.flags),
    }
}

fn list(context: &Context, store: &Store, flags: AuditFlags) -> anyhow::Result<Done> {
    let trail = read(context, store, flags.session.as_deref())?;
    let now = now_ms();
    let lines = flags
        .lines
        .or((!flags.csv && !context.global.json).then_some(LINES));
    let filter = Filter {
        tool: flags.tool,
        server: flags.server,
        decision: flags.decision,
        source: flags.source,
        approver: flags.approver,
        rule: flags.rule,
        since_ms: flags.since.map(|since| since.ms(now)),
        until_ms: flags.until.map(|until| until.ms(now)),
        agent: flags.agent,
        verdict: flags.verdict,
    };
    let mut rows = trail.rows();
    rows.retain(|row| filter.passes(&row.record));
    let earlier = rows.len().saturating_sub(lines.unwrap_or(usize::MAX));
    rows.drain(..earlier);
    if context.global.json {
        context.ui.print(&json(&rows)?)?;
    } else if flags.csv {
        context.ui.print(&audit_text::csv(&rows))?;
    } else if rows.is_empty() {
        context.ui.say("no call of that kind is in the journals");
    } else {
        context
            .ui
            .print(&audit_text::table(&rows, &context.ui.out))?;
        if earlier > 0 {
            context.ui.say(&format!(
                "{} before these; `--lines` shows more",
                count(earlier, "call")
            ));
        }
    }
    for row in rows.iter().filter(|row| row.record.unruled()) {
        context.ui.warn(&format!(
            "call `{}` of session `{}` was sent and nothing in the journal allowed it; `toolpool audit verify {}` checks that journal",
            row.record.call, row.session, row.session
        ));
    }
    Ok(Done::Yes)
}

fn json(rows: &[Row]) -> serde_json::Result<String> {
    let mut out = String::new();
    for row in rows {
        out.push_str(&serde_json::to_string(row)?);
        out.push('\n');
    }
    Ok(out)
}

/// The journals of all sessions, or of one with its delegates at any depth.
fn read(context: &Context, store: &Store, words: Option<&str>) -> anyhow::Result<Trail> {
    let mut trail = Trail::default();
    match words {
        None | Some("all") => {
            for id in store.sessions()? {
                // One that can't be read is said, and the others are shown.
                if let Err(error) = add(context, store, &mut trail, &id) {
                    say_unread(context, &id, &error);
                }
            }
        }
        Some(words) => {
            let id = store.find(words)?;
            add(context, store, &mut trail, &id)?;
            let mut open = trail.delegates(&id);
            while let Some(id) = open.pop() {
                if trail.has(&id) {
                    continue;
                }
                match add(context, store, &mut trail, &id) {
                    Ok(()) => open.extend(trail.delegates(&id)),
                    Err(error) => say_unread(context, &id, &error),
                }
            }
        }
    }
    Ok(trail)
}

fn add(context: &Context, store: &Store, trail: &mut Trail, id: &str) -> Result<(), StoreError> {
    let (lines, damage) = store.read(id)?;
    if !damage.is_empty() {
        context.ui.warn(&format!(
            "the journal of session `{id}` is damaged; `toolpool audit verify {id}` names the first bad line"
        ));
    }
    trail.add(id, Audit::of(&lines));
    Ok(())
}

fn say_unread(context: &Context, id: &str, error: &StoreError) {
    context.ui.warn(&format!(
        "the calls of session `{id}` are not shown: {error}"
    ));
}

fn verify(
    context: &Context,
    store: &Store,
    words: Option<&str>,
    expect: Option<&str>,
) -> anyhow::Result<Done> {
    let ids = match words {
        Some(words) => vec![named(store, words)?],
        None => store.provable()?,
    };
    let expect = expect.map(str::to_lowercase);
    let sessions = ids
        .iter()
        .map(|id| store.prove(id, expect.as_deref()))
        .collect::<Result<Vec<_>, _>>()?;
    let good = sessions.iter().all(|proof| proof.bad.is_none());
    if context.global.json {
        context.ui.json(&Proofs { good, sessions })?;
    } else {
        context
            .ui
            .print(&audit_text::proofs(&sessions, &context.ui.out))?;
        if good && words.is_some() && expect.is_none() {
            context.ui.hint(
                "keep the head where nobody else can write; `--expect HEAD` then finds lines that are gone at the end or were written anew",
            );
        }
    }
    Ok(if good { Done::Yes } else { Done::No })
}

/// The session that is meant; also one that is gone, by its whole name.
fn named(store: &Store, words: &str) -> anyhow::Result<String> {
    match store.find(words) {
        Err(StoreError::Unknown(_)) if store.provable()?.iter().any(|id| id == words) => {
            Ok(words.to_owned())
        }
        found => Ok(found?),
    }
}
