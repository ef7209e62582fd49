//! What the office's five hundred tools do: nothing is kept, every answer follows from the tool and its arguments.
//!
//! So the plan (`plan.rs`) can work out beforehand which call brings a page of a line and which brings several windows full,
//! which one fails at first, and what a change will say it made. Absent on purpose: sense. The texts are noise of the kind that
//! real tools return, with an identifier, a number and a URL in every line.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::catalog;

/// How many tools it has.
pub(super) const TOOLS: usize = 500;

static CATALOG: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let tools = catalog::some(TOOLS).expect("the tables give five hundred tools");
    let mut names = BTreeSet::new();
    let named = tools.into_iter().map(|mut tool| {
        let (server, name) = (text(&tool["server"]), text(&tool["name"]));
        tool["name"] = json!(format!("{server}_{name}"));
        tool
    });
    named
        .filter(|tool| names.insert(text(&tool["name"])))
        .collect()
});

/// All tools; `server` in each is the department that it belongs to.
pub(super) fn catalog() -> &'static [Value] {
    &CATALOG
}

/// What a tool says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// The text.
    pub text: String,
    /// Whether it failed.
    pub failed: bool,
}

/// How long a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// A few lines.
    Small,
    /// Some thousand characters.
    Medium,
    /// More than a small window.
    Large,
    /// More than any window here.
    Huge,
}

/// What a call says when it is made for the `times`th time, counted from 0; none where there is no such tool.
pub(super) fn respond(name: &str, arguments: &Value, times: u32) -> Option<Said> {
    let tool = CATALOG.iter().find(|tool| tool["name"] == name)?;
    let reads = tool["annotations"]["readOnlyHint"] == true;
    Some(match reads {
        true => Said {
            text: page(name, arguments),
            failed: false,
        },
        false if times == 0 && fails_first(name, arguments) => Said {
            text: "locked by another writer; the same call may be made again".to_owned(),
            failed: true,
        },
        false => Said {
            text: format!("done: {}", made(name, arguments)),
            failed: false,
        },
    })
}

/// What a change says it made: a number of the house, or where it is to be seen.
pub(super) fn made(name: &str, arguments: &Value) -> String {
    let mut noise = Noise::of(name, arguments);
    let number = 100_000 + noise.below(900_000);
    let letters: String = name
        .split(['_', '-'])
        .next_back()
        .unwrap_or("item")
        .chars()
        .filter(char::is_ascii_alphabetic)
        .take(4)
        .collect();
    match noise.below(2) {
        0 => format!("{}-{number}", letters.to_uppercase()),
        _ => format!("https://office.example/{}/{number}", letters.to_lowercase()),
    }
}

/// Whether a change fails when it is made for the first time.
pub(super) fn fails_first(name: &str, arguments: &Value) -> bool {
    Noise::of(name, arguments).at(1).is_multiple_of(4)
}

/// How much a call of a tool that reads returns: of one thing a few lines.
pub(super) fn size(name: &str, arguments: &Value) -> Size {
    if arguments.get("id").is_some() {
        return Size::Small;
    }
    match Noise::of(name, arguments).at(2) % 8 {
        0..=2 => Size::Small,
        3..=5 => Size::Medium,
        6 => Size::Large,
        _ => Size::Huge,
    }
}

fn page(name: &str, arguments: &Value) -> String {
    const WORDS: [&str; 12] = [
        "harbour", "copper", "lantern", "meadow", "quarter", "signal", "timber", "velvet",
        "winter", "yellow", "anchor", "bridge",
    ];
    const STATES: [&str; 4] = ["open", "waiting", "closed", "late"];
    let mut noise = Noise::of(name, arguments);
    let bytes = match size(name, arguments) {
        Size::Small => 300,
        Size::Medium => 3_000,
        Size::Large => 24_000,
        Size::Huge => 200_000,
    };
    let mut page = String::new();
    while page.len() < bytes {
        let (a, b) = (noise.below(12) as usize, noise.below(12) as usize);
        let (number, amount) = (noise.below(1_000_000), noise.below(100_000));
        let state = STATES[noise.below(4) as usize];
        page.push_str(&format!(
            "N-{number:06} | {} {} | {}.{:02} | {state} | https://archive.example/n/{number:06}\n",
            WORDS[a],
            WORDS[b],
            amount / 100,
            amount % 100
        ));
    }
    page
}

/// Numbers that follow from a call, the same on every machine.
struct Noise {
    seed: [u8; 32],
    next: u64,
}

impl Noise {
    fn of(name: &str, arguments: &Value) -> Noise {
        let mut hash = Sha256::new();
        hash.update(name);
        hash.update(toolpool_registry::canonical(arguments));
        let seed: [u8; 32] = hash.finalize().into();
        let next = seed[8..16].iter().fold(1, |sum: u64, byte| {
            sum.wrapping_mul(257).wrapping_add(u64::from(*byte))
        });
        Noise { seed, next }
    }

    /// One byte of the seed.
    fn at(&self, place: usize) -> u8 {
        self.seed[place]
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next = self.next.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.next;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::{Size, TOOLS, catalog, fails_first, made, respond, size};

    #[test]
    fn five_hundred_tools_with_names_of_their_own() {
        let names: BTreeSet<String> = catalog()
            .iter()
            .map(|tool| tool["name"].to_string())
            .collect();
        assert_eq!(names.len(), TOOLS);
    }

    #[test]
    fn an_answer_follows_from_the_call() {
        let reads = |tool: &&serde_json::Value| tool["annotations"]["readOnlyHint"] == true;
        let reader = catalog().iter().find(reads).unwrap()["name"]
            .as_str()
            .unwrap();
        let sizes: Vec<Size> = (0..60)
            .map(|page| size(reader, &json!({ "page": page })))
            .collect();
        for wanted in [Size::Small, Size::Medium, Size::Large, Size::Huge] {
            assert!(sizes.contains(&wanted), "{wanted:?}");
        }
        let huge = (0..60).find(|page| sizes[*page] == Size::Huge).unwrap();
        let said = respond(reader, &json!({ "page": huge }), 0).unwrap();
        assert!(said.text.len() >= 200_000 && !said.failed);
        assert_eq!(Some(said), respond(reader, &json!({ "page": huge }), 7));

        let changes = |tool: &&serde_json::Value| tool["annotations"]["readOnlyHint"] == false;
        let changer = catalog().iter().find(changes).unwrap()["name"]
            .as_str()
            .unwrap();
        let failing = (0..60)
            .map(|title| json!({ "title": title.to_string() }))
            .find(|arguments| fails_first(changer, arguments))
            .unwrap();
        assert!(respond(changer, &failing, 0).unwrap().failed);
        let again = respond(changer, &failing, 1).unwrap();
        assert_eq!(again.text, format!("done: {}", made(changer, &failing)));
        assert_eq!(respond("codehost_no_such", &failing, 0), None);
    }
}
