//! What counts as being there, and that nothing is lost.

use proptest::prelude::*;
use serde_json::{Value, json};
use toolpool_config::Effect;

use super::*;
use crate::compact::facts::tests::Story;
use crate::compact::facts::{reachable, required};
use crate::compact::world::counter;

#[test]
fn to_the_letter_and_as_a_word_of_its_own() {
    for (fact, text, there) in [
        ("12", "312", false),
        ("12", "12.", true),
        ("12", "12.5 or 1,012 or 12:30 or -12 or 12a", false),
        ("12", "order:12", true),
        ("12", "(12)", true),
        ("12", "第12章", true),
        ("-5", "is -5", true),
        ("-5", "10-5", false),
        ("a.rs", "src/a.rs", false),
        ("src/a.rs", "/home/src/a.rs", false),
        ("src/a.rs", "`src/a.rs`:12", true),
        ("src/", "src/a.rs", false),
        ("/etc", "./etc x/etc", false),
        ("/etc", "in /etc.", true),
        ("user_id", "user_id2 my-user_id", false),
        ("https://x.y/a", "https://x.y/a/b https://x.y/a?b=1", false),
        ("https://x.y/a", "(https://x.y/a)", true),
        ("a b", "xa b", false),
        ("报告", "我的报告很好", true),
        ("A", "a", false),
    ] {
        assert_eq!(has(text, fact), there, "`{fact}` in `{text}`");
    }
}

fn update(story: &mut Story, order: u64) {
    story.calls(
        "crm__update_order",
        Effect::Mutating,
        json!({"order": order, "status": "in transit"}),
        Verdict::Completed,
        r#"{"code": 200}"#,
    );
}

#[test]
fn what_is_missing_is_said_by_call() {
    let mut story = Story::default();
    story.asks("ship 4711 and 4712 to \"Anna Berg\"");
    update(&mut story, 4711);
    update(&mut story, 4712);
    story.calls(
        "mail__send",
        Effect::Destructive,
        json!({"to": ["a@b.c", "d@e.f"]}),
        Verdict::InDoubt,
        "",
    );
    let facts = required(&story.folds, u64::MAX);
    let counter = counter();
    let lacking = missing("4711 and 4712 are on their way", &facts);
    let done = appended(
        "4711 and 4712 are on their way\n",
        &lacking,
        (1_000, 1_000),
        counter,
    );
    assert_eq!(
        done.text,
        "4711 and 4712 are on their way\n\nKept to the letter:\n\
         - asked: \"Anna Berg\"\n\
         - changed crm__update_order {order: 4711, status: \"in transit\"} -> ok 200\n\
         - sent mail__send {to: a@b.c, d@e.f} -> in doubt"
    );
    assert_eq!((done.facts, done.whole), (5, None));
    assert!(missing(&done.text, &facts).is_empty());
    assert_eq!(appended("all", &[], (0, 0), counter).text, "all");
}

#[test]
fn over_its_bound_the_list_becomes_an_artifact_and_keeps_what_is_worth_most() {
    let mut story = Story::default();
    story.asks("keep planted_one");
    for order in 1_000..1_200 {
        update(&mut story, order);
    }
    let facts = required(&story.folds, u64::MAX);
    let counter = counter();
    for tokens_max in [60, 200, 500] {
        let done = appended("S", &missing("", &facts), (tokens_max, tokens_max), counter);
        let whole = done.whole.expect("too long");
        assert!(
            counter.count(&done.text) <= tokens_max + 4,
            "{} of {tokens_max}",
            counter.count(&done.text)
        );
        assert!(
            has(&done.text, "planted_one") && has(&done.text, "1199") && !has(&done.text, "1000")
        );
        assert!(done.text.contains(&short(&sha256(whole.as_bytes()))));
        assert!(missing(&whole, &facts).is_empty());
    }
}

#[test]
fn reads_are_listed_within_their_share_the_least_used_left_out() {
    let mut story = Story::default();
    story.asks("go on with wanted_one");
    let many: Vec<String> = (0..300).map(|at| format!("id_{at}")).collect();
    let call = story.calls(
        "read",
        Effect::ReadOnly,
        json!({}),
        Verdict::Completed,
        &format!("{} wanted_one", many.join(" ")),
    );
    let counter = counter();
    let reach = reachable(&story.folds, u64::MAX);
    let (text, calls) = listed(&reach, 120, counter);
    assert!(
        text.contains("wanted_one") && counter.count(&text) <= 120,
        "{text}"
    );
    assert_eq!(calls, [call]);
    assert_eq!(listed(&reach, 5, counter), (String::new(), Vec::new()));
}

/// An identifier that a test plants.
fn planted() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{2,6}(_[a-z0-9]{1,5}){1,3}",
        "[A-Z]{2,4}-[0-9]{1,5}",
        "[a-z]{1,5}(/[a-z0-9_]{1,6}){1,3}\\.(rs|md|json)",
        "C:\\\\[A-Za-z]{1,6}\\\\[a-z]{1,6}\\.txt",
        "https://[a-z]{1,6}\\.example/[a-z]{1,6}\\?q=[0-9]{1,4}",
        "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}",
        "[0-9a-f]{39}7",
        "[1-9][0-9]{0,8}",
        "-?[1-9][0-9]{0,3}\\.[0-9]{1,2}",
        "[a-z]{2,5}[A-Z][a-z]{2,5}",
        "v?[0-9]{1,2}\\.[0-9]{1,2}\\.[0-9]{1,2}",
        "[a-z]{1,6}@[a-z]{1,6}\\.com",
        "20[0-9]{2}-[01][0-9]-[0-3][0-9]",
    ]
}

/// Text around it, of any kind.
fn around() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        "[a-z ,.!?'\"`()\\[\\]{}<>:;*-]{0,60}",
        "[一-龥，。「」 ]{0,12}"
    ]
}

proptest! {
    #[test]
    fn what_is_planted_survives(
        parts in prop::collection::vec((around(), planted()), 1..12),
        place in 0_usize..4,
        summary in around(),
    ) {
        let mut story = Story::default();
        let text: String = parts.iter().map(|(around, id)| format!("{around} {id} ")).collect();
        match place {
            0 => { story.asks(&text); }
            1 => { story.asks("go"); story.says(&format!("{text} ?")); }
            2 => {
                story.asks("go");
                let members = parts.iter().enumerate().map(|(at, (_, id))| (format!("m{at}"), Value::from(id.as_str())));
                story.calls("t", Effect::Mutating, Value::Object(members.collect()), Verdict::Completed, "done");
            }
            _ => { story.asks("go"); story.calls("t", Effect::Mutating, json!({}), Verdict::Completed, &text.chars().take(590).collect::<String>()); }
        }
        let facts = required(&story.folds, u64::MAX);
        let counter = counter();
        let done = appended(&summary, &missing(&summary, &facts), (u32::MAX, u32::MAX), counter);
        let left = missing(&done.text, &facts);
        prop_assert!(left.is_empty(), "{left:?} are not in {}", done.text);
        let whole = text.chars().count() < 590;
        for (_, id) in parts.iter().filter(|_| whole || place < 3) {
            prop_assert!(done.text.contains(id.as_str()), "{id} is not in {}", done.text);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,300}") {
        let _ = crate::compact::facts::extract::pieces(&text);
    }
}
