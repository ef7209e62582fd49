//! Journals that somebody changed, as an editor would: each way is found, and nothing is repaired by looking.

use std::fs;

use sha2::{Digest, Sha256};

use super::World;

impl World {
    /// What `audit verify` says of the journal changed like this; the change is undone afterwards.
    #[track_caller]
    fn tampered(&self, change: impl FnOnce(&mut Vec<String>)) -> String {
        let whole = self.lines();
        let mut lines = whole.clone();
        change(&mut lines);
        self.write(&lines);
        let before = fs::read(self.journal()).expect("it is there");
        let run = self.audit(&["verify", &self.session]).failed_with(1);
        assert_eq!(
            fs::read(self.journal()).expect("it is there"),
            before,
            "nothing is repaired"
        );
        self.write(&whole);
        self.audit(&["verify", &self.session]).ok();
        run.stdout.replace(&self.session, "SESSION")
    }
}

/// A line with other words, and the checksum that belongs to them.
fn forged(line: &str, old: &str, new: &str) -> String {
    let (body, _) = line.rsplit_once(",\"sum\":\"").expect("a line has a sum");
    assert!(body.contains(old), "{body}");
    let body = body.replacen(old, new, 1);
    let sum: String = Sha256::digest(body.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{body},\"sum\":\"{sum}\"}}")
}

#[test]
fn a_journal_that_was_changed_is_told_with_its_first_bad_line() {
    let world = World::new();
    let good = world.audit(&["verify", "last"]).ok();
    assert!(
        good.stdout
            .contains("each as it was written; the end that was written down agrees"),
        "{}",
        good.stdout
    );
    let count = world.lines().len();

    let edited = world.tampered(|lines| lines[1] = lines[1].replace("write it", "wrote it"));
    assert!(
        edited.starts_with("SESSION: line 2: its checksum is not that of its bytes"),
        "{edited}"
    );
    let deleted = world.tampered(|lines| drop(lines.remove(4)));
    assert!(
        deleted.starts_with("SESSION: line 5: entry 5 is missing before it"),
        "{deleted}"
    );
    let reordered = world.tampered(|lines| lines.swap(3, 4));
    assert!(
        reordered.starts_with("SESSION: line 4: entry 4 is missing before it"),
        "{reordered}"
    );
    let twice = world.tampered(|lines| lines.insert(3, lines[2].clone()));
    assert!(
        twice.starts_with("SESSION: line 4: entry 3 stands here a second time"),
        "{twice}"
    );
    let headless = world.tampered(|lines| drop(lines.remove(0)));
    assert!(
        headless.starts_with("SESSION: line 1: the beginning of the session is missing"),
        "{headless}"
    );
    let forgery = world.tampered(|lines| lines[1] = forged(&lines[1], "write it", "wrote it"));
    assert!(
        forgery.starts_with("SESSION: line 3: it was not written behind the entry 2 that is there"),
        "{forgery}"
    );
    let cut = world.tampered(|lines| lines.truncate(count - 2));
    assert!(
        cut.starts_with(&format!(
            "SESSION: line {}: the end is gone behind it: the session had {count} entries",
            count - 2
        )),
        "{cut}"
    );
    // The very last line changed and its checksum worked out again: no next line tells.
    let last = world.tampered(|lines| {
        let end = lines.len() - 1;
        lines[end] = forged(&lines[end], "\"at_ms\":", "\"at_ms\":1");
    });
    assert!(
        last.contains(&format!(
            "line {count}: entry {count} is another one than when"
        )),
        "{last}"
    );
}

#[test]
fn a_half_written_line_is_told_and_left_as_it_is() {
    let world = World::new();
    let mut bytes = fs::read(world.journal()).expect("it is there");
    bytes.truncate(bytes.len() - 20);
    fs::write(world.journal(), &bytes).expect("the world is writable");
    let run = world.audit(&["verify"]).failed_with(1);
    assert!(
        run.stdout
            .contains("it has no end: it was cut, or is half written"),
        "{}",
        run.stdout
    );
    assert_eq!(fs::read(world.journal()).expect("it is there"), bytes);
    // The list is shown all the same, with a warning.
    let list = world.audit(&[]).ok();
    assert!(list.stderr.contains("is damaged"), "{}", list.stderr);
}

#[test]
fn whoever_writes_everything_anew_is_found_by_a_head_that_was_kept() {
    let world = World::new();
    let proof = world.audit(&["verify", "last", "--json"]).ok().json();
    let head = proof["sessions"][0]["head"]
        .as_str()
        .expect("a head")
        .to_owned();
    assert_eq!(proof["good"], true);
    let kept = world.audit(&["verify", "last", "--expect", &head]).ok();
    assert!(
        kept.stdout
            .contains("the head that you kept is still the last line"),
        "{}",
        kept.stdout
    );

    // One who can write both places: the end cut off, and the head that was written down changed with it.
    let mut lines = world.lines();
    lines.pop();
    world.write(&lines);
    fs::remove_dir_all(world.env.path("state/toolpool/heads")).expect("there is a second place");
    world.audit(&["verify", "last"]).ok();
    let run = world
        .audit(&["verify", "last", "--expect", &head])
        .failed_with(1);
    assert!(
        run.stdout.contains("no entry has the hash that was kept"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_journal_that_is_gone_is_told_unless_the_program_deleted_it() {
    let world = World::new();
    let folder = world.journal().parent().expect("a folder").to_owned();
    let aside = world.env.path("tmp/aside");
    fs::rename(&folder, &aside).expect("one disk");
    let run = world
        .audit(&["verify", "--all", "--json"])
        .failed_with(1)
        .json();
    assert_eq!(run["sessions"][0]["bad"]["what"], "gone");
    fs::rename(&aside, &folder).expect("one disk");
    world.audit(&["verify"]).ok();
    world.env.run(["sessions", "delete", &world.session]).ok();
    let run = world.audit(&["verify"]).ok();
    assert_eq!(run.stdout, "no sessions\n");
}

#[test]
fn an_end_that_was_written_down_and_is_broken_is_told_of_its_session() {
    let world = World::new();
    let head = world.env.path("state/toolpool/heads").join(&world.session);
    fs::write(&head, "{\"seq\": ").expect("it can be written");
    let run = world
        .audit(&["verify", "--all", "--json"])
        .failed_with(1)
        .json();
    assert_eq!(run["sessions"][0]["bad"]["what"], "witness");
    // What a power cut leaves of it is no accusation.
    fs::write(&head, [0; 80]).expect("it can be written");
    world.audit(&["verify"]).ok();
}
