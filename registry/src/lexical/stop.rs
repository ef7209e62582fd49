//! Words that say nothing about which tool is meant: English function words, and the polite wrapping of requests.
//! German and Spanish function words are few and only those that are no English content word: every other term is rare
//! in tool texts, so that its absence costs nothing.

/// Whether `word`, folded to lower case, is left out.
pub(super) fn is_stop(word: &str) -> bool {
    STOP.binary_search(&word).is_ok()
}

/// Sorted, for the binary search.
const STOP: &[&str] = &[
    "a", "about", "above", "after", "again", "all", "also", "am", "an", "and", "any", "are", "as",
    "at", "auf", "aus", "be", "because", "been", "before", "being", "below", "between", "both",
    "but", "by", "can", "con", "could", "das", "de", "dem", "den", "der", "des", "did", "do",
    "does", "doing", "don", "down", "during", "each", "ein", "eine", "einen", "einer", "el", "en",
    "es", "few", "for", "from", "fur", "further", "had", "has", "have", "having", "he", "her",
    "here", "hers", "him", "his", "how", "i", "ich", "if", "im", "in", "into", "is", "it", "its",
    "itself", "just", "la", "las", "let", "ll", "los", "m", "may", "me", "mein", "meine", "might",
    "mit", "more", "most", "must", "my", "need", "no", "nor", "not", "now", "of", "off", "on",
    "once", "only", "or", "other", "our", "ours", "out", "over", "own", "para", "please", "por",
    "que", "re", "s", "same", "she", "should", "so", "some", "such", "t", "than", "that", "the",
    "their", "theirs", "them", "then", "there", "these", "they", "this", "those", "through", "to",
    "too", "un", "una", "und", "under", "until", "up", "us", "ve", "very", "von", "want", "was",
    "we", "were", "what", "when", "where", "which", "while", "who", "whom", "why", "will", "with",
    "would", "y", "you", "your", "yours", "zu", "zum", "zur",
];

#[cfg(test)]
mod tests {
    #[test]
    fn the_list_is_sorted() {
        assert!(super::STOP.is_sorted_by(|a, b| a < b));
    }
}
