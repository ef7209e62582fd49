//! The architecture as tests over the source tree: the eight invariants of the design, and that no test is forgotten.
//!
//! They read text, not syntax trees. That is enough because they forbid words, and a false alarm is cheap: a comment or a
//! string that trips one can be worded otherwise. Test modules (`#[cfg(test)]` to the end of the file, `tests.rs`) are free.

use std::fs;
use std::path::{Path, PathBuf};

/// The crates, each of which uses only those before it.
const CHAIN: [(&str, &str); 5] = [
    ("config", "toolpool-config"),
    ("registry", "toolpool-registry"),
    ("connectors", "toolpool-connectors"),
    ("hub", "toolpool"),
    ("tests", "toolpool-tests"),
];
/// Production lines in a file, its tests aside.
const LINES_MAX: usize = 500;

/// Where a number in the code is no bound of the program, and why.
const FREE: [(&str, &str); 4] = [
    (
        "config/src/",
        "the reading of limits cannot be bounded by what it reads",
    ),
    (
        "registry/src/render/",
        "part of a format: another value is another rendering",
    ),
    (
        "registry/src/embed/",
        "part of a model: another value is another model",
    ),
    ("hub/src/cli/", "what fits a screen"),
];

/// One file of production code.
struct Source {
    /// Relative to the workspace, with `/`.
    path: String,
    /// The whole text.
    text: String,
    /// Lines of code with their numbers, comments and test modules left out.
    code: Vec<(usize, String)>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate lies in the workspace")
}

fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root().join(folder), &mut found);
    found.sort();
    assert!(!found.is_empty(), "no source in `{folder}`");
    found.into_iter().map(read).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .flatten()
    {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn read(path: PathBuf) -> Source {
    let text = fs::read_to_string(&path).expect("sources are readable");
    let relative = path
        .strip_prefix(root())
        .expect("sources lie in the workspace")
        .to_string_lossy()
        .into_owned();
    let is_test = relative.ends_with("/tests.rs") || relative.contains("/tests/");
    let mut code = Vec::new();
    if !is_test || relative.starts_with("tests/") {
        for (number, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("#[cfg(test)]")
                && text
                    .lines()
                    .nth(number + 1)
                    .is_some_and(|next| next.contains("mod tests {"))
            {
                break;
            }
            let line = without_comment(line);
            if !line.trim().is_empty() {
                code.push((number + 1, line.to_owned()));
            }
        }
    }
    Source {
        path: relative,
        text,
        code,
    }
}

/// The line up to `//`, unless that stands inside a string such as a URL.
fn without_comment(line: &str) -> &str {
    let comment = line
        .match_indices("//")
        .find(|(at, _)| line[..*at].matches('"').count().is_multiple_of(2));
    comment.map_or(line, |(at, _)| &line[..at])
}

/// Every place in `files` where `breaks` holds, as `path:line: text`.
fn places(files: &[Source], breaks: impl Fn(&str) -> bool) -> Vec<String> {
    let lines = files.iter().flat_map(|file| {
        file.code
            .iter()
            .map(move |(number, line)| (file, number, line))
    });
    lines
        .filter(|(_, _, line)| breaks(line))
        .map(|(file, number, line)| format!("{}:{number}: {}", file.path, line.trim()))
        .collect()
}

#[track_caller]
fn none(rule: &str, places: Vec<String>) {
    assert!(places.is_empty(), "{rule}\n  {}\n", places.join("\n  "));
}

fn production() -> Vec<Source> {
    ["config/src", "registry/src", "connectors/src", "hub/src"]
        .into_iter()
        .flat_map(sources)
        .collect()
}

/// Libraries: everything but the command line and the three lines that call it.
fn libraries() -> Vec<Source> {
    let mut files = production();
    files.retain(|file| {
        let cli = file.path.starts_with("hub/src/cli/")
            || file.path == "hub/src/cli.rs"
            || file.path == "hub/src/main.rs";
        !cli
    });
    files
}

fn has_word(line: &str, word: &str) -> bool {
    let edge = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        edge(line[..at].chars().next_back()) && edge(line[at + word.len()..].chars().next())
    })
}

#[test]
fn each_crate_uses_only_those_to_its_left() {
    for (place, (folder, _)) in CHAIN.iter().enumerate() {
        let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml"))
            .expect("each crate has a manifest");
        for (_, package) in &CHAIN[place..] {
            let used = manifest.lines().any(|line| {
                let key = line.split(['=', '.', ' ']).next().unwrap_or_default();
                key == *package
            });
            assert!(
                !used,
                "`{folder}` uses `{package}`, which is not to its left"
            );
        }
    }
}

#[test]
fn registry_is_pure() {
    let manifest =
        fs::read_to_string(root().join("registry/Cargo.toml")).expect("registry has a manifest");
    for runtime in [
        "tokio",
        "async-std",
        "smol",
        "futures",
        "reqwest",
        "hyper",
        "axum",
        "ureq",
        "rmcp",
        "rand",
        "chrono",
    ] {
        assert!(
            !manifest.lines().any(|line| line.starts_with(runtime)),
            "registry depends on `{runtime}`"
        );
    }
    let words = [
        "async",
        "await",
        "tokio",
        "TcpStream",
        "UdpSocket",
        "SystemTime",
        "Instant",
        "std::net",
        "std::env",
        "process::Command",
    ];
    let files = sources("registry/src");
    none(
        "registry has no async, sockets, clock or environment",
        places(&files, |line| words.iter().any(|word| has_word(line, word))),
    );
}

#[test]
fn rmcp_is_named_only_at_the_edge() {
    let mut files = production();
    let edge = [
        "connectors/src/mcp/",
        "connectors/src/mcp.rs",
        "hub/src/serve/",
        "hub/src/serve.rs",
        "hub/src/workspace/",
        "hub/src/workspace.rs",
    ];
    files.retain(|file| !edge.iter().any(|folder| file.path.starts_with(folder)));
    none(
        "rmcp is named only in connectors/src/mcp, hub/src/serve and hub/src/workspace",
        places(&files, |line| has_word(line, "rmcp")),
    );
}

#[test]
fn the_fleet_is_called_from_the_one_door() {
    let mut files = production();
    files.retain(|file| {
        file.path.starts_with("hub/src/") && !file.path.starts_with("hub/src/execute")
    });
    let rule = "fleet methods that send on someone's behalf are called in hub/src/execute only";
    none(
        rule,
        places(&files, |line| {
            line.contains(".call_tool(") || line.contains("Fleet::call_tool")
        }),
    );
    let door = sources("hub/src")
        .into_iter()
        .filter(|file| file.path.starts_with("hub/src/execute"));
    let calls: usize = door
        .map(|file| {
            file.code
                .iter()
                .filter(|(_, line)| line.contains(".call_tool("))
                .count()
        })
        .sum();
    assert_eq!(calls, 1, "the door calls the fleet in one place");
}

#[test]
fn libraries_do_not_print_exit_or_read_the_environment() {
    let words = [
        "println!",
        "print!",
        "eprintln!",
        "eprint!",
        "dbg!",
        "process::exit",
        "process::abort",
        "env::var",
        "env::var_os",
        "env::vars",
        "env::vars_os",
        "env::home_dir",
        "env::set_var",
    ];
    none(
        "libraries do not print, exit or read the environment",
        places(&libraries(), |line| {
            words.iter().any(|word| line.contains(word))
        }),
    );
}

#[test]
fn exposed_names_are_never_split() {
    let ways = [
        "split(",
        "split_once(",
        "rsplit(",
        "rsplit_once(",
        "splitn(",
        "rsplitn(",
        "find(",
        "rfind(",
        "split_terminator(",
    ];
    let splits = |line: &str| {
        ways.iter().any(|way| {
            line.contains(&format!("{way}\"__\"")) || line.contains(&format!("{way}SEPARATOR"))
        })
    };
    let mut files = production();
    // There `__` parts the names of environment variables, which are ours.
    files.retain(|file| file.path != "config/src/read.rs");
    none(
        "exposed tool names are looked up, never split",
        places(&files, splits),
    );
}

#[test]
fn doubt_in_permission_is_never_an_allow() {
    let files: Vec<Source> = sources("hub/src")
        .into_iter()
        .filter(|file| file.path.starts_with("hub/src/permission"))
        .collect();
    assert!(!files.is_empty(), "there is a gate");
    let allows = |line: &str| {
        let line = line.replace(' ', "");
        line.contains("_=>Allow")
            || line.contains("_=>Decision::Allow")
            || line.contains("Err(_)=>Decision::Allow")
            || line.contains("unwrap_or(Decision::Allow")
            || line.contains("unwrap_or_default")
    };
    none(
        "any doubt in permission is an Ask or a Deny",
        places(&files, allows),
    );
    none(
        "the gate is pure",
        places(&files, |line| {
            ["async", "await", "Mutex", "unwrap"]
                .iter()
                .any(|word| has_word(line, word))
        }),
    );
}

#[test]
fn every_bound_lives_in_limits() {
    let mut files = production();
    files.retain(|file| !FREE.iter().any(|(folder, _)| file.path.starts_with(folder)));
    let is_bound = |line: &str| {
        let Some(rest) = line.split("const ").nth(1) else {
            return false;
        };
        let (name, kind) = rest.split_once(':').unwrap_or((rest, ""));
        let kind = kind.split('=').next().unwrap_or_default().trim();
        let number = [
            "usize", "u8", "u16", "u32", "u64", "i64", "f32", "f64", "Duration",
        ]
        .contains(&kind)
            || kind.ends_with("::Duration");
        let says = [
            "_MAX", "MAX_", "_LIMIT", "LIMIT_", "TIMEOUT", "_MS", "_SECONDS",
        ]
        .iter()
        .any(|word| name.contains(word));
        number && says
    };
    none(
        "every bound lives in config/src/limits.rs, with its reason",
        places(&files, is_bound),
    );

    let limits = fs::read_to_string(root().join("config/src/limits.rs")).expect("there are limits");
    let lines: Vec<&str> = limits.lines().map(str::trim).collect();
    for (number, line) in lines.iter().enumerate() {
        let field = line.starts_with("pub ") && line.contains(": ") && line.ends_with(',');
        assert!(
            !field || lines[number - 1].starts_with("///"),
            "a bound without its reason: {line}"
        );
    }
}

#[test]
fn every_file_says_why_it_is_there_and_stays_short() {
    let mut files = production();
    files.extend(sources("tests/src"));
    files.extend(sources("tests/e2e"));
    files.retain(|file| !file.path.ends_with("/tests.rs"));
    let silent = |file: &&Source| {
        let first = file.text.lines().next().unwrap_or_default();
        first
            .strip_prefix("//!")
            .is_none_or(|words| words.trim().len() < 20)
    };
    let silent = files.iter().filter(silent).map(|file| file.path.clone());
    none(
        "every file opens with a module doc that says why",
        silent.collect(),
    );
    let long: Vec<String> = files
        .iter()
        .map(|file| {
            (
                file.code.last().map_or(0, |(number, _)| *number),
                &file.path,
            )
        })
        .filter(|(lines, _)| *lines > LINES_MAX)
        .map(|(lines, path)| format!("{path}: {lines} lines"))
        .collect();
    none("a production file has at most 500 lines", long);
}

#[test]
fn no_test_file_is_forgotten() {
    let folder = root().join("tests/e2e");
    let main =
        fs::read_to_string(folder.join("main.rs")).expect("the end-to-end tests have a main file");
    for entry in fs::read_dir(&folder)
        .expect("the folder is there")
        .flatten()
    {
        let path = entry.path();
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
            .to_owned();
        let is_module =
            path.is_dir() || path.extension().is_some_and(|extension| extension == "rs");
        if is_module && name != "main" {
            assert!(
                main.contains(&format!("mod {name};")),
                "`{}` is not part of the tests",
                path.display()
            );
        }
    }
}

#[test]
fn the_tree_holds_only_what_the_design_names() {
    let allowed = [
        "Cargo.toml",
        "Cargo.lock",
        "README.md",
        "LICENSE",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "deny.toml",
        "clippy.toml",
        "rustfmt.toml",
        "rust-toolchain.toml",
        "config",
        "registry",
        "connectors",
        "hub",
        "tests",
        "target",
    ];
    for entry in fs::read_dir(root())
        .expect("the workspace is readable")
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(
            name.starts_with('.') || allowed.contains(&name.as_str()),
            "`{name}` does not belong at the top level"
        );
    }
}
