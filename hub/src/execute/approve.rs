//! Decides: by the rules, and where they say *ask* by whoever is asked. Every judgement is an entry, made or not.
//!
//! A yes is bound to server, schema and arguments. While a person thinks, a server may change its tool and the person their
//! rules, so that both are looked at again before the yes counts. The question is asked outside of the tool's own timeout.

use std::path::PathBuf;

use serde_json::{Map, Value};
use toolpool_config::{Config, Decision, Mode, NewRule};
use toolpool_registry::{Fingerprint, ToolMeta, ViewRules, canonical};

use super::resolve::Valid;
use super::{Door, Refusal};
use crate::approve::{Question, Said};
use crate::caller::{Asks, Caller};
use crate::event::What;
use crate::journal::Redactor;
use crate::journal::entry::{ApproverKind, DecisionNote, DecisionSource, Grant};
use crate::journal::{Entry, Sync};
use crate::permission::{Judged, Policy, Proposal, decide, folder_of};
use crate::workspace::links::leading_outside;

/// Bound to server, schema and arguments: what was approved is what is sent, and nothing else.
pub(super) struct Approved {
    pub(super) valid: Valid,
    pub(super) fingerprint: Fingerprint,
    /// Keeps others from making one.
    _decided: (),
}

/// What a yes leaves behind.
#[derive(Default)]
struct Kept {
    grant: Option<Grant>,
    rule: Option<NewRule>,
}

impl Valid {
    pub(super) async fn decide(
        self,
        door: &Door<'_>,
        caller: &Caller,
        secrets: &Redactor,
    ) -> Result<Approved, Refusal> {
        let arguments_sha256 = hash(&self.arguments);
        let desk = door.desk;
        let mut judged = self.judge(
            door,
            caller,
            door.config,
            (&self.tool, &caller.rules),
            &arguments_sha256,
        );
        let (mut kept, mut changed) = (Kept::default(), false);
        // A call that was typed is its person's yes.
        let mut approver = match judged.source {
            DecisionSource::Person => ApproverKind::Terminal,
            _ => ApproverKind::Autonomous,
        };
        if let Some(link) = self.link_out(door, &judged) {
            judged.decision = match caller.asks {
                Asks::Typed => Decision::Allow,
                Asks::Hub | Asks::Client => Decision::Ask,
            };
            judged.reason = format!(
                "the workspace has a link that leads outside of it (`{}`), and a command may follow it",
                link.display()
            );
            judged.exact = true;
            if caller.asks == Asks::Typed {
                (judged.source, approver) = (DecisionSource::Person, ApproverKind::Terminal);
            }
        }
        if let Some(doubt) = self.second_opinion(door, caller, secrets, &judged).await? {
            judged.decision = Decision::Ask;
            judged.source = DecisionSource::Mode;
            judged.rule = Some("agent.model_approver".into());
            judged.reason = format!("the model doubts it: {doubt}");
        }
        if judged.decision == Decision::Ask {
            let question = self.question(&judged, secrets);
            let said = self.ask(door, &question).await?;
            kept = self.kept(&said, &judged, &arguments_sha256);
            let again = judged.source == DecisionSource::Rule && said == Said::Always;
            approver = match said {
                Said::Nobody => ApproverKind::Autonomous,
                _ => desk.approver.kind(),
            };
            judged = answered(judged, said, approver);
            if judged.decision == Decision::Allow {
                let fresh = self.look_again(door, caller, &arguments_sha256);
                changed = fresh.is_none();
                judged = match fresh {
                    None => denied(
                        &judged,
                        "the tool changed while its approval was waited for",
                    ),
                    Some(fresh) if fresh.decision == Decision::Deny => fresh,
                    Some(_) => judged,
                };
                if judged.decision == Decision::Deny {
                    approver = ApproverKind::Autonomous;
                }
            }
            let secret = kept.rule.is_some() && self.holds_secret(secrets);
            let why = match (again, secret) {
                (true, _) => Some("the rule that asks would still ask"),
                (false, true) => Some("a secret is in its arguments, and a rule is written out"),
                (false, false) => None,
            };
            if let Some(why) = why.filter(|_| judged.decision == Decision::Allow) {
                kept.rule = None;
                self.warn(door, &format!("allowed for this session only: {why}"))
                    .await;
            }
        }
        let allowed = judged.decision == Decision::Allow;
        let note = DecisionNote {
            call: self.call.id,
            principal: caller.principal.clone(),
            profile: caller.profile.clone(),
            server: self.tool.id.server.to_string(),
            tool: self.tool.id.name.to_string(),
            name: self.tool.exposed.to_string(),
            effect: self.tool.claims.effect,
            fingerprint: self.tool.fingerprint.to_string(),
            arguments_sha256: arguments_sha256.clone(),
            allowed,
            reason: secrets.hide(&judged.reason),
            source: judged.source,
            rule: judged.rule.as_deref().map(|rule| secrets.hide(rule)),
            approver: Some(approver),
            agent: caller.agent.clone(),
        };
        let written = desk
            .journal
            .append(Entry::Decision(note), Sync::Later)
            .await;
        let exposed = || self.tool.exposed.clone();
        if changed {
            return Err(Refusal::Changed { tool: exposed() });
        }
        if !allowed {
            return Err(Refusal::denied(exposed(), &self.call.name, &judged));
        }
        written.map_err(|source| self.unrecorded(source))?;
        if let Some(grant) = kept.grant {
            desk.journal
                .append(Entry::Grant { grant }, Sync::Later)
                .await
                .map_err(|source| self.unrecorded(source))?;
        }
        if let Some(rule) = kept.rule
            && let Some(remember) = desk.remember
            && let Err(why) = remember(&rule)
        {
            self.warn(
                door,
                &format!("allowed for this session only: the rule could not be written: {why}"),
            )
            .await;
        }
        Ok(Approved {
            fingerprint: self.tool.fingerprint,
            valid: self,
            _decided: (),
        })
    }

    /// Whether the rules allow it by themselves: nobody would be asked.
    pub(super) fn is_free(&self, door: &Door<'_>, caller: &Caller) -> bool {
        let sha256 = hash(&self.arguments);
        let judged = self.judge(
            door,
            caller,
            door.config,
            (&self.tool, &caller.rules),
            &sha256,
        );
        judged.decision == Decision::Allow && self.link_out(door, &judged).is_none()
    }

    fn judge(
        &self,
        door: &Door<'_>,
        caller: &Caller,
        config: &Config,
        (tool, view): (&ToolMeta, &ViewRules),
        arguments_sha256: &str,
    ) -> Judged {
        let proposal = Proposal {
            tool,
            server: config.servers.get(&*tool.id.server),
            folder: door.folder,
            arguments: &self.arguments,
            arguments_sha256,
        };
        let policy = Policy {
            view,
            frees: caller.allow_frees,
            rules: &config.rules,
            grants: door.desk.grants,
            asks: caller.asks,
        };
        decide(&proposal, &policy)
    }

    /// The judgement by catalog and configuration as they are now; nothing where it is not the same tool any more, or the
    /// caller's profile is gone.
    fn look_again(
        &self,
        door: &Door<'_>,
        caller: &Caller,
        arguments_sha256: &str,
    ) -> Option<Judged> {
        let now = (door.now)();
        let tool = &now.snapshot.tools()[now.snapshot.by_id(&self.tool.id)?];
        let view = caller.rules_now(&now.config)?;
        (tool.fingerprint == self.tool.fingerprint)
            .then(|| self.judge(door, caller, &now.config, (tool, &view), arguments_sha256))
    }

    /// A link out of the folder in which a command is about to run that the gates freed: they read no disk.
    fn link_out(&self, door: &Door<'_>, judged: &Judged) -> Option<PathBuf> {
        if judged.decision != Decision::Allow || judged.source != DecisionSource::Gate {
            return None;
        }
        let server = door.config.servers.get(&*self.tool.id.server)?;
        leading_outside(&folder_of(server, door.folder)?)
    }

    /// The model's doubt about a call that the rules allow, where it is asked for one.
    async fn second_opinion(
        &self,
        door: &Door<'_>,
        caller: &Caller,
        secrets: &Redactor,
        judged: &Judged,
    ) -> Result<Option<String>, Refusal> {
        let person = matches!(
            judged.source,
            DecisionSource::Grant | DecisionSource::Person
        );
        let wanted = judged.decision == Decision::Allow
            && caller.rules.mode == Mode::Auto
            && !person
            && !self.tool.claims.read_only();
        let Some(second) = door.desk.second.filter(|_| wanted) else {
            return Ok(None);
        };
        let opinion = second(self.question(judged, secrets));
        tokio::select! {
            opinion = opinion => Ok(opinion),
            () = self.call.cancel.cancelled() => Err(self.cancelled()),
        }
    }

    fn question(&self, judged: &Judged, secrets: &Redactor) -> Question {
        let tool = &self.tool;
        Question {
            call: self.call.id.to_string(),
            server: tool.id.server.to_string(),
            tool: tool.id.name.to_string(),
            name: tool.exposed.to_string(),
            description: tool.description.to_string(),
            arguments: secrets.hide_in(&Value::Object(self.arguments.clone())),
            effect: tool.claims.effect,
            exact: judged.exact,
            reason: judged.reason.clone(),
        }
    }

    fn holds_secret(&self, secrets: &Redactor) -> bool {
        let arguments = Value::Object(self.arguments.clone());
        secrets.hide_in(&arguments) != arguments
    }

    async fn ask(&self, door: &Door<'_>, question: &Question) -> Result<Said, Refusal> {
        if let Some(notify) = door.desk.notify {
            notify(What::WaitingForApproval {
                call: question.call.clone(),
                name: question.name.clone(),
                reason: question.reason.clone(),
            });
        }
        tokio::select! {
            biased;
            () = self.call.cancel.cancelled() => Err(self.cancelled()),
            said = door.desk.approver.ask(question) => Ok(said),
        }
    }

    /// What the answer leaves behind for other calls. A command that a gate doubts is allowed as it stands and no further.
    fn kept(&self, said: &Said, judged: &Judged, arguments_sha256: &str) -> Kept {
        if !matches!(said, Said::Session | Said::Always) {
            return Kept::default();
        }
        let (server, tool) = (
            self.tool.id.server.to_string(),
            self.tool.id.name.to_string(),
        );
        let grant = Grant {
            server: server.clone(),
            tool: tool.clone(),
            fingerprint: self.tool.fingerprint.to_string(),
            arguments_sha256: judged.exact.then(|| arguments_sha256.to_owned()),
        };
        let rule = (*said == Said::Always).then(|| NewRule {
            decision: Decision::Allow,
            server,
            tool,
            fingerprint: Some(self.tool.fingerprint.to_string()),
            arguments: match judged.exact {
                true => self.arguments.clone().into_iter().collect(),
                false => Default::default(),
            },
            reason: Some("allowed when it was asked about".into()),
        });
        Kept {
            grant: Some(grant),
            rule,
        }
    }

    async fn warn(&self, door: &Door<'_>, text: &str) {
        let turn = self.call.id.turn;
        let entry = Entry::Warning {
            turn: (turn > 0).then_some(turn),
            category: "permission".into(),
            text: text.into(),
        };
        if let Err(error) = door.desk.journal.append(entry, Sync::Later).await {
            tracing::warn!(%error, text, "a warning was not written down");
        }
    }

    pub(super) fn cancelled(&self) -> Refusal {
        Refusal::Cancelled {
            tool: self.tool.exposed.clone(),
        }
    }

    pub(super) fn unrecorded(&self, source: crate::journal::JournalError) -> Refusal {
        Refusal::Unrecorded {
            tool: self.tool.exposed.clone(),
            sent: false,
            source,
        }
    }
}

/// SHA-256 of the canonical arguments.
fn hash(arguments: &Map<String, Value>) -> String {
    Fingerprint::of_text(&canonical(&Value::Object(arguments.clone()))).to_string()
}

fn denied(judged: &Judged, why: &str) -> Judged {
    Judged {
        decision: Decision::Deny,
        reason: why.to_owned(),
        words: Some(why.to_owned()),
        source: DecisionSource::Mode,
        ..judged.clone()
    }
}

/// The question's end.
fn answered(asked: Judged, said: Said, approver: ApproverKind) -> Judged {
    let coordinator = approver == ApproverKind::Coordinator;
    let source = match (&said, coordinator) {
        (Said::Nobody, _) => DecisionSource::NoPerson,
        (_, true) => DecisionSource::AgentType,
        (_, false) => DecisionSource::Person,
    };
    let (decision, words) = match said {
        Said::Once | Said::Session | Said::Always => (Decision::Allow, None),
        Said::No { why } => (Decision::Deny, why),
        Said::Nobody => (Decision::Deny, None),
    };
    let who = match coordinator {
        true => "the agent that gave the task",
        false => "the person",
    };
    let answer = match (source, decision) {
        (DecisionSource::NoPerson, _) => "nobody was there to ask".to_owned(),
        (_, Decision::Allow) => format!("{who} said yes"),
        _ => format!("{who} said no"),
    };
    Judged {
        decision,
        source,
        reason: format!("{answer}; asked because: {}", asked.reason),
        words,
        rule: asked.rule,
        hides: false,
        exact: asked.exact,
    }
}
