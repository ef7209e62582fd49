//! The list.

use super::*;

const PLAIN: Look = Look {
    width: 70,
    color: false,
    unicode: true,
};

#[test]
fn a_list() {
    let tool = |name: &str, effect: &str, about: &str, offline| Line {
        name: name.into(),
        effect: effect.into(),
        full: 1200,
        slim: 40,
        offline,
        about: about.into(),
    };
    let tools = [
        tool(
            "git__status",
            "read-only?",
            "Show the state of the working tree and of the index",
            false,
        ),
        tool("git__搜索", "?", "", true),
    ];
    let wanted = "\
TOOL         EFFECT       FULL  SLIM  ABOUT
git__status  read-only?  1,200    40  Show the state of the working t…
git__搜索    ?           1,200    40

2 tools · 2,400 tokens in full, 80 slim · 1 offline
";
    assert_eq!(text(&tools, &PLAIN), wanted);
    assert_eq!(text(&[], &PLAIN), "no tools\n");
}
