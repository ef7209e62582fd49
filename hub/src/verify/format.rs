//! Whether a content is what the extension of its path names: JSON, TOML, YAML, XML, and, with the feature `source-check`,
//! source by its grammar. Pure, and in favour of the write: what is a template, a piece, empty, unknown or too large passes,
//! since a checker that refuses what was meant is worse than none.
//!
//! Deliberately absent: whether the content makes sense to whoever reads it, and formats told by looking at the content. A
//! path says what a file is; a content that looks like JSON in `notes.txt` is somebody's note.

use std::fmt;

use toolpool_config::fixed::{FORMAT_BYTES_MAX, FORMAT_WORDS_CHARS_MAX};

/// What a content can be checked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Strict.
    Json,
    /// With comments and trailing commas, as editors and compilers read their settings.
    Jsonc,
    /// TOML.
    Toml,
    /// YAML, one document or several.
    Yaml,
    /// Well-formed and no more.
    Xml,
    /// Source code.
    #[cfg(feature = "source-check")]
    Source(super::source::Language),
}

/// What is wrong with a content, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The format that it should have.
    pub format: Format,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The parser's words.
    pub what: String,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Json => "JSON",
            Format::Jsonc => "JSON with comments",
            Format::Toml => "TOML",
            Format::Yaml => "YAML",
            Format::Xml => "XML",
            #[cfg(feature = "source-check")]
            Format::Source(language) => language.name(),
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault {
            format,
            line,
            column,
            what,
        } = self;
        write!(
            f,
            "it is not valid {format}: line {line}, column {column}: {what}"
        )
    }
}

impl Format {
    /// Whether the grammar may be behind the language, so that who insists is let through.
    pub fn may_err(self) -> bool {
        match self {
            Format::Json | Format::Jsonc | Format::Toml | Format::Yaml | Format::Xml => false,
            #[cfg(feature = "source-check")]
            Format::Source(_) => true,
        }
    }

    /// The format that a path names; none where it names none that is checked.
    pub fn of_path(path: &str) -> Option<Format> {
        let path = path.split(['?', '#']).next().unwrap_or(path);
        let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
        let lower = name.to_ascii_lowercase();
        let (stem, extension) = lower.rsplit_once('.')?;
        let lenient = || {
            let settings = [
                "tsconfig",
                "jsconfig",
                "devcontainer",
                "tslint",
                "eslintrc",
                "jshintrc",
                "swcrc",
                "babelrc",
                "api-extractor",
                "appsettings",
                "turbo",
                "deno",
                "biome",
                "wrangler",
                "renovate",
            ];
            let folder = [".vscode/", ".devcontainer/", ".zed/"];
            settings
                .iter()
                .any(|name| stem.trim_start_matches('.').starts_with(name))
                || folder.iter().any(|folder| path.contains(folder))
        };
        Some(match extension {
            "json" if lenient() => Format::Jsonc,
            "json" | "geojson" | "ipynb" | "webmanifest" => Format::Json,
            "jsonc" | "code-workspace" => Format::Jsonc,
            "toml" => Format::Toml,
            "yaml" | "yml" => Format::Yaml,
            "xml" | "svg" | "xsd" | "xsl" | "xslt" | "csproj" | "plist" => Format::Xml,
            #[cfg(feature = "source-check")]
            extension => Format::Source(super::source::Language::of_extension(extension)?),
            #[cfg(not(feature = "source-check"))]
            _ => return None,
        })
    }
}

/// What is wrong with a content that is about to stand at `path`; nothing where it is as it should be, or can't be told.
pub fn fault(path: &str, content: &str) -> Option<Fault> {
    let format = Format::of_path(path)?;
    let text = content.strip_prefix('\u{feff}').unwrap_or(content);
    if text.trim().is_empty() || text.len() > FORMAT_BYTES_MAX || is_template(format, text) {
        return None;
    }
    let (line, column, what) = match format {
        Format::Json => json(text)?,
        Format::Jsonc => jsonc(text)?,
        Format::Toml => toml(text)?,
        Format::Yaml => yaml(text)?,
        Format::Xml => xml(text)?,
        #[cfg(feature = "source-check")]
        Format::Source(language) => super::source::fault(language, text)?,
    };
    Some(Fault {
        format,
        line: line.max(1),
        column: column.max(1),
        what: words(&what),
    })
}

/// Marks of the template languages that put values into such files. Source has them in its own strings.
fn is_template(format: Format, text: &str) -> bool {
    let marks = ["{{", "{%", "<%", "${{", "<?php"];
    !format.may_err() && marks.iter().any(|mark| text.contains(mark))
}

fn words(what: &str) -> String {
    let line = what.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(FORMAT_WORDS_CHARS_MAX).collect()
}

/// Line and column of a byte, both from 1.
pub(super) fn place(text: &str, byte: usize) -> (usize, usize) {
    let mut byte = byte.min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    let before = &text[..byte];
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    (line, column)
}

type Found = Option<(usize, usize, String)>;

fn json(text: &str) -> Found {
    let error = serde_json::from_str::<serde::de::IgnoredAny>(text).err()?;
    // How deep it may be is this parser's bound and not the format's.
    if error.to_string().starts_with("recursion limit exceeded") {
        return None;
    }
    // Its own place is said already.
    let what = error.to_string();
    let what = what
        .rsplit_once(" at line ")
        .map_or(&*what, |(what, _)| what);
    Some((error.line(), error.column(), what.to_owned()))
}

fn jsonc(text: &str) -> Found {
    let error = jsonc_parser::parse_to_ast(text, &Default::default(), &Default::default()).err()?;
    let (line, column) = place(text, error.range().start);
    Some((line, column, error.kind().to_string()))
}

fn toml(text: &str) -> Found {
    let error = toml::from_str::<toml::Table>(text).err()?;
    let (line, column) = place(text, error.span().map_or(0, |span| span.start));
    Some((line, column, error.message().to_owned()))
}

fn yaml(text: &str) -> Found {
    let error = saphyr_parser::Parser::new_from_str(text).find_map(Result::err)?;
    let at = error.marker();
    Some((at.line(), at.col() + 1, error.info().to_owned()))
}

fn xml(text: &str) -> Found {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(text);
    let (mut open, mut rooted) = (Vec::new(), false);
    let at = |byte: u64, what: String| {
        let (line, column) = place(text, usize::try_from(byte).unwrap_or(usize::MAX));
        Some((line, column, what))
    };
    loop {
        let before = reader.buffer_position();
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                open.push((tag.name().as_ref().to_owned(), before));
                rooted = true;
            }
            Ok(Event::End(_)) => drop(open.pop()),
            Ok(Event::Empty(_)) => rooted = true,
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(error) => return at(reader.error_position(), error.to_string()),
        }
    }
    match open.pop() {
        Some((name, byte)) => at(byte, format!("`<{name}>` is not closed")),
        None if !rooted => at(0, "it has no element".to_owned()),
        None => None,
    }
}

#[cfg(test)]
mod tests;
