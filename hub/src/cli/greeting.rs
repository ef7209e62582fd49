//! The first words of a sitting: what is there, what is still coming, what is missing, what to type.

use toolpool_registry::Health;

use crate::caller::Caller;
use crate::cli::servers;
use crate::cli::state;
use crate::cli::ui::{Look, Style};
use crate::cli::wait;
use crate::encoder::EncoderState;
use crate::error::list;
use crate::hub::Hub;

/// The greeting of a sitting under `caller`; `tip` says what to type.
pub(crate) fn of(hub: &Hub, caller: &Caller, tip: &str, look: &Look) -> String {
    let (config, snapshot) = (hub.config(), hub.snapshot());
    let starting: Vec<&str> = snapshot
        .servers()
        .iter()
        .filter(|server| server.health == Health::Starting)
        .map(|server| &*server.name)
        .collect();
    let missing: Vec<String> = wait::missing(&snapshot, caller)
        .into_iter()
        .filter(|missing| !starting.contains(&missing.server.as_str()))
        .map(|missing| format!("`{}`: {}", missing.server, missing.reason))
        .collect();
    let servers = servers::rows(&snapshot, &hub.view(&snapshot, caller), caller, &config);
    let encoder = hub.encoder_state().borrow().clone();
    let summary = state::summary(&servers, look);
    greeting(&summary, &starting, &missing, &encoder, tip, look)
}

fn greeting(
    summary: &str,
    starting: &[&str],
    missing: &[String],
    encoder: &EncoderState,
    tip: &str,
    look: &Look,
) -> String {
    let title = look.paint(
        Style::Bold,
        &format!("toolpool {}", env!("CARGO_PKG_VERSION")),
    );
    let mut out = format!("{title} {} {summary}\n", look.dot());
    if !starting.is_empty() {
        out.push_str(&format!("still starting: {}\n", list(starting)));
    }
    for server in missing {
        out.push_str(&format!(
            "{} {server}\n",
            look.paint(Style::Warn, "missing")
        ));
    }
    match encoder {
        EncoderState::Preparing { what, bytes, total } => {
            out.push_str(&format!(
                "by words for now: {}\n",
                wait::preparing(what, *bytes, *total)
            ));
        }
        EncoderState::Off => out.push_str("ranking by words only: `embedding.enabled` is off\n"),
        // Why was told when it happened; what to do was not.
        EncoderState::Words { hint, .. } => {
            let hint = hint
                .iter()
                .map(|hint| format!("ranking by words only; to change that: {hint}\n"));
            out.extend(hint);
        }
        EncoderState::Ready { .. } => {}
    }
    out.push_str(&format!("{}\n", look.paint(Style::Dim, tip)));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_says_what_is_there_and_what_is_coming() {
        let look = Look {
            width: 80,
            color: false,
            unicode: true,
        };
        let fetching = EncoderState::Preparing {
            what: "downloading".into(),
            bytes: Some(3_000_000),
            total: None,
        };
        let text = greeting(
            "2 servers · 5 tools",
            &["git"],
            &["`hub`: down: no".into()],
            &fetching,
            "Say what you want done.",
            &look,
        );
        let rest = text.split_once(" · ").expect("a first line").1;
        let wanted = "\
2 servers · 5 tools
still starting: `git`
missing `hub`: down: no
by words for now: downloading: 3.0 MB
Say what you want done.
";
        assert_eq!(rest, wanted);
        let calm = greeting(
            "1 server",
            &[],
            &[],
            &EncoderState::Ready { model: "m".into() },
            "Say what you want done.",
            &look,
        );
        assert_eq!(calm.lines().count(), 2);
    }
}
