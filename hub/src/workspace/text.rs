//! Tells text from everything else, and names the rest.

/// Bytes at the start of a file that are looked at; a NUL among them makes it no text, as it does for git.
pub(super) const SNIFFED_BYTES: usize = 8 * 1024;

/// Why these first bytes are no text, or `None` if they are.
pub(super) fn not_text(start: &[u8], name: &str) -> Option<&'static str> {
    if let Some(kind) = by_magic(start) {
        return Some(kind);
    }
    start.contains(&0).then(|| by_extension(name))
}

fn by_magic(start: &[u8]) -> Option<&'static str> {
    let magic: [(&[u8], &'static str); 14] = [
        (b"\x89PNG\r\n", "a PNG image"),
        (b"\xff\xd8\xff", "a JPEG image"),
        (b"GIF8", "a GIF image"),
        (b"%PDF-", "a PDF document"),
        (b"PK\x03\x04", "a zip archive or an office document"),
        (b"\x1f\x8b", "a gzip archive"),
        (b"\x28\xb5\x2f\xfd", "a zstd archive"),
        (b"\xfd7zXZ\0", "an xz archive"),
        (b"\x7fELF", "a compiled program or library"),
        (b"\0asm", "a WebAssembly module"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"\xff\xfe", "UTF-16 text"),
        (b"\xfe\xff", "UTF-16 text"),
        (b"\xcf\xfa\xed\xfe", "a compiled program or library"),
    ];
    if start.len() > 12 && start.starts_with(b"RIFF") && &start[8..12] == b"WEBP" {
        return Some("a WebP image");
    }
    magic
        .iter()
        .find(|(bytes, _)| start.starts_with(bytes))
        .map(|(_, kind)| *kind)
}

fn by_extension(name: &str) -> &'static str {
    let extension = name
        .rsplit_once('.')
        .map(|(_, extension)| extension.to_ascii_lowercase())
        .unwrap_or_default();
    match extension.as_str() {
        "mp3" | "wav" | "flac" | "ogg" | "m4a" => "a sound file",
        "mp4" | "mov" | "mkv" | "webm" | "avi" => "a video",
        "ico" | "bmp" | "tif" | "tiff" | "avif" | "heic" => "an image",
        "o" | "a" | "so" | "dylib" | "dll" | "exe" | "rlib" | "pyc" | "class" => "compiled code",
        "ttf" | "otf" | "woff" | "woff2" => "a font",
        _ => "a binary file",
    }
}

/// The largest part of `bytes`, no longer than `max`, that does not end inside a character.
pub(super) fn cut(bytes: &[u8], max: usize) -> &[u8] {
    if bytes.len() <= max {
        return bytes;
    }
    let mut end = max;
    // A character has at most three bytes after its first; text in another encoding has no boundary to find.
    while end > max.saturating_sub(4) && end > 0 && bytes[end] & 0xc0 == 0x80 {
        end -= 1;
    }
    &bytes[..end]
}

/// `text` within `max` characters, with what was cut marked.
pub(super) fn clip(text: &str, around: usize, max: usize) -> String {
    let count = text.chars().count();
    if count <= max {
        return text.to_owned();
    }
    let at = text
        .get(..around)
        .map_or(0, |before| before.chars().count());
    // A third of what is shown stands before what it is about.
    let start = at.saturating_sub(max / 3).min(count - max);
    let mut shown: String = text.chars().skip(start).take(max).collect();
    if start > 0 {
        shown.insert(0, '…');
    }
    if start + max < count {
        shown.push('…');
    }
    shown
}
