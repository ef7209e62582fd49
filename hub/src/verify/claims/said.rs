//! What an answer says of its own doing: one claim for each thing with a name.
//!
//! Three forms count, nothing else: "I (also) updated x", "Updated x" at the beginning, and "x has been updated". What stands
//! under a condition, is asked, denied, proposed, or done by somebody else is no claim.

use super::lexicon::{
    ASIDE, AUXILIARIES, COUNTED, DENIALS, FOREIGN, HEDGES, Kind, NUMBERED, OTHERS, REPORTED,
    THINGS, VERBS, is_date, kind_of, number, participle, verb,
};
use super::words::{Clause, Word, clauses};

/// Something that an answer says was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// A file was made or changed.
    Changed { path: String, verb: String },
    /// A file was deleted.
    Deleted { path: String },
    /// A file was read.
    Read { path: String },
    /// A file has a mark of something done beside it.
    Ticked { path: String },
    /// A tool was called.
    Called { tool: String },
    /// A command was run.
    Ran { command: String },
    /// Tests passed, so many of them.
    Tests { count: Option<u64> },
    /// Something without a name was changed: "the file", "an email".
    Thing { verb: String, noun: String },
    /// Something with this id was made.
    Id { id: String },
    /// So many things were changed.
    Count {
        count: u64,
        verb: String,
        noun: String,
    },
}

/// The claims of an answer, in order.
pub(super) fn claims(answer: &str, tool: &dyn Fn(&str) -> bool) -> Vec<Claim> {
    let is_verb = |word: &str| VERBS.iter().any(|(_, verbs)| verbs.contains(&word));
    let mut out = Vec::new();
    // The verb of the clause before, for what is listed behind a colon, and whether its subject goes on.
    let (mut heading, mut speaks): (Option<(Kind, String)>, bool) = (None, false);
    for clause in clauses(answer, &is_verb) {
        if clause.first && !clause.listed {
            (heading, speaks) = (None, false);
        }
        if !clause.listed {
            heading = None;
        }
        if clause.asks || clause.conditional {
            heading = None;
            continue;
        }
        if let Some(claim) = tests(&clause) {
            out.push(claim);
        }
        let word = |list: &[&str]| {
            clause
                .words
                .iter()
                .any(|word| !word.code && list.contains(&&*word.lower))
        };
        if word(HEDGES) || word(DENIALS) {
            heading = None;
            continue;
        }
        let speaks_now = word(&["i", "i've", "we", "we've"]);
        let mut own = spoken(&clause, speaks);
        if own.is_none() {
            own = passive(&clause);
        }
        let (kind, at, text) = match (own, &heading) {
            (Some((kind, at)), _) => (kind, Some(at), participle(&clause.words[at].lower)),
            (None, Some((kind, text))) if clause.listed && !has_verb(&clause) => {
                (*kind, None, text.clone())
            }
            (None, _) => {
                speaks |= speaks_now;
                foreign(&clause, &mut out);
                ticked(&clause, &mut out);
                continue;
            }
        };
        speaks = true;
        gather(&clause, (kind, at, &text), tool, &mut out);
        heading = Some((kind, text));
    }
    out
}

fn has_verb(clause: &Clause) -> bool {
    clause
        .words
        .iter()
        .any(|word| verb(word).is_some() || matches!(&*word.lower, "is" | "are" | "has" | "was"))
}

/// "I (have also) updated", "Updated" at the beginning, or going on from the clause before.
fn spoken(clause: &Clause, speaks: bool) -> Option<(Kind, usize)> {
    let words = &clause.words;
    let at = words.iter().position(|word| verb(word).is_some())?;
    let kind = verb(&words[at])?;
    let before: Vec<&str> = words[..at].iter().map(|word| &*word.lower).collect();
    let fill = |word: &&str| AUXILIARIES.contains(word);
    let subject = before
        .iter()
        .rposition(|word| matches!(*word, "i" | "i've" | "we" | "we've"));
    let by_me = subject.is_some_and(|subject| before[subject + 1..].iter().all(fill));
    if by_me {
        // "I run the tests" is a habit, "I have run" is not.
        let present = matches!(&*words[at].lower, "run")
            && !before
                .iter()
                .any(|word| matches!(*word, "have" | "i've" | "we've"));
        return (!present).then_some((kind, at));
    }
    let next = words.get(at + 1).map(|word| &*word.lower);
    let ambiguous = matches!(
        &*words[at].lower,
        "read" | "run" | "written" | "used" | "called" | "opened"
    );
    let others = matches!(
        next,
        Some("by" | "in" | "on" | "with" | "from" | "since" | "files")
    );
    let named = words.iter().any(Word::is_path);
    let begins = before.iter().all(|word| fill(word) || *word == "done");
    if begins && (clause.first || clause.listed) && !ambiguous && !others {
        return Some((kind, at));
    }
    if begins && speaks && !clause.first && !others {
        return Some((kind, at));
    }
    // "Notes written to `x`", and no "is" before it.
    let to = matches!(&*words[at].lower, "saved" | "written") && next == Some("to");
    let bare = before.len() <= 3
        && !before.iter().any(|word| {
            matches!(
                *word,
                "is" | "are" | "be" | "being" | "gets" | "get" | "was" | "were"
            )
        });
    (to && bare && named && clause.first).then_some((Kind::Write, at))
}

/// "has been updated", "was successfully saved", and "was saved" of what nothing else is said.
fn passive(clause: &Clause) -> Option<(Kind, usize)> {
    let words = &clause.words;
    if words
        .iter()
        .any(|word| !word.code && (OTHERS.contains(&&*word.lower) || is_date(word)))
    {
        return None;
    }
    let at = words
        .iter()
        .position(|word| matches!(verb(word), Some(Kind::Write | Kind::Delete | Kind::Move)))?;
    let before: Vec<&str> = words[..at].iter().map(|word| &*word.lower).collect();
    let tail: Vec<&str> = before
        .iter()
        .rev()
        .filter(|word| !matches!(**word, "also" | "just" | "already"))
        .take(3)
        .copied()
        .collect();
    let perfect = matches!(
        tail[..],
        ["been", "has" | "have", ..] | ["successfully", "been", "has" | "have"]
    );
    let done = matches!(
        tail[..],
        ["successfully", "was" | "were" | "is" | "are", ..] | ["now", "is" | "are", ..]
    );
    let past = matches!(tail[..], ["was" | "were", ..]);
    (perfect || done || past).then(|| verb(&words[at]).map(|kind| (kind, at)))?
}

/// What a verb is said of, in its clause.
fn gather(
    clause: &Clause,
    (kind, at, text): (Kind, Option<usize>, &str),
    tool: &dyn Fn(&str) -> bool,
    out: &mut Vec<Claim>,
) {
    let words = &clause.words;
    let perfect = at.is_some_and(|at| {
        at > 0
            && matches!(
                &*words[at - 1].lower,
                "been" | "was" | "were" | "successfully" | "now" | "is" | "are"
            )
    });
    let behind = at.map_or(0, |at| at + 1);
    let before_len = out.len();
    for (index, word) in words.iter().enumerate() {
        // What stands before the verb is its object only where it is passive.
        if index < behind && !perfect {
            continue;
        }
        let previous = index.checked_sub(1).map(|previous| &*words[previous].lower);
        if word.is_path() {
            let aside = previous.is_some_and(|word| ASIDE.contains(&word));
            let path = word.text.clone();
            match kind {
                Kind::Delete if previous == Some("from") => out.push(Claim::Changed {
                    path,
                    verb: "changed".to_owned(),
                }),
                Kind::Move if aside && previous != Some("from") => {}
                Kind::Move => out.push(Claim::Changed {
                    path,
                    verb: text.to_owned(),
                }),
                _ if aside => {}
                // To open a file is to read it; an issue is opened by making it.
                Kind::Write if text == "opened" => out.push(Claim::Read { path }),
                Kind::Write => out.push(Claim::Changed {
                    path,
                    verb: text.to_owned(),
                }),
                Kind::Delete => out.push(Claim::Deleted { path }),
                Kind::Read => out.push(Claim::Read { path }),
                Kind::Run | Kind::Send => {}
            }
        } else if kind == Kind::Run && index >= behind {
            run(word, tool, out);
        }
    }
    if perfect || at.is_none() {
        ids(clause, kind, out);
        return;
    }
    ids(clause, kind, out);
    count(clause, (kind, behind, text), out);
    let named = out.len() > before_len;
    if !named && matches!(kind, Kind::Write | Kind::Delete | Kind::Move | Kind::Send) {
        thing(clause, (kind, behind, text), out);
    }
}

fn run(word: &Word, tool: &dyn Fn(&str) -> bool, out: &mut Vec<Claim>) {
    if tool(&word.text) {
        out.push(Claim::Called {
            tool: word.text.clone(),
        });
    } else if word.code
        && word.text.chars().any(char::is_whitespace)
        && word
            .text
            .starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '.')
    {
        out.push(Claim::Ran {
            command: word.text.clone(),
        });
    }
}

/// "a file", "your configuration", "you an email": within the first words behind the verb.
fn thing(clause: &Clause, (kind, behind, text): (Kind, usize, &str), out: &mut Vec<Claim>) {
    let words: Vec<&str> = clause.words[behind..]
        .iter()
        .take(4)
        .map(|word| &*word.lower)
        .collect();
    let Some(at) = words.iter().position(|word| THINGS.contains(word)) else {
        return;
    };
    let fill = |word: &&str| {
        matches!(
            *word,
            "a" | "an"
                | "the"
                | "your"
                | "you"
                | "new"
                | "this"
                | "that"
                | "all"
                | "it"
                | "in"
                | "to"
                | "them"
        )
    };
    // "a note about", "the configuration section": the thing itself, not something of it.
    let whole = words.get(at + 1).is_none_or(|next| {
        !matches!(
            *next,
            "section"
                | "format"
                | "handling"
                | "name"
                | "names"
                | "structure"
                | "template"
                | "example"
                | "listing"
        )
    });
    if words[..at].iter().all(fill) && whole && !(kind == Kind::Move) {
        let noun = words[..=at]
            .iter()
            .filter(|word| **word != "you")
            .copied()
            .collect::<Vec<_>>()
            .join(" ");
        out.push(Claim::Thing {
            verb: text.to_owned(),
            noun,
        });
    }
}

/// `#42` and `ABC-42` beside a thing that has a number.
fn ids(clause: &Clause, kind: Kind, out: &mut Vec<Claim>) {
    if kind != Kind::Write
        || !clause
            .words
            .iter()
            .any(|word| NUMBERED.contains(&&*word.lower))
    {
        return;
    }
    for word in &clause.words {
        let text = word
            .text
            .trim_matches(|letter: char| matches!(letter, '(' | ')'));
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let numbered = text.strip_prefix('#').is_some_and(digits);
        let keyed = text.split_once('-').is_some_and(|(key, number)| {
            digits(number)
                && key.len() > 1
                && key
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        });
        if numbered || keyed {
            let id = text.trim_start_matches('#').to_owned();
            out.push(Claim::Id { id });
        }
    }
}

/// "3 files", right behind the verb.
fn count(clause: &Clause, (kind, behind, text): (Kind, usize, &str), out: &mut Vec<Claim>) {
    if !matches!(kind, Kind::Write | Kind::Delete | Kind::Move | Kind::Send)
        || matches!(text, "fixed" | "changed")
    {
        return;
    }
    let mut words = clause.words[behind..].iter().map(|word| &*word.lower);
    let Some(count) = words.next().and_then(number) else {
        return;
    };
    let noun = words.take(2).find(|word| COUNTED.contains(word));
    if let Some(noun) = noun {
        out.push(Claim::Count {
            count,
            verb: text.to_owned(),
            noun: noun.to_owned(),
        });
    }
}

/// "All 12 tests passed", "the tests pass", "everything passed".
fn tests(clause: &Clause) -> Option<Claim> {
    let words: Vec<&str> = clause.words.iter().map(|word| &*word.lower).collect();
    let at = words
        .iter()
        .position(|word| matches!(*word, "passed" | "pass" | "passes" | "passing"))?;
    let about = words
        .iter()
        .position(|word| matches!(*word, "tests" | "everything"))?;
    let zero = |at: usize| at.checked_sub(1).and_then(|before| number(words[before])) == Some(0);
    let hedged = words.iter().enumerate().any(|(at, word)| {
        ((DENIALS.contains(word) || word.starts_with("fail")) && !zero(at))
            || HEDGES.contains(word)
            || matches!(
                *word,
                "to" | "until" | "only" | "make" | "sure" | "ensure" | "that" | "some" | "most"
            )
    });
    if hedged || about > at {
        return None;
    }
    let count = about
        .checked_sub(1)
        .and_then(|before| number(words[before]));
    Some(Claim::Tests { count })
}

/// What is said in other languages of the paths before it.
fn foreign(clause: &Clause, out: &mut Vec<Claim>) {
    let Some((at, kind)) = clause
        .words
        .iter()
        .enumerate()
        .find_map(|(at, word)| Some((at, kind_of(FOREIGN, word)?)))
    else {
        return;
    };
    let says = |list: &[&str]| {
        let mut plain = clause.words.iter().filter(|word| !word.code);
        plain.any(|word| list.contains(&&*word.lower))
    };
    if says(OTHERS) || !says(REPORTED) || clause.words.iter().any(is_date) {
        return;
    }
    for word in clause.words.iter().filter(|word| word.is_path()) {
        let path = word.text.clone();
        out.push(match kind {
            Kind::Delete => Claim::Deleted { path },
            _ => Claim::Changed {
                path,
                verb: clause.words[at].lower.clone(),
            },
        });
    }
}

fn ticked(clause: &Clause, out: &mut Vec<Claim>) {
    if !clause.ticked || !clause.first {
        return;
    }
    let paths = clause.words.iter().filter(|word| word.is_path());
    out.extend(paths.map(|word| Claim::Ticked {
        path: word.text.clone(),
    }));
}
