//! Source code, held against a grammar: where it does not parse. Six languages, compiled in with the feature `source-check`.
//!
//! A grammar may be behind its language. So only what it can't read at all counts, and who insists is let through: the same
//! content, sent again, is written with a warning.

use tree_sitter::{Node, Parser};

/// The languages that have a grammar here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Rust.
    Rust,
    /// Python 3.
    Python,
    /// JavaScript, with JSX.
    JavaScript,
    /// TypeScript.
    TypeScript,
    /// TypeScript with JSX.
    Tsx,
    /// Go.
    Go,
    /// Bash.
    Bash,
}

impl Language {
    pub(super) fn of_extension(extension: &str) -> Option<Language> {
        Some(match extension {
            "rs" => Language::Rust,
            "py" | "pyi" => Language::Python,
            "js" | "mjs" | "cjs" | "jsx" => Language::JavaScript,
            "ts" | "mts" | "cts" => Language::TypeScript,
            "tsx" => Language::Tsx,
            "go" => Language::Go,
            "sh" | "bash" => Language::Bash,
            _ => return None,
        })
    }

    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Language::Rust => "Rust",
            Language::Python => "Python",
            Language::JavaScript => "JavaScript",
            Language::TypeScript | Language::Tsx => "TypeScript",
            Language::Go => "Go",
            Language::Bash => "Bash",
        }
    }

    fn grammar(self) -> tree_sitter::Language {
        match self {
            Language::Rust => tree_sitter_rust::LANGUAGE,
            Language::Python => tree_sitter_python::LANGUAGE,
            Language::JavaScript => tree_sitter_javascript::LANGUAGE,
            Language::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT,
            Language::Tsx => tree_sitter_typescript::LANGUAGE_TSX,
            Language::Go => tree_sitter_go::LANGUAGE,
            Language::Bash => tree_sitter_bash::LANGUAGE,
        }
        .into()
    }
}

/// The first place that the grammar can't read.
pub(super) fn fault(language: Language, text: &str) -> Option<(usize, usize, String)> {
    let mut parser = Parser::new();
    // A grammar that this library can't load checks nothing.
    parser.set_language(&language.grammar()).ok()?;
    let tree = parser.parse(text, None)?;
    let node = first(tree.root_node())?;
    let (line, column) = super::format::place(text, node.start_byte());
    let what = if node.is_missing() {
        format!("`{}` is missing", node.kind())
    } else {
        let word = text.get(node.byte_range()).unwrap_or_default();
        let word = word.lines().next().unwrap_or_default().trim();
        format!("unexpected `{}`", word.chars().take(40).collect::<String>())
    };
    Some((line, column, what))
}

/// The first node in error, the innermost where one holds another.
fn first(root: Node<'_>) -> Option<Node<'_>> {
    let mut node = root.has_error().then_some(root)?;
    loop {
        let mut cursor = node.walk();
        let inner = node
            .children(&mut cursor)
            .find(|child| child.has_error() || child.is_missing());
        match inner {
            Some(inner) => node = inner,
            None => return (node.is_error() || node.is_missing()).then_some(node),
        }
    }
}
