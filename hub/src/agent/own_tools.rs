//! Which of the hub's own tools a session has, and which of them its list holds.

use toolpool_config::OwnTool;
use toolpool_config::fixed::DELEGATE_WINDOW_MIN;
use toolpool_registry::Rendering;

use super::Agent;
use crate::{delegate, manual, own, search};

impl Agent {
    /// Whether the session has this tool. One that it does not have is answered like one that does not exist.
    pub(crate) fn has(&self, tool: OwnTool) -> bool {
        self.rights.has(tool) && (tool != OwnTool::Delegate || self.may_delegate())
    }

    /// Whether the tool of this name is one of the hub's own that the session has.
    pub(crate) fn own_tool(&self, name: &str) -> Option<OwnTool> {
        let tool = match name {
            search::FIND | search::CALL => OwnTool::Find,
            own::STEPS => OwnTool::Steps,
            delegate::DELEGATE => OwnTool::Delegate,
            manual::DOCS => OwnTool::Docs,
            _ => return None,
        };
        self.has(tool).then_some(tool)
    }

    /// The hub's own tools as the model is offered them, by name. `delegate` is offered where the window has room for it, and
    /// can be called in any.
    pub(crate) fn named_own_tools(&self) -> Vec<(&'static str, Rendering)> {
        let hub = self.hub();
        let mut own = Vec::new();
        if self.has(OwnTool::Find) {
            own.extend([search::FIND, search::CALL].into_iter().zip(hub.bridge()));
        }
        if self.has(OwnTool::Steps) {
            own.push((own::STEPS, hub.counted(&own::steps_definition())));
        }
        if self.has(OwnTool::Docs) {
            own.push((manual::DOCS, hub.counted(&manual::definition())));
        }
        if self.has(OwnTool::Delegate) && self.window() >= DELEGATE_WINDOW_MIN {
            let definition = delegate::definition(&hub.config().agents);
            own.push((delegate::DELEGATE, hub.counted(&definition)));
        }
        own
    }

    fn may_delegate(&self) -> bool {
        let config = self.hub().config();
        !config.agents.is_empty() && self.rights.depth() < config.delegate.depth_max
    }
}
