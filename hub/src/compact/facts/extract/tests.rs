//! A corpus of texts, each with all that has to be found in it.

use super::*;

fn found(text: &str) -> Vec<String> {
    pieces(text).into_iter().map(|piece| piece.text).collect()
}

/// The wanted pieces, each with its kind, are exactly what is found.
fn check(text: &str, wanted: &[&str]) {
    assert_eq!(found(text), wanted, "in `{text}`");
}

#[test]
fn prose_has_no_facts() {
    for text in [
        "Please make it faster, and tell me (in a few words) how.",
        "It's done; don't ask again! Is that so? Yes... I think",
        "e.g. this, i.e. that",
        "- a list\n- of words:\n* and more",
        "das läuft schon, z.B. hier",
        "请继续，不要停下来。",
    ] {
        check(text, &[]);
    }
}

#[test]
fn paths() {
    check("Look at src/main.rs.", &["src/main.rs"]);
    check(
        "in /etc/hosts, ~/.bashrc and ../up/x.txt:",
        &["/etc/hosts", "~/.bashrc", "../up/x.txt"],
    );
    check(
        "open \"My Files/year end.xlsx\" now",
        &["My Files/year end.xlsx"],
    );
    check(
        r#"copy C:\Users\me\a.txt to "C:\Program Files\x y\b.txt""#,
        &[r"C:\Users\me\a.txt", r"C:\Program Files\x y\b.txt"],
    );
    check(r"on \\server\share\dir\", &[r"\\server\share\dir\"]);
    check(
        "`Cargo.toml`, .env and .github/workflows/",
        &["Cargo.toml", ".env", ".github/workflows/"],
    );
    check(
        "all *.rs under src/**/*.rs, **src/bold.rs**",
        &["*.rs", "src/**/*.rs", "src/bold.rs"],
    );
    check(
        "app/[id]/page.tsx",
        &["app/[id]/page.tsx", "app/", "/page.tsx"],
    );
    check("(see docs/a.md)", &["docs/a.md"]);
    check("list / please", &["/"]);
    check("src/a.rs:12:5 fails", &["src/a.rs:12:5"]);
    check("'/tmp/with space/f' is it", &["/tmp/with space/f"]);
}

#[test]
fn urls() {
    check(
        "see https://example.com/a?b=c&d=%20#frag.",
        &["https://example.com/a?b=c&d=%20#frag"],
    );
    check(
        "(https://en.wikipedia.org/wiki/Rust_(language))",
        &["https://en.wikipedia.org/wiki/Rust_(language)"],
    );
    check(
        "[text](http://localhost:8080/x), ftp://h/y;",
        &["http://localhost:8080/x", "ftp://h/y"],
    );
    check(
        "jdbc:postgresql://db:5432/app",
        &["jdbc:postgresql://db:5432/app"],
    );
    check("<https://a.b/c>", &["https://a.b/c"]);
    check("see http:// alone", &["http://"]);
    check(
        "请看https://a.b/c然后继续",
        &["https://a.b/c", "https://a.b/c然后继续"],
    );
    check(
        "call https://api.x/v1/{id}/items",
        &["https://api.x/v1/{id}/items"],
    );
}

#[test]
fn numbers() {
    check("order 4711, 12 of them", &["4711", "12"]);
    check(
        "1,299.00 and 1.234,50 and 3,5",
        &["1,299.00", "1.234,50", "3,5"],
    );
    check("1 234 567 rows", &["1 234 567"]);
    check("4711,4712,4713", &["4711", "4712", "4713"]);
    check(
        "-5 +3 −7 $1,299 €30 12% 10ms 5 GB, 20 °C.",
        &[
            "-5", "+3", "−7", "$1,299", "€30", "12%", "10ms", "5 GB", "20 °C",
        ],
    );
    check(
        "on 2024-01-02 at 10:30, 01/02/2024, 2024-01-02T10:30:00Z",
        &["2024-01-02", "10:30", "01/02/2024", "2024-01-02T10:30:00Z"],
    );
    check(
        "v1.2.3 then 1.2.3-rc.1+b5 or ^1.2 or >=2.0",
        &["v1.2.3", "1.2.3-rc.1+b5", "^1.2", "2.0"],
    );
    check("(42) [43] {44} *45*", &["42", "43", "44", "45"]);
    check("pages 10–20 and 30-40", &["10", "20", "30-40"]);
    check("one 7.", &["7"]);
}

#[test]
fn identifiers() {
    check(
        "550e8400-e29b-41d4-a716-446655440000",
        &["550e8400-e29b-41d4-a716-446655440000"],
    );
    check(
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
        &["9fceb02d0ae598e95dc970b74767f19372d61af8"],
    );
    check(
        "mail a.b+c@example.co.uk, @user or #general",
        &["a.b+c@example.co.uk", "@user", "#general"],
    );
    check(
        "snake_case kebab-case camelCase PascalCase HTTPServer SCREAMING API IDs",
        &[
            "snake_case",
            "kebab-case",
            "camelCase",
            "PascalCase",
            "HTTPServer",
            "SCREAMING",
            "API",
            "IDs",
        ],
    );
    check("ticket ABC-123; PR #42", &["ABC-123", "PR", "#42"]);
    check("std::fs::read() and Vec<u8>", &["std::fs::read", "u8"]);
    check("crm__update_order's state", &["crm__update_order"]);
    check(
        "run --force -rf --limit=20 $HOME key=value",
        &["--force", "-rf", "--limit=20", "$HOME", "key=value"],
    );
    check("host db.internal or db:5432", &["db.internal", "db:5432"]);
    check("C++ and C#", &["C++", "C#"]);
    check(
        "größen_tabelle файл_2.txt",
        &["größen_tabelle", "файл_2.txt"],
    );
}

#[test]
fn quotes() {
    check(
        "call it 'red fox' or \"blue\" or `green` or “a b” or «c d»",
        &["red fox", "blue", "green", "a b", "c d"],
    );
    check("the users' ids and the hosts' names", &[]);
    check("a 5\" disk", &["5"]);
    check(
        r#"{"id": 4711, "status": "open", "by_whom": "x"}"#,
        &["4711", "open", "by_whom", "x"],
    );
    check(r#"{\"id\": \"a b\"}"#, &["a b"]);
    check(r#"say "he said \"x\" now" ok"#, &[r#"he said \"x\" now"#]);
    let long = "word ".repeat(100);
    check(&format!("\"{long} a_b\""), &["a_b"]);
    check("unclosed \"a_b and `c_d", &["a_b", "c_d"]);
}

#[test]
fn ascii_within_scripts_without_spaces() {
    check("把订单4711改成shipped_now，谢谢", &["4711", "shipped_now"]);
    check("文件src/a.rs中的错误", &["src/a.rs"]);
    check("打开 docs/报告.md", &["docs/", ".md", "docs/报告.md"]);
    check("注文「ABC-123」を確認", &["ABC-123"]);
    check("주문 4711번을 확인", &["4711"]);
    check("ไฟล์a_b.txtนี้", &["a_b.txt"]);
    check("编号：ORD-9、ORD-10。", &["ORD-9", "ORD-10"]);
}

#[test]
fn a_long_line_is_read_in_reasonable_time() {
    for unit in [
        "'a ", "“b ", "(", ")", "[(", "a:", "\"", "\\\"", "`", "``` ", "*", "文a", "1 ",
    ] {
        let _ = pieces(&unit.repeat(20_000));
    }
}
