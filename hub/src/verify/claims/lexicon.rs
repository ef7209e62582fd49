//! The words that claims are told by, and what a verb says was done. Data and look-ups, no reading of sentences.

use super::words::Word;

/// What a verb says was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Write,
    Delete,
    Move,
    Read,
    Run,
    Send,
}

pub(super) const VERBS: &[(Kind, &[&str])] = &[
    (
        Kind::Write,
        &[
            "created",
            "wrote",
            "written",
            "saved",
            "added",
            "updated",
            "modified",
            "changed",
            "edited",
            "fixed",
            "generated",
            "refactored",
            "rewrote",
            "rewritten",
            "replaced",
            "inserted",
            "appended",
            "implemented",
            "corrected",
            "stored",
            "exported",
            "patched",
            "adjusted",
            "opened",
            "filed",
        ],
    ),
    (Kind::Delete, &["deleted", "removed", "erased"]),
    (Kind::Move, &["renamed", "moved"]),
    (
        Kind::Read,
        &[
            "read",
            "reviewed",
            "inspected",
            "examined",
            "analyzed",
            "analysed",
        ],
    ),
    (
        Kind::Run,
        &["ran", "executed", "called", "invoked", "used", "run"],
    ),
    (Kind::Send, &["sent", "emailed"]),
];
/// Participles of other languages, which stand behind what they are said of.
pub(super) const FOREIGN: &[(Kind, &[&str])] = &[
    (
        Kind::Write,
        &[
            "erstellt",
            "geschrieben",
            "aktualisiert",
            "gespeichert",
            "geändert",
            "angelegt",
            "créé",
            "écrit",
            "enregistré",
            "modifié",
            "creado",
            "escrito",
            "guardado",
            "actualizado",
            "modificado",
        ],
    ),
    (
        Kind::Delete,
        &["gelöscht", "entfernt", "supprimé", "eliminado", "borrado"],
    ),
];
pub(super) const AUXILIARIES: &[&str] = &[
    "have",
    "has",
    "also",
    "just",
    "now",
    "successfully",
    "then",
    "already",
    "first",
    "then",
    "finally",
    "additionally",
    "even",
    "quickly",
    "manually",
    "both",
];
/// Words that make a clause something other than a report.
pub(super) const HEDGES: &[&str] = &[
    "could",
    "would",
    "should",
    "can",
    "may",
    "might",
    "will",
    "want",
    "like",
    "need",
    "needs",
    "please",
    "suggest",
    "recommend",
    "let",
    "let's",
    "going",
    "plan",
    "next",
    "i'll",
    "i'd",
    "you'll",
    "must",
    "shall",
    "consider",
    "try",
    "to-do",
    "todo",
    "propose",
    "kann",
    "könnte",
    "würde",
    "soll",
    "sollte",
    "werde",
    "muss",
    "pourrait",
    "podría",
    "können",
    "kannst",
    "möchten",
    "würden",
    "wird",
    "werden",
    "sollen",
    "sollten",
    "sera",
    "será",
    "puedo",
    "peux",
];
pub(super) const DENIALS: &[&str] = &[
    "not",
    "never",
    "without",
    "unable",
    "failed",
    "fails",
    "cannot",
    "can't",
    "couldn't",
    "didn't",
    "don't",
    "doesn't",
    "haven't",
    "hasn't",
    "wasn't",
    "weren't",
    "isn't",
    "won't",
    "nothing",
    "neither",
    "denied",
    "refused",
    "none",
    "no",
    "nicht",
    "kein",
    "keine",
    "pas",
    "attempted",
    "nor",
    "nichts",
    "nie",
    "keinen",
    "jamais",
    "aucun",
    "nunca",
    "ningún",
];
/// Words by which somebody else, or another time, did it.
pub(super) const OTHERS: &[&str] = &[
    "by",
    "ago",
    "since",
    "last",
    "originally",
    "previously",
    "upstream",
    "you",
    "earlier",
    "before",
    "they",
    "user",
    "commit",
    "version",
    "von",
    "author",
    "yesterday",
    "initially",
    "zuletzt",
    "ursprünglich",
    "sie",
    "du",
    "ihr",
    "hast",
    "par",
    "vous",
    "tu",
    "por",
    "usted",
    "ustedes",
];
/// Words by which a participle of another language is a report, and not what a thing is like.
pub(super) const REPORTED: &[&str] = &[
    "wurde", "wurden", "habe", "haben", "été", "ai", "j'ai", "avons", "he", "hemos", "sido",
];
/// Words before a path by which it is not what the verb is about.
pub(super) const ASIDE: &[&str] = &[
    "using", "like", "per", "see", "via", "with", "by", "for", "of", "than", "from", "as", "on",
    "about", "matching", "under", "against", "through",
];
/// Things that only a call can have made or changed.
pub(super) const THINGS: &[&str] = &[
    "file",
    "files",
    "folder",
    "directory",
    "note",
    "notes",
    "issue",
    "ticket",
    "branch",
    "record",
    "entry",
    "event",
    "database",
    "calendar",
    "config",
    "configuration",
    "repository",
    "reminder",
    "message",
    "email",
    "mail",
    "appointment",
    "meeting",
    "invoice",
];
/// Things that are counted one a call.
pub(super) const COUNTED: &[&str] = &[
    "files",
    "folders",
    "directories",
    "pages",
    "notes",
    "issues",
    "tickets",
    "records",
    "events",
    "emails",
    "messages",
    "branches",
    "reminders",
    "tasks",
];
/// Things that have an id.
pub(super) const NUMBERED: &[&str] = &[
    "issue", "issues", "ticket", "tickets", "task", "tasks", "order", "orders", "invoice", "card",
    "story", "bug", "pr", "request", "case", "event",
];

pub(super) fn verb(word: &Word) -> Option<Kind> {
    kind_of(VERBS, word)
}

pub(super) fn kind_of(lexicon: &[(Kind, &[&str])], word: &Word) -> Option<Kind> {
    if word.code {
        return None;
    }
    let found = lexicon
        .iter()
        .find(|(_, verbs)| verbs.contains(&&*word.lower));
    found.map(|(kind, _)| *kind)
}

/// The form that goes with "was".
pub(super) fn participle(verb: &str) -> String {
    match verb {
        "wrote" => "written",
        "rewrote" => "rewritten",
        verb => verb,
    }
    .to_owned()
}

pub(super) fn number(word: &str) -> Option<u64> {
    const WORDS: [&str; 13] = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
        "eleven", "twelve",
    ];
    let spelt = WORDS.iter().position(|spelt| *spelt == word);
    spelt.map(|at| at as u64).or_else(|| word.parse().ok())
}

/// A year, a day or a month: what was done then was done by somebody else.
pub(super) fn is_date(word: &Word) -> bool {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let text = &*word.lower;
    let year = text.get(..4).is_some_and(|year| {
        year.parse::<u32>()
            .is_ok_and(|year| (1970..2100).contains(&year))
    });
    let ends = text
        .get(4..)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '/', '.']));
    !word.code && ((year && ends) || MONTHS.contains(&text))
}
