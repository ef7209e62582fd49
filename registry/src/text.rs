//! Text that servers wrote, made safe to show. A description reaches terminals, models and other clients, so escape
//! sequences, control characters, direction overrides and invisible tag characters are taken out of what is shown; the raw
//! definition keeps them. Words are never changed: what a description says is for the reader to judge.

/// `text` without what could hide or move other text; lines kept, at most `chars_max` characters.
pub(crate) fn safe(text: &str, chars_max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(chars_max.saturating_mul(4)));
    let mut taken = 0;
    let mut chars = text.trim().chars().peekable();
    while let Some(c) = chars.next() {
        let shown = match c {
            '\u{1b}' | '\u{9b}' => {
                skip_escape(c, &mut chars);
                continue;
            }
            '\r' if chars.peek() == Some(&'\n') => continue,
            '\r' | '\u{2028}' | '\u{2029}' => '\n',
            '\n' | '\t' => c,
            c if c.is_control() || is_invisible(c) => continue,
            c => c,
        };
        out.push(shown);
        if taken == chars_max {
            return cut_at_word(&out, chars_max);
        }
        taken += 1;
    }
    out
}

/// [`safe`] in one line, runs of white space made one space.
pub(crate) fn one_line(text: &str, chars_max: usize) -> String {
    let all = safe(text, usize::MAX);
    let joined = all.split_whitespace().collect::<Vec<_>>().join(" ");
    cut_at_word(&joined, chars_max)
}

/// The first sentence of `text`, which is safe already, in one line of at most `chars_max` characters.
pub(crate) fn sentence(text: &str, chars_max: usize) -> String {
    let paragraph = text.trim_start().split("\n\n").next().unwrap_or("");
    let joined = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    cut_at_word(&joined[..sentence_end(&joined)], chars_max)
}

/// Drops the rest of an escape sequence: `ESC [ .. letter`, `ESC ] .. BEL`, or `ESC` and one character.
fn skip_escape(start: char, chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    let kind = if start == '\u{9b}' {
        Some('[')
    } else {
        chars.next_if(|c| matches!(c, '[' | ']' | 'P' | '_' | '^' | 'X'))
    };
    match kind {
        Some('[') => {
            while chars
                .next_if(|c| ('\u{20}'..='\u{3f}').contains(c))
                .is_some()
            {}
            chars.next_if(|c| ('\u{40}'..='\u{7e}').contains(c));
        }
        Some(_) => {
            while let Some(c) = chars.next_if(|c| *c != '\n') {
                if c == '\u{7}' || (c == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
                    break;
                }
            }
        }
        None => {
            chars.next_if(|c| c.is_ascii_graphic());
        }
    }
}

/// Characters that show nothing or change the order of others. The two joiners are left: scripts and emoji need them.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Where the first sentence of a line ends, its mark included.
fn sentence_end(line: &str) -> usize {
    for (at, c) in line.char_indices() {
        let end = at + c.len_utf8();
        match c {
            '。' | '！' | '？' => return end,
            '.' | '!' | '?' if line[end..].is_empty() || line[end..].starts_with(' ') => {
                let word = line[..at]
                    .rsplit(' ')
                    .next()
                    .unwrap_or("")
                    .trim_start_matches('(');
                let short = matches!(
                    word,
                    "e.g" | "i.e" | "eg" | "ie" | "etc" | "vs" | "cf" | "approx" | "no" | "No"
                );
                if !(c == '.' && short) {
                    return end;
                }
            }
            _ => {}
        }
    }
    line.len()
}

/// At most `chars_max` characters; a cut falls behind a word where there is one, and shows.
pub(crate) fn cut_at_word(text: &str, chars_max: usize) -> String {
    let Some((limit, _)) = text.char_indices().nth(chars_max) else {
        return text.to_owned();
    };
    // One character is for the mark of the cut.
    let room = text[..limit]
        .char_indices()
        .next_back()
        .map_or(0, |(at, _)| at);
    let kept = match text[..limit].rfind(char::is_whitespace) {
        Some(space) if space * 2 > room => &text[..space.min(room)],
        _ => &text[..room],
    };
    format!(
        "{}…",
        kept.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | ':' | '-'))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_or_moves_text_is_taken_out() {
        for (text, shown) in [
            ("plain\ttext\r\nsecond", "plain\ttext\nsecond"),
            (
                "\u{1b}[31mred\u{1b}[0m and \u{1b}]8;;http://x\u{7}link\u{1b}]8;;\u{7}",
                "red and link",
            ),
            ("a\u{1b}]0;title\u{1b}\\b", "ab"),
            ("a\u{1b}]unended\nb", "a\nb"),
            ("\u{9b}2Jcleared", "cleared"),
            ("bell\u{7}\u{0}back\u{8}", "bellback"),
            ("abc\u{202e}fed\u{202c}", "abcfed"),
            ("tag\u{e0041}\u{e0042}s\u{200b}!\u{feff}", "tags!"),
            ("क्\u{200d}ष 👩\u{200d}💻", "क्\u{200d}ष 👩\u{200d}💻"),
            ("a\u{2028}b", "a\nb"),
        ] {
            assert_eq!(safe(text, 1000), shown, "{text:?}");
        }
        assert_eq!(safe("one two three four", 10), "one two…");
        assert_eq!(one_line("  a\n\n b\tc ", 100), "a b c");
    }

    #[test]
    fn the_first_sentence_ends_where_a_reader_would_end_it() {
        for (text, first) in [
            ("Reads a file. Then more.", "Reads a file."),
            (
                "Reads a file, e.g. a text. More",
                "Reads a file, e.g. a text.",
            ),
            ("Uses v1.2 of x. More", "Uses v1.2 of x."),
            ("Line one\nline two. x", "Line one line two."),
            ("Heading\n\nBody text.", "Heading"),
            ("读取文件。然后。", "读取文件。"),
            ("No end", "No end"),
            ("", ""),
        ] {
            assert_eq!(sentence(text, 160), first, "{text:?}");
        }
        let long = "word ".repeat(60);
        let cut = sentence(&long, 160);
        assert!(
            cut.chars().count() <= 160 && cut.ends_with("word…"),
            "{cut}"
        );
        let unbroken = "ä".repeat(300);
        assert_eq!(sentence(&unbroken, 160).chars().count(), 160);
    }
}
