//! Which model is talked to: found on its usual place or named, its window where its server keeps it.

use toolpool_tests::model::{Answer, Dialect, Setup};

use super::Talk;

/// Each dialect with the window that is to be found, and whether it is known.
const DIALECTS: [(Dialect, &str, &str, bool); 5] = [
    (Dialect::LlamaCpp, "llama.cpp", "8,192", true),
    (Dialect::Ollama, "Ollama", "8,192", true),
    (Dialect::LmStudio, "LM Studio", "8,192", true),
    (Dialect::Vllm, "vLLM", "8,192", true),
    (Dialect::OpenAi, "", "4,096", false),
];

#[test]
fn every_dialect_is_found_and_named_and_its_window_shown() {
    for (dialect, name, window, known) in DIALECTS {
        let talk = Talk::new(Setup::new(dialect).queue([Answer::say("one"), Answer::say("two")]));
        let places = format!(
            "model.places=[\"http://127.0.0.1:9\", {:?}]",
            talk.model.url
        );
        let looked = talk.env.run(["--set", &places, "hello"]).ok();
        let named = talk.run(&["hello again"]).ok();
        for (run, answer) in [(looked, "one\n"), (named, "two\n")] {
            let case = format!("{dialect:?}\n{}", run.snapshot());
            assert_eq!(run.stdout, answer, "{case}");
            assert!(
                run.stderr.contains("scripted") && run.stderr.contains(name),
                "{case}"
            );
            assert!(run.stderr.contains(&format!("window {window}")), "{case}");
            let warned = run.stderr.contains("is not known") && run.stderr.contains("--window");
            assert_eq!(warned, !known, "{case}");
        }
    }
}

#[test]
fn every_dialect_carries_a_turn_with_calls() {
    for (dialect, ..) in DIALECTS {
        let answers = [
            Answer::say("I look. ")
                .thinking("Which one?")
                .and_call("notes__echo", serde_json::json!({ "text": "ä b" }))
                .and_call("notes__read_note", serde_json::json!({ "title": "c" })),
            Answer::say("done"),
        ];
        let mut talk = Talk::new(Setup::new(dialect).queue(answers));
        let _notes = talk.notes("");
        let heard = talk.ask(&["look"]).ended("answered");
        assert_eq!(
            heard.results(1),
            ["ä b", "the note called c"],
            "{dialect:?}"
        );
        assert_eq!(heard.answer(), "done");
    }
}

#[test]
fn the_person_says_the_window_and_the_model() {
    let talk = Talk::new(Setup::new(Dialect::OpenAi).queue([Answer::say("one")]));
    let run = talk
        .run(&["--window", "3000", "--model", "scripted", "hello"])
        .ok();
    assert!(
        run.stderr.contains("window 3,000 as you set it"),
        "{}",
        run.snapshot()
    );
    assert!(!run.stderr.contains("is not known"), "{}", run.snapshot());

    let talk = Talk::new(Setup::new(Dialect::Ollama).queue([Answer::say("one")]));
    talk.run(&["--window", "4096", "hello"]).ok();
    assert_eq!(
        talk.model.loaded(),
        Some(4096),
        "one window for the session"
    );
    let body = &talk.model.chats()[0].body;
    assert_eq!(body["options"]["num_ctx"], 4096);
    assert_eq!(
        (&body["truncate"], &body["shift"]),
        (&false.into(), &false.into())
    );
    let run = talk.run(&["--model", "other", "hello"]);
    assert_ne!(run.code(), 0);
    assert!(
        run.stderr.contains("scripted"),
        "it names those there are\n{}",
        run.snapshot()
    );
}
