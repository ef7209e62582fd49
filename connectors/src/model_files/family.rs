//! What a model wants in front of a text, by the family that its name belongs to.
//!
//! The prefixes are the ones on the models' own cards; trained with them, a model finds less without. A family that is not
//! here wants none.

/// Query and document prefix of the family of `name`.
pub(super) fn prefixes(name: &str) -> (&'static str, &'static str) {
    const REPRESENT: &str = "Represent this sentence for searching relevant passages: ";
    let name = name.to_ascii_lowercase();
    let is = |parts: &[&str]| parts.iter().all(|part| name.contains(part));
    if is(&["e5-"]) && !is(&["instruct"]) {
        ("query: ", "passage: ")
    } else if is(&["nomic-embed"]) || is(&["modernbert-embed"]) {
        ("search_query: ", "search_document: ")
    } else if is(&["bge-", "-zh"]) {
        ("为这个句子生成表示以用于检索相关文章：", "")
    } else if is(&["bge-", "-en"]) || is(&["mxbai-embed"]) || is(&["arctic-embed"]) {
        (REPRESENT, "")
    } else {
        ("", "")
    }
}

/// Whether the family of `name` reads the first token's vector. For folders that do not say.
pub(super) fn reads_first_token(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [
        "bge-",
        "mxbai-embed",
        "arctic-embed",
        "gte-base-en-v1.5",
        "gte-large-en-v1.5",
    ]
    .iter()
    .any(|part| name.contains(part))
}
