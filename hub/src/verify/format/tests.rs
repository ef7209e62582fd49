//! Contents that are what their path says, contents that are not, and contents of which nobody should complain.

use super::*;

#[test]
fn a_fault_is_named_with_its_place() {
    let rows = [
        (
            "a.json",
            "{\n  \"a\": 1\n  \"b\": 2\n}",
            "it is not valid JSON: line 3, column 3: expected `,` or `}`",
        ),
        (
            "deep/a.JSON",
            "{\"a\": 1",
            "it is not valid JSON: line 1, column 7: EOF while parsing an object",
        ),
        (
            "a.json",
            "// no\n{}",
            "it is not valid JSON: line 1, column 1: expected value",
        ),
        (
            "tsconfig.json",
            "{\"a\" 1}",
            "it is not valid JSON with comments: line 1, column 6",
        ),
        (
            "Cargo.toml",
            "[a]\nb = \n",
            "it is not valid TOML: line 2, column 5",
        ),
        (
            "c.toml",
            "a = 1\na = 2\n",
            "it is not valid TOML: line 2, column 1: duplicate key",
        ),
        ("w.yml", "a: 1\n b: 2\n", "it is not valid YAML: line 2"),
        ("w.yaml", "a: [1, 2\nb: 3\n", "it is not valid YAML: line 2"),
        (
            "p.xml",
            "<a>\n <b></c>\n</a>",
            "it is not valid XML: line 2, column 5",
        ),
        (
            "p.svg",
            "<svg>\n <g>\n</svg>",
            "it is not valid XML: line 3",
        ),
        (
            "p.xml",
            "<a><b/>",
            "it is not valid XML: line 1, column 1: `<a>` is not closed",
        ),
        (
            "p.xml",
            "hello",
            "it is not valid XML: line 1, column 1: it has no element",
        ),
    ];
    for (path, content, wanted) in rows {
        let found = fault(path, content)
            .map(|fault| fault.to_string())
            .unwrap_or_default();
        assert!(found.starts_with(wanted), "{path}: {found}");
    }
}

#[test]
fn nobody_complains_of_what_was_meant() {
    let rows = [
        ("a.json", "{\"a\": [1, 2.5e3, null, \"\\u00e9\"]}\n"),
        ("a.json", "\u{feff}{}"),
        ("a.json", ""),
        ("a.json", "  \n"),
        ("a.json", "42"),
        ("a.json.tmpl", "{ not json"),
        ("a.json", "{\"name\": {{ name | tojson }}}"),
        ("log.jsonl", "{}\n{}\n"),
        ("notes.txt", "{ not json"),
        ("README", "{"),
        ("tsconfig.json", "{\n  // strict\n  \"strict\": true,\n}"),
        (".vscode/settings.json", "{ /* x */ \"a\": 1, }"),
        ("x.jsonc", "[1, 2,]"),
        (
            "Cargo.toml",
            "[package]\nname = \"x\"\n[dependencies]\nserde = { version = \"1\", features = [\"derive\"] }\n",
        ),
        (
            "c.yaml",
            "a: &x\n  b: [1, 2]\nc: *x\n---\n- !tag d\n- |\n  text: : :\n",
        ),
        (
            "compose.yml",
            "services:\n  web:\n    image: \"nginx:1\"\n    ports: [\"80:80\"]\n",
        ),
        ("chart.yaml", "a: {{ .Values.a }}\n"),
        (
            ".github/workflows/ci.yml",
            "on: push\njobs:\n  a:\n    if: ${{ github.ref == 'x' }}\n",
        ),
        (
            "p.xml",
            "<?xml version=\"1.0\"?>\n<!DOCTYPE a>\n<a x=\"1\">t &amp; u<!-- c --><![CDATA[<]]><b/></a>\n",
        ),
        (
            "p.svg",
            "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:x=\"y\"><x:g/></svg>",
        ),
    ];
    for (path, content) in rows {
        assert_eq!(fault(path, content), None, "{path}: {content}");
    }
    let deep = format!("{}{}", "[".repeat(400), "]".repeat(400));
    assert_eq!(fault("deep.json", &deep), None);
}

#[test]
fn a_format_s_corners_are_no_faults() {
    let rows = [
        (
            "a.json",
            "{\"n\": 1e999, \"big\": 123456789012345678901234567890}",
        ),
        ("a.json", "\"\\ud800\""),
        ("a.json", "{\"a\": 1}\r\n"),
        ("a.json", "{\"a\": 1, \"a\": 2}"),
        ("appsettings.Development.json", "{ // here\n \"a\": 1 }"),
        ("a.ndjson", "{}\n{}"),
        (
            "d.toml",
            "at = 1979-05-27T07:32:00Z\nday = 1979-05-27\nt = 07:32:00\n",
        ),
        ("d.toml", "\u{feff}a = 1\r\n[[b]]\r\nc.d = 0x1F\r\n"),
        ("d.toml", "a = [\n  1,\n]\nf = inf\ns = \"\"\"x\"\"\"\n"),
        ("y.yaml", "%YAML 1.2\n---\na: 1\n...\n---\nb: 2\n"),
        ("y.yaml", "base: &b {x: 1}\nc:\n  <<: *b\n  y: 2\n"),
        ("y.yaml", "a: !Ref B\nb: !Sub \"${A}\"\nc: !!binary aGk=\n"),
        (
            "y.yaml",
            "- a\n-   b: 1\n    c: 2\n- \"quoted: #\"\n- 'it''s'\n",
        ),
        ("y.yaml", "k: >-\n  folded\n  text\n\nl: |+\n  kept\n\n"),
        ("y.yaml", "? complex\n: value\nempty:\ntilde: ~\n"),
        ("y.yml", "a: 1\r\nb:\r\n  - 2\r\n"),
        ("y.yml", "# only a comment\n"),
        ("y.yml", "just a text\n"),
        ("y.yml", "on:\n  push:\n    branches: ['**']\n"),
        ("x.xml", "<a>&nbsp;&#160;</a>"),
        ("x.xml", "<a/><b/>"),
        (
            "x.xml",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<!-- c -->\r\n<a b='1'/>\r\n",
        ),
        (
            "x.xml",
            "<!DOCTYPE a [<!ENTITY e \"v\"><!ELEMENT a (#PCDATA)>]><a>&e;</a>",
        ),
        ("x.plist", "\u{feff}<plist version=\"1.0\"><dict/></plist>"),
    ];
    let refused: Vec<_> = rows
        .iter()
        .filter_map(|(path, content)| Some((path, content, fault(path, content)?.to_string())))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn a_path_names_its_format() {
    for (path, format) in [
        ("a/b.c/d.json", Some(Format::Json)),
        ("C:\\x\\y.toml", Some(Format::Toml)),
        ("file:///x/y.yml?raw#L1", Some(Format::Yaml)),
        ("json", None),
        (".json", Some(Format::Json)),
        ("a.json/", None),
        ("a.lock", None),
    ] {
        assert_eq!(Format::of_path(path), format, "{path}");
    }
}

#[cfg(feature = "source-check")]
#[test]
fn source_is_held_against_its_grammar() {
    let good = [
        (
            "a.rs",
            "fn main() { if let Some(x) = y && x > 1 { println!(\"{{}}\"); } }\n",
        ),
        (
            "a.py",
            "def f(x: int) -> str:\n    match x:\n        case 1:\n            return f\"{x}\"\n",
        ),
        (
            "a.js",
            "export const f = async (x) => ({ ...x, y: x?.z ?? 1 });\n",
        ),
        ("a.jsx", "const A = () => <b>{1}</b>;\n"),
        (
            "a.ts",
            "type A<T> = T extends string ? 1 : 2;\nconst x = { a: 1 } satisfies { a: number };\n",
        ),
        ("a.tsx", "const A = (p: { x: number }) => <b>{p.x}</b>;\n"),
        ("a.go", "package main\n\nfunc Map[T any](x []T) {}\n"),
        (
            "a.sh",
            "#!/bin/bash\nset -euo pipefail\nfor x in \"$@\"; do echo \"${x%%.*}\"; done\n",
        ),
    ];
    for (path, content) in good {
        assert_eq!(fault(path, content), None, "{path}");
    }
    let bad = [
        (
            "a.rs",
            "fn main() {\n    let x = ;\n}\n",
            "it is not valid Rust: line 2",
        ),
        ("a.rs", "fn main() {\n    f(1);\n", "it is not valid Rust"),
        (
            "a.py",
            "def f(:\n    return 1\n",
            "it is not valid Python: line 1",
        ),
        (
            "a.js",
            "function f( { return 1; \n",
            "it is not valid JavaScript: line 1",
        ),
        (
            "a.ts",
            "const x: = 1;\n",
            "it is not valid TypeScript: line 1",
        ),
        (
            "a.go",
            "package main\n\nfunc f( {}\n",
            "it is not valid Go: line 3",
        ),
        (
            "a.sh",
            "if true; then\n  echo 'x\nfi\n",
            "it is not valid Bash",
        ),
    ];
    for (path, content, wanted) in bad {
        let found = fault(path, content)
            .map(|fault| fault.to_string())
            .unwrap_or_default();
        assert!(found.starts_with(wanted), "{path}: {found}");
    }
}
