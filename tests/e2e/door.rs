//! The one door as a caller meets it: arguments checked and repaired, results checked and cut, questions answered.

use toolpool_tests::env::TestEnv;
use toolpool_tests::server::FakeServer;

#[test]
fn a_server_that_asks_in_a_call_gets_an_answer_or_its_caller_a_sentence() {
    for (flags, good) in [("--legacy", "roots: "), ("", "")] {
        let env = TestEnv::new();
        let alpha = FakeServer::new(&env, "alpha")
            .with("--only ask")
            .with(flags);
        env.servers("", &[&alpha]);
        let run = env.run(["call", "alpha__ask", "{}"]);
        if good.is_empty() {
            assert_eq!(run.code(), 1, "{}", run.snapshot());
            assert!(
                run.stderr.contains("alpha__ask") && run.stderr.contains("input"),
                "{}",
                run.snapshot()
            );
        } else {
            assert!(run.stdout.contains("roots"), "{}", run.snapshot());
        }
    }
}

#[test]
fn a_result_that_breaks_its_schema_is_an_error_that_says_so() {
    let env = TestEnv::new();
    let alpha = FakeServer::new(&env, "alpha").with("--only bad_output,measure");
    env.servers("", &[&alpha]);
    let run = env.run(["call", "alpha__bad_output", "{}"]).failed_with(1);
    assert!(
        run.stdout.contains("length") || run.stderr.contains("length"),
        "{}",
        run.snapshot()
    );
    env.run(["call", "alpha__measure", "{\"text\": \"abc\"}"])
        .ok();
}

#[test]
fn a_big_result_is_cut_and_said() {
    let env = TestEnv::new();
    let alpha = FakeServer::new(&env, "alpha").with("--only big");
    env.servers("[limits]\nresult_bytes_max = 10000\n", &[&alpha]);
    let run = env
        .run(["call", "alpha__big", "{\"bytes\": 3000000}", "--json"])
        .ok();
    assert!(run.stdout.len() < 20_000, "{} bytes", run.stdout.len());
    assert_eq!(run.json()["cut"], true);
    let small = env
        .run(["call", "alpha__big", "{\"bytes\": 100}", "--json"])
        .ok()
        .json();
    assert_eq!(small["cut"], false);
}

#[test]
fn arguments_are_checked_and_slips_repaired_before_anything_is_sent() {
    let env = TestEnv::new();
    let alpha = FakeServer::new(&env, "alpha").with("--only add");
    env.servers("", &[&alpha]);
    let run = env
        .run(["call", "alpha__add", "{\"a\": \"2\", \"b\": 3}"])
        .ok();
    assert_eq!(run.stdout.trim(), "5");
    assert!(run.stderr.contains("repaired"), "{}", run.snapshot());
    let run = env
        .run(["call", "alpha__add", "{\"a\": [1], \"b\": 3}"])
        .failed_with(1);
    assert!(run.stderr.contains("alpha__add"), "{}", run.snapshot());
    assert_eq!(
        alpha.saw("call").len(),
        1,
        "the wrong arguments never left the hub"
    );
}
