//! Whether two tools are one and the same thing offered twice. Hubs collect servers that overlap: one tool in six shares its name
//! with another server's. Tools of one server are never twins; whoever wrote both meant both.

use crate::snapshot::Snapshot;
use crate::tool::{Row, ToolMeta};

/// The first of `rows` that `row` is a twin of.
pub(super) fn among(
    snapshot: &Snapshot,
    rows: impl Iterator<Item = Row>,
    row: Row,
    cosine_min: f64,
) -> Option<Row> {
    let tools = snapshot.tools();
    let tool = &tools[row];
    let is_twin = |other: &Row| {
        tools[*other].id.server != tool.id.server
            && (says_the_same(&tools[*other], tool)
                || cosine(snapshot, *other, row).is_some_and(|c| c >= cosine_min))
    };
    let mut rows = rows;
    rows.find(is_twin)
}

/// The same name and the same words of description, whatever their case and punctuation.
fn says_the_same(one: &ToolMeta, other: &ToolMeta) -> bool {
    same_words(&one.id.name, &other.id.name)
        && same_words(&one.description, &other.description)
        && letters(&one.description).next().is_some()
}

fn same_words(one: &str, other: &str) -> bool {
    letters(one).eq(letters(other))
}

fn letters(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
}

/// Vectors have unit length.
fn cosine(snapshot: &Snapshot, one: Row, other: Row) -> Option<f64> {
    let (one, other) = (snapshot.vector(one)?, snapshot.vector(other)?);
    Some(
        one.iter()
            .zip(other.iter())
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum(),
    )
}
