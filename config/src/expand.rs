//! `${VAR}` and `${VAR:-default}` in strings; `$$` is a dollar sign, a `$` alone stands for itself.
//!
//! As in a shell, `:-` takes the default also when the variable is empty. A default may hold variables of its own.
//! An unset variable is no error here: the caller learns its name and says which server needs it.

use std::collections::BTreeMap;

/// Words of a header that are no secret.
const SCHEMES: [&str; 4] = ["bearer", "basic", "token", "apikey"];

/// A part of a text with variables.
#[derive(Debug, PartialEq)]
enum Part<'a> {
    Literal(String),
    Variable {
        name: &'a str,
        default: Option<&'a str>,
    },
}

/// Puts the variables in. Names of unset ones are added to `unset` and leave nothing behind.
///
/// # Errors
/// A sentence about what is wrong with a `${`.
pub(crate) fn expand(
    text: &str,
    env: &BTreeMap<String, String>,
    unset: &mut Vec<String>,
) -> Result<String, String> {
    let mut out = String::new();
    for part in parts(text)? {
        match part {
            Part::Literal(literal) => out.push_str(&literal),
            Part::Variable { name, default } => match (env.get(name), default) {
                (Some(value), None) => out.push_str(value),
                (Some(value), Some(_)) if !value.is_empty() => out.push_str(value),
                (_, Some(default)) => out.push_str(&expand(default, env, unset)?),
                (None, None) => {
                    if !unset.iter().any(|known| known == name) {
                        unset.push(name.to_owned());
                    }
                }
            },
        }
    }
    Ok(out)
}

/// Whether a text names variables at all.
pub(crate) fn has_variables(text: &str) -> bool {
    parts(text).is_ok_and(|parts| {
        parts
            .iter()
            .any(|part| matches!(part, Part::Variable { .. }))
    })
}

/// A secret text made safe to show: variables stay, literal parts other than scheme words are hidden.
pub(crate) fn reference(text: &str) -> String {
    let Ok(parts) = parts(text) else {
        return "***".to_owned();
    };
    let mut out = String::new();
    for part in parts {
        match part {
            Part::Literal(literal) if is_scheme(&literal) => out.push_str(&literal),
            Part::Literal(_) if out.ends_with("***") => {}
            Part::Literal(_) => out.push_str("***"),
            Part::Variable { name, default } => {
                out.push_str(&match default {
                    None | Some("") => format!("${{{name}}}"),
                    Some(_) => format!("${{{name}:-***}}"),
                });
            }
        }
    }
    out
}

/// The text written so that [`expand`] gives it back.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('$', "$$")
}

fn is_scheme(literal: &str) -> bool {
    let word = literal.trim().to_ascii_lowercase();
    word.is_empty() || (literal.ends_with(' ') && SCHEMES.contains(&word.as_str()))
}

fn parts(text: &str) -> Result<Vec<Part<'_>>, String> {
    let (mut parts, mut literal, mut rest) = (Vec::new(), String::new(), text);
    while let Some(at) = rest.find('$') {
        literal.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(tail) = after.strip_prefix('$') {
            literal.push('$');
            rest = tail;
        } else if let Some(inside) = after.strip_prefix('{') {
            let end = closing(inside)
                .ok_or("a `${` is not closed by `}`; write `$$` for a dollar sign")?;
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(variable(&inside[..end])?);
            rest = &inside[end + 1..];
        } else {
            literal.push('$');
            rest = after;
        }
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    Ok(parts)
}

/// The `}` that closes an opened `${`, nested ones counted.
fn closing(inside: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, letter) in inside.char_indices() {
        match letter {
            '{' if inside[..at].ends_with('$') => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn variable(inside: &str) -> Result<Part<'_>, String> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let legal = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    match legal {
        true => Ok(Part::Variable { name, default }),
        false => Err(format!(
            "`${{{name}}}` does not name a variable; write `$${{` for a literal `${{`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env() -> BTreeMap<String, String> {
        [("A", "one"), ("EMPTY", "")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn variables_are_put_in() {
        let rows: &[(&str, &str, &[&str])] = &[
            ("plain", "plain", &[]),
            ("x ${A} y", "x one y", &[]),
            ("${A}${A}", "oneone", &[]),
            ("${B}", "", &["B"]),
            ("${B}${B}${C}", "", &["B", "C"]),
            ("${B:-two}", "two", &[]),
            ("${A:-two}", "one", &[]),
            ("${EMPTY:-two}", "two", &[]),
            ("${EMPTY}", "", &[]),
            ("${B:-}", "", &[]),
            ("${B:-${A}!}", "one!", &[]),
            ("${B:-${C}}", "", &["C"]),
            ("$${A} costs 5$ or $5", "${A} costs 5$ or $5", &[]),
            ("$$", "$", &[]),
        ];
        for (text, expected, missing) in rows {
            let mut unset = Vec::new();
            assert_eq!(
                expand(text, &env(), &mut unset).as_deref(),
                Ok(*expected),
                "{text}"
            );
            assert_eq!(unset, *missing, "{text}");
        }
        for wrong in ["${A", "${}", "${1A}", "${A B}", "${env:A}"] {
            assert!(expand(wrong, &env(), &mut Vec::new()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn references_show_no_literal() {
        let rows = [
            ("sk-123", "***"),
            ("${TOKEN}", "${TOKEN}"),
            ("Bearer ${TOKEN}", "Bearer ${TOKEN}"),
            ("Bearer sk-123", "***"),
            ("prefix-${TOKEN}", "***${TOKEN}"),
            ("${TOKEN:-hunter2}", "${TOKEN:-***}"),
            ("${", "***"),
        ];
        for (text, expected) in rows {
            assert_eq!(reference(text), expected);
        }
    }

    #[test]
    fn escaping_survives_expansion() {
        for text in ["pa$$word", "${A}", "$", "$$$", "none"] {
            assert_eq!(
                expand(&escaped(text), &env(), &mut Vec::new()).as_deref(),
                Ok(text)
            );
        }
    }
}
