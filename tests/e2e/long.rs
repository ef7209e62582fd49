//! Long work in small windows: a shorter task than `src/bin/long-task.rs` plays, the same claims. What a model needs to know is
//! looked for in the text that was sent, and not by the hub's own audit.

use toolpool_tests::long::{Figures, Policy, Shape, Task, person, play, reuse};

/// Ten replies each.
const PARTS: usize = 3;

#[track_caller]
fn holds(figures: &Figures) {
    assert_eq!(figures.steps_done, figures.steps, "{figures:#?}");
    assert_eq!(figures.overflows, 0, "{figures:#?}");
    assert_eq!(figures.loops, 0, "{figures:#?}");
    assert_eq!(
        figures.ends.keys().collect::<Vec<_>>(),
        ["answered"],
        "{figures:#?}"
    );
    assert!(
        !figures.compactions.is_empty() && figures.freed > 0,
        "it is longer than the window: {figures:#?}"
    );
    assert!(figures.missing.is_empty(), "{figures:#?}");
    assert_eq!((figures.forgotten, figures.blind), (0, 0), "{figures:#?}");
}

fn task(window: u32, shape: Shape) -> Task {
    Task {
        window,
        parts: PARTS,
        shape,
        encoder: false,
        compact: false,
    }
}

#[test]
fn a_long_task_in_4096_tokens_forgets_nothing_and_comes_to_its_end() {
    let played = play(&task(4096, Shape::Turns)).expect("the program goes on");
    let Some(played) = played else { return };
    holds(&played.figures);
}

#[test]
fn a_long_turn_in_8192_tokens_forgets_nothing_and_comes_to_its_end() {
    let played = play(&task(8192, Shape::One)).expect("the program goes on");
    let Some(played) = played else { return };
    holds(&played.figures);
}

#[test]
fn a_pool_that_follows_the_talk_keeps_the_prompt_cache() {
    let ours = reuse(Policy::Ours, 16_384, 7, false).expect("the program goes on");
    let Some(ours) = ours else { return };
    assert_eq!(ours.answered, ours.turns, "{ours:#?}");
    assert!(ours.reused() > 80.0, "{ours:#?}");
    assert!(!ours.causes.contains_key("history-edited"), "{ours:#?}");
    // Each tool that the person's words speak of is called without a search, also where the list does not have it.
    assert_eq!(ours.spoken_present, ours.spoken, "{ours:#?}");
    assert!(
        ours.in_text > 0 && ours.searches <= ours.needed - ours.spoken,
        "{ours:#?}"
    );
}

#[test]
fn a_person_sees_what_was_compacted_and_goes_on_after_a_kill() {
    let Some(seen) = person().expect("the program goes on") else {
        return;
    };
    let screen = format!("{}\n{}", seen.before, seen.after);
    assert!(seen.compactions >= 2, "{screen}");
    assert!(
        seen.before.matches("to make room, ").count() >= 2,
        "{screen}"
    );
    assert!(
        seen.after
            .contains("was interrupted: the program ended in the middle of it"),
        "{screen}"
    );
    assert!(seen.after.contains("Part 4 is done."), "{screen}");
    let answer = |question: &str| {
        let found = seen.asked.iter().find(|(asked, _)| asked == question);
        found.map(|(_, answer)| answer.as_str()).unwrap_or_default()
    };
    assert!(answer("/budget").contains("reserve"), "{screen}");
    assert!(answer("/why find_tools").contains("find_tools"), "{screen}");
}
