//! `toolpool` where no person is typing: the state of the hub, and the pool of an example request, so
//! that a first run in a pipe or a build shows what this program does.
//!
//! `--json`: `{"version", "servers": [as `servers --json`], "tools": N, "tokens": {full, slim}, "example":
//! {as `pool --json`}}`.

use serde::Serialize;
use toolpool_config::Config;

use crate::cli::pool::{self, OUT_MAX};
use crate::cli::pool_text;
use crate::cli::report::Done;
use crate::cli::servers::{self, Row, Tokens};
use crate::cli::start::Context;
use crate::cli::ui::{Look, Style};
use crate::cli::wait::{self, Until};
use crate::cli::with_hub;
use crate::cli::words::{self, number};

/// A request that the embedded server has tools for.
const EXAMPLE: &str = "find where the settings are read and show me that file";

#[derive(Serialize)]
struct State {
    version: &'static str,
    servers: Vec<Row>,
    tools: usize,
    tokens: Tokens,
    example: pool::Report,
}

/// Prints it.
pub(crate) async fn run(
    context: &Context,
    config: Config,
    budget: Option<u32>,
) -> anyhow::Result<Done> {
    with_hub(context, config, async |hub| {
        wait::settle(context, hub, Until::Everything).await?;
        let (config, snapshot) = (hub.config(), hub.snapshot());
        let caller = context.caller(&config)?;
        let servers = servers::rows(&snapshot, &hub.view(&snapshot, &caller), &caller, &config);
        let example = pool::make(hub, &caller, EXAMPLE, budget, OUT_MAX).await;
        let state = State {
            version: env!("CARGO_PKG_VERSION"),
            tools: servers.iter().map(|server| server.tools).sum(),
            tokens: sum(&servers),
            servers,
            example,
        };
        if context.global.json {
            context.ui.json(&state)?;
        } else {
            context.ui.print(&text(&state, &context.ui.out))?;
            wait::say_missing(context, &state.example.missing);
        }
        Ok(Done::Yes)
    })
    .await
}

fn sum(servers: &[Row]) -> Tokens {
    servers
        .iter()
        .fold(Tokens::default(), |sum, server| Tokens {
            full: sum.full + server.tokens.full,
            slim: sum.slim + server.tokens.slim,
        })
}

/// One line: how much there is.
pub(crate) fn summary(servers: &[Row], look: &Look) -> String {
    let tools = servers.iter().map(|server| server.tools).sum();
    format!(
        "{} {dot} {} {dot} {} tokens in full",
        words::count(servers.len(), "server"),
        words::count(tools, "tool"),
        number(sum(servers).full),
        dot = look.dot()
    )
}

fn text(state: &State, look: &Look) -> String {
    let mut out = format!(
        "toolpool {} {} {}\n\n",
        state.version,
        look.dot(),
        summary(&state.servers, look)
    );
    out.push_str(&servers::text(&state.servers, look));
    let heading = format!("the pool for \"{}\"", state.example.query);
    out.push_str(&format!("\n{}\n\n", look.paint(Style::Bold, &heading)));
    out.push_str(&pool_text::text(&state.example, look));
    out.push_str("\nask for another one: toolpool \"what you want done\"; `toolpool --help` says what else there is\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::pool::tests::sample;

    #[test]
    fn the_state_names_version_servers_and_example() {
        let state = State {
            version: "9.9.9",
            servers: Vec::new(),
            tools: 0,
            tokens: Tokens::default(),
            example: sample(),
        };
        let look = Look {
            width: 80,
            color: false,
            unicode: true,
        };
        let text = text(&state, &look);
        assert!(
            text.starts_with(
                "toolpool 9.9.9 · 0 servers · 0 tools · 0 tokens in full\n\nno servers\n"
            ),
            "{text}"
        );
        assert!(
            text.contains("\nthe pool for \"show the log\"\n\nIN  "),
            "{text}"
        );
        let value = serde_json::to_value(&state).expect("it serializes");
        let keys: Vec<&String> = value.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["version", "servers", "tools", "tokens", "example"]);
    }
}
