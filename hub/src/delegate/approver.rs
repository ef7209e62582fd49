//! Who answers an agent's questions: the person, who is told whose they are; the agent that gave the task, within its own
//! rights; or nobody.

use std::sync::Arc;

use futures::future::BoxFuture;
use serde_json::Value;
use toolpool_config::{AgentApprover, Decision, Mode};

use crate::agent::Rights;
use crate::approve::{Approver, NoPerson, Question, Said};
use crate::journal::PLACE;
use crate::journal::entry::{ApproverKind, DecisionSource};

/// The approver of an agent. `given` is its caller's; `above` are its caller's rights, where it has one.
pub(crate) fn approver(
    kind: AgentApprover,
    name: &str,
    given: Arc<dyn Approver>,
    above: Option<&Arc<Rights>>,
) -> Arc<dyn Approver> {
    match (kind, above) {
        (AgentApprover::Autonomous, _) => Arc::new(NoPerson),
        (AgentApprover::Coordinator, Some(above)) => Arc::new(Coordinator {
            above: above.clone(),
        }),
        (AgentApprover::Terminal, Some(_)) => Arc::new(Named {
            agent: name.to_owned(),
            given,
        }),
        // A person began it and is there.
        (_, None) => given,
    }
}

/// Asks as the caller would, and says which agent wants to know.
struct Named {
    agent: String,
    given: Arc<dyn Approver>,
}

impl Approver for Named {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Said> {
        Box::pin(async move {
            let question = Question {
                reason: format!("agent `{}` asks: {}", self.agent, question.reason),
                ..question.clone()
            };
            self.given.ask(&question).await
        })
    }

    fn kind(&self) -> ApproverKind {
        self.given.kind()
    }
}

/// Says yes to what the caller could do itself without asking anybody, and to nothing else.
struct Coordinator {
    above: Arc<Rights>,
}

impl Approver for Coordinator {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Said> {
        Box::pin(async move {
            match self.allows(question) {
                true => Said::Once,
                false => Said::No {
                    why: Some(
                        "the agent that gave the task may not do this without asking either".into(),
                    ),
                },
            }
        })
    }

    fn kind(&self) -> ApproverKind {
        ApproverKind::Coordinator
    }
}

impl Coordinator {
    fn allows(&self, question: &Question) -> bool {
        let (Value::Object(arguments), Ok(caller)) = (&question.arguments, self.above.caller())
        else {
            return false;
        };
        // A question shows no secrets, so that the very call is not known.
        if question.arguments.to_string().contains(PLACE) {
            return false;
        }
        let hub = self.above.hub();
        let grants = self.above.grants();
        let place = (question.server.as_str(), question.tool.as_str());
        let Some(judged) = hub.judge(&caller, &grants, place, arguments) else {
            return false;
        };
        // What a gate frees was not asked about for the sake of the rules: something behind them doubts it, and doubts it here too.
        let doubted = judged.source == DecisionSource::Gate
            || (hub.config().agent.model_approver
                && caller.rules.mode == Mode::Auto
                && judged.source != DecisionSource::Grant);
        judged.decision == Decision::Allow && !doubted
    }
}
