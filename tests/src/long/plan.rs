//! What is to be done, and the facts that must still be known at its end.
//!
//! A part is ten replies: the plan of it, a page of several windows, a file, a change, a look at what it made, another page, a
//! change that fails at first, the same again, a file written with a number of the person's and something made three parts
//! ago, and the last words. All twelve are one message or twelve.

use serde_json::{Value, json};

use super::calls::{
    Department, Numbers, change, departments, file, look, notes_of, outcome, read, steps, words_of,
};
use super::office::Size;

/// Replies in a part.
pub(super) const STEPS: usize = 10;
/// Turns in a row that one department is spoken of.
const TOPIC_TURNS: usize = 3;
/// How many parts back the file of a part refers.
const BACK: usize = 3;

/// Whose words a fact was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum From {
    /// A path, a number, an identifier, a URL in the person's words.
    Words,
    /// What the person forbade, word for word.
    Constraint,
    /// In the arguments of a call that changed something.
    Argument,
    /// In what such a call answered.
    Outcome,
}

/// Something that must not be forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The text to look for.
    pub text: String,
    /// Whose words it was.
    pub from: From,
    /// In which part it was said, from 1.
    pub part: usize,
}

/// How the parts are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A turn each.
    Turns,
    /// All in one turn.
    One,
}

/// One reply.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Act {
    /// A call, by the exposed name. A text in its arguments that stands in `{{..}}` must be found in the conversation.
    Call {
        tool: String,
        arguments: Value,
        /// What to look for where the tool is not at hand.
        query: String,
    },
    /// The last words.
    Answer(String),
}

/// One turn: the person's words and the replies that it takes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Turn {
    /// The words.
    pub(super) words: String,
    /// The number of its first reply, from 1 through the whole plan.
    pub(super) first: usize,
    /// Its replies.
    pub(super) acts: Vec<Act>,
}

/// The whole task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    pub(super) turns: Vec<Turn>,
    /// What must not be forgotten.
    pub facts: Vec<Fact>,
    /// Files of the working folder that it reads: path and text.
    pub(super) files: Vec<(String, String)>,
}

impl Plan {
    /// A task of so many parts, ten replies each.
    ///
    /// # Panics
    /// When the catalog has no department that can do a part.
    #[must_use]
    pub fn new(parts: usize, shape: Shape) -> Plan {
        let departments = departments();
        assert!(!departments.is_empty(), "some departments can do a part");
        let mut plan = Plan::default();
        let mut numbers = Numbers::default();
        let mut made: Vec<String> = Vec::new();
        for part in 1..=parts {
            let department = &departments[(part - 1) * 5 % departments.len()];
            let is_last = part == parts;
            let turn = plan.part(part, parts, department, &mut numbers, &mut made);
            match (shape, plan.turns.last_mut()) {
                (Shape::One, Some(whole)) => {
                    whole.words.push(' ');
                    whole.words.push_str(&turn.words);
                    whole.acts.extend(turn.acts);
                }
                _ => plan.turns.push(turn),
            }
            if let (Shape::One, false, Some(whole)) = (shape, is_last, plan.turns.last_mut()) {
                // The last words of a part that is not the last are a note to itself.
                whole.acts.pop();
                whole.acts.push(steps(part + 1, "begin"));
            }
        }
        plan
    }

    /// A conversation of so many turns over a few departments: the tools that are needed change with each of them. Every third
    /// turn needs one more that nobody spoke of.
    ///
    /// # Panics
    /// When the catalog has no department that can do a part.
    #[must_use]
    pub fn wandering(turns: usize) -> Plan {
        let departments = departments();
        let mut numbers = Numbers::default();
        let mut plan = Plan::default();
        for number in 1..=turns {
            let topic = (number - 1) / TOPIC_TURNS;
            let department = &departments[topic * 5 % departments.len()];
            let changer = department.changers[number % 2];
            let tools = [department.reader, changer, department.getter];
            let words = tools.map(words_of);
            let words = words.join(", then ");
            let (changed, _) = change(changer, false, &mut numbers);
            let made = outcome(&changed);
            let mut acts = vec![
                read(department.reader, number, Size::Small),
                changed,
                look(department.getter, &made),
            ];
            if number % 3 == 0 {
                let aside = departments[(topic * 5 + 2) % departments.len()].reader;
                acts.push(read(aside, number, Size::Small));
            }
            acts.push(Act::Answer(format!("Part {number} is done.")));
            plan.turns.push(Turn {
                words: format!(
                    "Part {number} of {turns}: {words}, for ACC-{}.",
                    numbers.take()
                ),
                first: plan.steps() + 1,
                acts,
            });
        }
        plan
    }

    /// Whether the person's words speak of the tool that a reply calls.
    pub(super) fn speaks_of(&self, step: usize) -> bool {
        let turn = self.turns.iter().rev().find(|turn| turn.first <= step);
        turn.is_some_and(|turn| match turn.acts.get(step - turn.first) {
            Some(Act::Call { query, .. }) => turn.words.contains(query.as_str()),
            _ => false,
        })
    }

    /// How many replies it takes, without those that a search for a tool takes.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.turns.iter().map(|turn| turn.acts.len()).sum()
    }

    fn fact(&mut self, part: usize, from: From, text: &str) -> String {
        self.facts.push(Fact {
            text: text.to_owned(),
            from,
            part,
        });
        text.to_owned()
    }

    fn part(
        &mut self,
        part: usize,
        parts: usize,
        department: &Department,
        numbers: &mut Numbers,
        made: &mut Vec<String>,
    ) -> Turn {
        const FORBIDDEN: [&str; 12] = [
            "drawings",
            "contracts",
            "recordings",
            "payslips",
            "surveys",
            "permits",
            "blueprints",
            "minutes",
            "testimonies",
            "wills",
            "patents",
            "leases",
        ];
        const PLACES: [&str; 7] = [
            "Antwerp", "Bergen", "Coimbra", "Durban", "Esbjerg", "Fukuoka", "Galway",
        ];
        let account = self.fact(part, From::Words, &format!("ACC-{}", numbers.take()));
        let source = format!("/srv/ledger/{}.csv", numbers.take());
        let source = self.fact(part, From::Words, &source);
        let limit = self.fact(part, From::Words, &format!("{}.25", numbers.take()));
        let board = format!("https://board.example/t/{}", numbers.take());
        let board = self.fact(part, From::Words, &board);
        let never = format!(
            "never share the {} of {}",
            FORBIDDEN[(part - 1) % FORBIDDEN.len()],
            PLACES[(part - 1) % PLACES.len()]
        );
        let never = self.fact(part, From::Constraint, &never);

        let wanted = match part % 3 {
            0 => Size::Huge,
            _ => Size::Large,
        };
        let many = read(department.reader, part, wanted);
        let some = read(department.reader, part + 40, Size::Medium);
        let (steady, steady_fact) = change(department.changers[0], false, numbers);
        let (locked, locked_fact) = change(department.changers[1], true, numbers);
        self.fact(part, From::Argument, &steady_fact);
        self.fact(part, From::Argument, &locked_fact);
        let first = self.fact(part, From::Outcome, &outcome(&steady));
        let second = self.fact(part, From::Outcome, &outcome(&locked));
        let notes = format!("notes/part-{part:02}.md");
        self.files.push((notes.clone(), notes_of(part)));
        let out = format!("out/part-{part:02}-{}.json", numbers.take());
        let out = self.fact(part, From::Argument, &out);
        let older = match made.len().checked_sub(2 * BACK) {
            Some(at) => made[at].clone(),
            None => first.clone(),
        };
        made.extend([first.clone(), second]);

        let made_before = look(department.getter, &first);
        let content = format!("{{\"limit\": {{{{{limit}}}}}, \"see\": \"{{{{{older}}}}}\"}}\n");
        let tools = [
            department.reader,
            department.changers[0],
            department.getter,
            department.changers[1],
        ];
        let tools = tools.map(words_of);
        Turn {
            words: format!(
                "Part {part} of {parts}: {}. Account {account}, source {source}, limit {limit}, board {board}; {never}. \
                 Read {notes} and write {out}.",
                tools.join(", ")
            ),
            first: (part - 1) * STEPS + 1,
            acts: vec![
                steps(part, "look"),
                many,
                file("read_file", json!({ "path": notes })),
                steady,
                made_before,
                some,
                locked.clone(),
                locked,
                file("write_file", json!({ "path": out, "content": content })),
                Act::Answer(format!(
                    "Part {part} is done. `{}` was locked at first and worked the second time.",
                    tools[3]
                )),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_and_twenty_steps_and_no_fact_is_part_of_another() {
        for shape in [Shape::Turns, Shape::One] {
            let plan = Plan::new(12, shape);
            assert_eq!(plan.steps(), 120);
            assert_eq!(plan, Plan::new(12, shape));
            assert_eq!(plan.turns.len(), if shape == Shape::One { 1 } else { 12 });
            for from in [From::Words, From::Constraint, From::Argument, From::Outcome] {
                let count = plan.facts.iter().filter(|fact| fact.from == from).count();
                assert!(count >= 12, "{from:?}: {count}");
            }
            for (at, fact) in plan.facts.iter().enumerate() {
                let inside =
                    |(other, whole): (usize, &Fact)| other != at && whole.text.contains(&fact.text);
                assert!(!plan.facts.iter().enumerate().any(inside), "{fact:?}");
            }
        }
    }
}
