//! Rules made from the file, and the examples in them: a rule that does not do what its author shows is refused.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::file::{ExampleFile, MatcherFile, RuleFile};
use crate::rule::host::Host;
use crate::rule::matcher::{Matcher, TextPattern};
use crate::rule::path::Prefix;
use crate::rule::{Proposed, Rule};
use crate::{Decision, Effect, Subject};

/// A call to try a rule on.
#[derive(Debug, Clone)]
pub(crate) struct Example {
    server: String,
    tool: String,
    effect: Option<Effect>,
    arguments: Map<String, Value>,
    meets: bool,
}

impl Rule {
    /// A rule with its examples; `place` is where it stands, `home` puts the home folder for `~/`.
    pub(crate) fn from_file(
        file: RuleFile,
        place: String,
        home: &dyn Fn(String) -> String,
    ) -> Result<(Rule, Vec<Example>), String> {
        if file.server.is_none()
            && file.tool.is_none()
            && file.effect.is_none()
            && file.arguments.is_empty()
        {
            return Err(
                "the rule names no server, tool, effect or argument; `server = \"*\"` is every one"
                    .to_owned(),
            );
        }
        if let Some(fingerprint) = &file.fingerprint {
            if file.decision != Decision::Allow {
                return Err(
                    "`fingerprint` belongs to a rule that allows; any other holds whatever a tool becomes"
                        .to_owned(),
                );
            }
            if fingerprint.is_empty() || !fingerprint.chars().all(|c| c.is_ascii_hexdigit()) {
                return Err(format!(
                    "the `fingerprint` `{fingerprint}` is not hexadecimal"
                ));
            }
        }
        let mut arguments = BTreeMap::new();
        for (name, matcher) in file.arguments {
            let matcher =
                matcher_of(matcher, home).map_err(|why| format!("the argument `{name}`: {why}"))?;
            arguments.insert(name, matcher);
        }
        let yes = file
            .matches
            .into_iter()
            .map(|file| Example::from_file(file, true));
        let no = file
            .no_match
            .into_iter()
            .map(|file| Example::from_file(file, false));
        let examples = yes.chain(no).collect();
        let rule = Rule {
            decision: file.decision,
            server: file.server,
            tool: file.tool,
            effect: file.effect,
            fingerprint: file.fingerprint,
            arguments,
            reason: file.reason,
            place,
        };
        Ok((rule, examples))
    }
}

fn matcher_of(file: MatcherFile, home: &dyn Fn(String) -> String) -> Result<Matcher, String> {
    match (file.prefix, file.host, file.pattern, file.equals) {
        (Some(prefix), None, None, None) => Prefix::new(&home(prefix)).map(Matcher::Prefix),
        (None, Some(host), None, None) => Host::new(&host).map(Matcher::Host),
        (None, None, Some(pattern), None) => TextPattern::new(&pattern)
            .map(Matcher::Pattern)
            .map_err(|why| format!("`{pattern}` is not a regular expression: {why}")),
        (None, None, None, Some(value)) => Ok(Matcher::Equals(value)),
        _ => Err("give exactly one of `prefix`, `host`, `pattern` and `equals`".to_owned()),
    }
}

impl Example {
    fn from_file(file: ExampleFile, meets: bool) -> Example {
        Example {
            server: file.server,
            tool: file.tool,
            effect: file.effect,
            arguments: file.arguments.into_iter().collect(),
            meets,
        }
    }

    /// What is wrong where the rule does not do what the example says.
    pub(crate) fn fails(&self, rule: &Rule) -> Option<String> {
        let exposed = format!("{}__{}", self.server, self.tool);
        let call = Proposed {
            tool: Subject {
                server: &self.server,
                tool: &self.tool,
                exposed: &exposed,
                effect: self.effect.unwrap_or(Effect::Destructive),
            },
            believed: self.effect.is_some(),
            // An example is of the tool that the rule is about.
            fingerprint: rule.fingerprint.as_deref().unwrap_or_default(),
            arguments: &self.arguments,
            folder: None,
        };
        if rule.meets(&call) == self.meets {
            return None;
        }
        let arguments = Value::Object(self.arguments.clone());
        Some(match self.meets {
            true => {
                format!("the rule does not meet its `match` example `{exposed}` with {arguments}")
            }
            false => format!("the rule meets its `no_match` example `{exposed}` with {arguments}"),
        })
    }
}
