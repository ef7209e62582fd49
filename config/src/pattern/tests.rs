//! Deny and allow side by side over the same rows.

use super::*;

fn subject(effect: Effect) -> Subject<'static> {
    Subject {
        server: "Git-Hub",
        tool: "delete.Repo",
        exposed: "Git-Hub__delete_Repo",
        effect,
    }
}

#[test]
fn names_match_widely_in_a_deny_and_as_written_in_an_allow() {
    // pattern, denies, allows
    let rows = [
        ("Git-Hub__delete.Repo", true, true),
        ("Git-Hub__delete_Repo", true, true),
        ("git-hub__delete.repo", true, false),
        ("GIT_HUB__DELETE_REPO", true, false),
        ("git?hub__*", true, false),
        ("Git*__delete*", true, true),
        ("*__delete*", true, true),
        ("*", true, true),
        ("delete*", true, false),
        ("delete_repo", true, false),
        ("\u{ff44}elete*", true, false),
        ("{git-hub,other}__delete*", true, false),
        ("Git-Hub__[a-d]elete*", true, true),
        ("Git-Hub__[!d]elete*", false, false),
        ("Git__delete*", false, false),
        ("create*", false, false),
        ("server:git*", true, false),
        ("server:Git-Hub", true, true),
        ("SERVER: git_hub", true, false),
        ("server:hub", false, false),
    ];
    for (text, denies, allows) in rows {
        let pattern: Pattern = text.parse().unwrap();
        let subject = subject(Effect::Mutating);
        assert_eq!(pattern.matches(&subject), denies, "deny {text}");
        assert_eq!(pattern.allows(&subject), allows, "allow {text}");
    }
}

#[test]
fn odd_spellings_of_a_tool_do_not_escape_a_deny() {
    let pattern: Pattern = "files__write_file".parse().unwrap();
    for tool in [
        "Write_File",
        "write-file",
        "write.file",
        "write file",
        "\u{ff57}rite_file",
        "write\u{2010}file",
        "wri\u{200b}te_fi\u{ad}le\u{fe0f}",
    ] {
        let subject = Subject {
            server: "files",
            tool,
            exposed: "files__t_1a2b3c",
            effect: Effect::ReadOnly,
        };
        assert!(pattern.matches(&subject), "{tool}");
        assert!(!pattern.allows(&subject), "{tool}");
    }
}

#[test]
fn names_in_other_scripts_are_told_apart() {
    let subject = |tool| Subject {
        server: "files",
        tool,
        exposed: "files__t_1a2b3c",
        effect: Effect::ReadOnly,
    };
    let pattern: Pattern = "files__\u{5220}\u{9664}".parse().unwrap();
    assert!(pattern.matches(&subject("\u{5220}\u{9664}")));
    assert!(!pattern.matches(&subject("\u{8bfb}\u{53d6}")));
    let pattern: Pattern = "files__L\u{d6}SCHEN".parse().unwrap();
    assert!(
        pattern.matches(&subject("l\u{f6}schen")) && pattern.matches(&subject("lo\u{308}schen"))
    );
}

#[test]
fn effects_are_this_or_worse_in_a_deny_and_this_or_milder_in_an_allow() {
    for (at, pattern) in Effect::ALL.iter().enumerate() {
        let written: Pattern = format!("effect:{pattern}").parse().unwrap();
        for (of, effect) in Effect::ALL.into_iter().enumerate() {
            assert_eq!(written.matches(&subject(effect)), of >= at);
            assert_eq!(written.allows(&subject(effect)), of <= at);
        }
    }
}

#[test]
fn patterns_are_read_and_written() {
    for text in ["effect:read-only", "server:a*", "a__b"] {
        let pattern: Pattern = text.parse().unwrap();
        assert_eq!(pattern.to_string(), text);
        assert_eq!(serde_json::to_value(&pattern).unwrap(), text);
    }
    assert_eq!(
        "Effect: Read_Only".parse::<Pattern>().unwrap().to_string(),
        "effect:read-only"
    );
    let rows = [
        ("", PatternError::Empty),
        ("  ", PatternError::Empty),
        ("server:", PatternError::Empty),
        ("effect:bad", PatternError::Effect("bad".to_owned())),
    ];
    for (text, expected) in rows {
        assert_eq!(text.parse::<Pattern>(), Err(expected));
    }
    assert!(matches!(
        "a[".parse::<Pattern>(),
        Err(PatternError::Glob { .. })
    ));
}
