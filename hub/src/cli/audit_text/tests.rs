//! What people read of the trail, and CSV that no spreadsheet runs.

use super::*;

#[test]
fn a_cell_never_becomes_a_formula_and_never_ends_early() {
    for (text, wanted) in [
        ("", ""),
        ("notes__write", "notes__write"),
        ("a, b", "\"a, b\""),
        ("say \"a\"", "\"say \"\"a\"\"\""),
        ("one\ntwo", "\"one\ntwo\""),
        ("=1+1", "\"'=1+1\""),
        ("+1", "\"'+1\""),
        ("-1", "\"'-1\""),
        ("@x", "\"'@x\""),
        (" =1", "\"' =1\""),
        ("\t=1", "\"'\t=1\""),
        ("\r1", "\"'\r1\""),
        ("\u{ff1d}1", "\"'\u{ff1d}1\""),
        ("a=1", "a=1"),
    ] {
        assert_eq!(cell(text), wanted, "{text:?}");
    }
}

#[test]
fn words_are_those_of_the_journal() {
    assert_eq!(word(DecisionSource::DenyList), "deny-list");
    assert_eq!(word(None::<DecisionSource>), "");
}
