//! Rules over calls: which server, tool, effect and arguments, and what happens then.
//!
//! A rule is read in one of two ways, because doubt must go to the safe side in both. An *allow* matches narrowly: names
//! and values as they are written, effects only by a claim that is believed. A *deny* or an *ask* matches widely: spelling,
//! nesting, encodings and detours make no difference. Paths are compared as they are written: what a link in the file
//! system leads to is the business of who opens it.
//!
//! Deliberately absent: an order. Of all rules that meet a call the worst decision wins, so that a rule further down, or in
//! another file, can never take a deny back. Putting rules together with lists, gates and modes is the hub's business.

mod add;
mod example;
mod host;
mod matcher;
mod path;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

pub use add::{NewRule, add_rule};
pub use matcher::Matcher;

use crate::pattern::fold;
use crate::{Decision, Effect, Glob, Subject};

/// A call that a rule is held against.
#[derive(Debug, Clone, Copy)]
pub struct Proposed<'a> {
    /// The tool.
    pub tool: Subject<'a>,
    /// Whether somebody the hub believes stands behind the tool's effect.
    pub believed: bool,
    /// The fingerprint of the tool's definition, in hex.
    pub fingerprint: &'a str,
    /// The arguments as they would be sent.
    pub arguments: &'a Map<String, Value>,
    /// The folder that the server works in, where one is known: what relative paths are relative to.
    pub folder: Option<&'a Path>,
}

/// One rule over calls.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rule {
    /// What happens to a call that meets it.
    pub decision: Decision,
    /// Over servers' names.
    pub server: Option<Glob>,
    /// Over tools, by own or exposed name.
    pub tool: Option<Glob>,
    /// This effect, and those beyond it in the careful direction.
    pub effect: Option<Effect>,
    /// The definition of the tool that an allow was said of, in hex; another one is not what was allowed.
    pub fingerprint: Option<String>,
    /// What arguments hold.
    pub arguments: BTreeMap<String, Matcher>,
    /// Why, in the person's words.
    pub reason: Option<String>,
    /// Where it stands, for messages.
    pub place: String,
}

impl Rule {
    /// Whether the rule applies to the call, read narrowly for an allow and widely for everything else.
    pub fn meets(&self, call: &Proposed<'_>) -> bool {
        match self.decision {
            Decision::Allow => self.meets_narrowly(call),
            Decision::Ask | Decision::Deny => self.meets_widely(call),
        }
    }

    /// Whether the rule says exactly what this argument is, rather than where it lies or nothing at all. `shapes`: whether a
    /// pattern says enough of it.
    pub fn spells_out(&self, argument: &str, shapes: bool) -> bool {
        match self.arguments.get(argument) {
            Some(Matcher::Equals(_)) => true,
            Some(Matcher::Pattern(_)) => shapes,
            Some(Matcher::Prefix(_) | Matcher::Host(_)) | None => false,
        }
    }

    /// What the rule is called in a sentence: its reason and its place.
    pub fn named(&self) -> String {
        match &self.reason {
            Some(reason) => format!("{reason} ({} rule at {})", self.decision, self.place),
            None => format!("{} rule at {}", self.decision, self.place),
        }
    }

    fn meets_narrowly(&self, call: &Proposed<'_>) -> bool {
        let tool = &call.tool;
        let full = format!("{}__{}", tool.server, tool.tool);
        let named = |glob: &Glob| {
            glob.allows(tool.exposed)
                || glob.allows(&full)
                || (self.server.is_some() && glob.allows(tool.tool))
        };
        self.server
            .as_ref()
            .is_none_or(|glob| glob.allows(tool.server))
            && self.tool.as_ref().is_none_or(named)
            && self
                .effect
                .is_none_or(|effect| call.believed && tool.effect <= effect)
            && self
                .fingerprint
                .as_ref()
                .is_none_or(|fingerprint| fingerprint.eq_ignore_ascii_case(call.fingerprint))
            && self.arguments.iter().all(|(name, matcher)| {
                call.arguments
                    .get(name)
                    .is_some_and(|value| matcher.frees(value, call.folder))
            })
    }

    fn meets_widely(&self, call: &Proposed<'_>) -> bool {
        let tool = &call.tool;
        let full = format!("{}__{}", tool.server, tool.tool);
        let named =
            |glob: &Glob| glob.denies(tool.exposed) || glob.denies(&full) || glob.denies(tool.tool);
        let changes = !(call.believed && tool.effect == Effect::ReadOnly);
        self.server
            .as_ref()
            .is_none_or(|glob| glob.denies(tool.server))
            && self.tool.as_ref().is_none_or(named)
            && self
                .effect
                .is_none_or(|effect| !call.believed || tool.effect >= effect)
            && self.arguments.iter().all(|(name, matcher)| {
                any_named(call.arguments, &fold(name), &|value| {
                    matcher.stops(value, call.folder, changes)
                })
            })
    }
}

/// Whether an argument of this name, at any depth, passes the test.
fn any_named(arguments: &Map<String, Value>, name: &str, test: &dyn Fn(&Value) -> bool) -> bool {
    arguments.iter().any(|(key, value)| {
        (fold(key) == name && test(value))
            || any_object(value, &|inner| any_named(inner, name, test))
    })
}

fn any_object(value: &Value, test: &dyn Fn(&Map<String, Value>) -> bool) -> bool {
    match value {
        Value::Object(object) => test(object),
        Value::Array(list) => list.iter().any(|item| any_object(item, test)),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
