//! A panic is our bug and says so. It ends what it happened in: the whole command when that is the
//! command, one client's request when the hub is serving. The exit code tells it either way.

use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};

static SEEN: AtomicBool = AtomicBool::new(false);

/// From now on a panic is told in our words.
pub(crate) fn watch() {
    std::panic::set_hook(Box::new(|info| {
        SEEN.store(true, Ordering::Relaxed);
        crate::cli::ui::talk(&words(&what(info), &place(info)));
    }));
}

/// Whether there was one.
pub(crate) fn seen() -> bool {
    SEEN.load(Ordering::Relaxed)
}

fn what(info: &PanicHookInfo<'_>) -> String {
    info.payload_as_str()
        .unwrap_or("it does not say why")
        .to_owned()
}

fn place(info: &PanicHookInfo<'_>) -> String {
    info.location()
        .map_or_else(|| "an unknown place".into(), ToString::to_string)
}

fn words(what: &str, place: &str) -> String {
    format!(
        "error: toolpool {} ran into a bug of its own\n  caused by: {what} (at {place})\n\nhint: please report it with \
         these lines and the command you ran",
        env!("CARGO_PKG_VERSION")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_and_where() {
        let text = words("index out of bounds", "hub/src/x.rs:1:2");
        assert!(text.starts_with("error: toolpool "), "{text}");
        assert!(
            text.contains(
                "\n  caused by: index out of bounds (at hub/src/x.rs:1:2)\n\nhint: please report"
            ),
            "{text}"
        );
    }
}
