//! Types as people write them, from real files in a folder of the test's own.

use super::*;
use crate::{Loaded, Sources, load};

struct Folder(tempfile::TempDir);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Folder {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            crate::write_atomically(&folder.path().join(name), text).unwrap();
        }
        Folder(folder)
    }

    fn sources(&self) -> Sources {
        Sources {
            user_file: Some(self.0.path().join("config.toml")),
            agents_folder: Some(self.0.path().join("agents")),
            project_file: Some(self.0.path().join("project.toml")),
            ..Sources::default()
        }
    }

    fn load(&self) -> Loaded {
        load(&self.sources()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Every mistake on a line of its own, folders cut away.
    fn mistakes(&self) -> String {
        let error = load(&self.sources()).expect_err("a mistake was expected");
        let folder = format!("{}/", self.0.path().display());
        let lines: Vec<String> = error
            .problems()
            .iter()
            .map(|problem| problem.to_string().replace(&folder, ""))
            .collect();
        lines.join("\n")
    }
}

#[test]
fn the_built_in_types_are_what_they_are_said_to_be() {
    let config = Config::default();
    let names: Vec<&str> = config.agents.keys().map(String::as_str).collect();
    assert_eq!(names, ["explore", "general", "guide", "plan", "verify"]);
    for (name, agent) in &config.agents {
        assert_eq!(agent.only_reads(), name != "general", "{name}");
        assert_eq!(agent.has(OwnTool::Delegate), name == "general", "{name}");
        assert_eq!(agent.has(OwnTool::Docs), name == "guide", "{name}");
    }
    let explore = &config.agents["explore"];
    let steps = |one| explore.steps_max(one).unwrap();
    assert!(steps(Some(Thoroughness::Quick)) < steps(Some(Thoroughness::Medium)));
    assert!(steps(Some(Thoroughness::Medium)) < steps(Some(Thoroughness::Thorough)));
    assert_eq!(steps(None), steps(Some(Thoroughness::Medium)));
    assert!(
        explore
            .words(Some(Thoroughness::Quick))
            .contains("Be quick")
    );
    assert!(!explore.words(None).contains("Be quick"));
    assert_eq!(config.agent_near("exlpore"), Some("explore"));
    assert_eq!(config.agent_near("zzzz"), None);
}

#[test]
fn a_type_of_ones_own_in_toml_and_a_built_in_one_changed() {
    let folder = Folder::with(&[(
        "config.toml",
        "[agents.logs]\ndescription = \"reads logs\"\nprompt = \"Read.\"\neffects = \"read-only\"\nallow = [\"workspace__*\"]\n\
         approver = \"coordinator\"\nown = []\n[agents.explore]\nsteps_max = 3\n",
    )]);
    let config = folder.load().config;
    let logs = &config.agents["logs"];
    assert!(logs.only_reads() && logs.own.is_empty());
    assert_eq!(logs.approver, AgentApprover::Coordinator);
    assert_eq!(config.agents["explore"].steps_max, Some(3));
    assert!(config.agents["explore"].only_reads());
}

#[test]
fn a_type_as_markdown_in_both_kinds_of_front_matter() {
    let folder = Folder::with(&[
        (
            "agents/logs.md",
            "---\ndescription: Reads logs: all of them\neffects: read-only\nallow: [workspace__*, \"git__log\"]\ndeny:\n  - server:web\n  - '*secret*'\nsteps-max: 7\nwindow_share: 0.5\n---\n\nYou read logs.\n\n--- is no fence here\n",
        ),
        (
            "agents/other.md",
            "+++\nname = \"fixer\"\ndescription = \"Fixes\"\n[thoroughness.quick]\nsteps_max = 2\n+++\nFix it.",
        ),
        ("agents/notes.txt", "no type"),
    ]);
    let config = folder.load().config;
    let logs = &config.agents["logs"];
    assert_eq!(logs.description, "Reads logs: all of them");
    assert_eq!(logs.effects, Some(Effect::ReadOnly));
    assert_eq!(logs.allow.len() + logs.deny.len(), 4);
    assert_eq!((logs.steps_max, logs.window_share), (Some(7), 0.5));
    assert_eq!(logs.prompt, "You read logs.\n\n--- is no fence here");
    assert_eq!(
        config.agents["fixer"].steps_max(Some(Thoroughness::Quick)),
        Some(2)
    );
    assert!(!config.agents.contains_key("other"));
}

#[test]
fn mistakes_name_file_and_line() {
    let rows = [
        (
            "no front",
            "agents/a.md:1:1: an agent type begins with front matter between two lines `---` or `+++`",
        ),
        (
            "---\ndescription: x\n",
            "agents/a.md:1:1: an agent type begins with front matter between two lines `---` or `+++`",
        ),
        (
            "---\ndescription: x\n---\n",
            "agents/a.md:4:1: agent type `a` has no `prompt`",
        ),
        (
            "---\neffects: read-only\n---\nx",
            "agents/a.md: agent type `a` has no `description`",
        ),
        (
            "---\ndescription: x\neffects: nothing\n---\nx",
            "agents/a.md:3:1: `agents.a.effects` must be one of `read-only`, `idempotent`, `mutating`, `destructive`, found `nothing`",
        ),
        (
            "---\ndescription: x\ntools: Read\n---\nx",
            "agents/a.md:3:1: unknown key `tools` in `agents.a`",
        ),
        (
            "---\ndescription: x\n  - y\n---\nx",
            "agents/a.md:3:1: `- y` is an item of no list",
        ),
        (
            "---\ndescription: |\n  y\n---\nx",
            "agents/a.md:2:1: `|` is not understood here; write the front matter as TOML between `+++` for more\nagents/a.md:3:1: `y` is not `key: value`; write the front matter as TOML between `+++` for more",
        ),
        (
            "---\ndescription: x\ndescription: y\n---\nx",
            "agents/a.md:3:1: `description` stands here twice",
        ),
        (
            "---\ndescription: x\nprompt: y\n---\nx",
            "agents/a.md:3:1: the prompt is the text below the front matter, and stands in it as well",
        ),
        (
            "+++\ndescription = \"x\"\nmode = \"yolo\"\n+++\nx",
            "agents/a.md:3:8: `agents.a.mode` must be one of `plan`, `ask`, `auto`, found `yolo`",
        ),
        (
            "+++\ndescription = \n+++\nx",
            "agents/a.md:2:15: not TOML: ",
        ),
        (
            "---\ndescription: x\ndeny: [\"effect:no\"]\n---\nx",
            "agents/a.md:3:1: `agents.a.deny[0]`: `no` is not an effect",
        ),
        (
            "---\nname: a b\ndescription: x\n---\nx",
            "agents/a.md: `a b` is not a name for `agents`",
        ),
    ];
    for (text, wanted) in rows {
        let said = Folder::with(&[("agents/a.md", text)]).mistakes();
        assert!(
            said.starts_with(wanted),
            "{text}\nsaid   {said}\nwanted {wanted}"
        );
    }
    let twice = Folder::with(&[
        (
            "config.toml",
            "[agents.a]\ndescription = \"x\"\nprompt = \"y\"\n",
        ),
        ("agents/a.md", "---\ndescription: x\n---\nx"),
    ]);
    assert_eq!(
        twice.mistakes(),
        "agents/a.md: agent type `a` is also written at config.toml:2:1"
    );
}

#[test]
fn a_project_adds_and_widens_nothing() {
    let folder = Folder::with(&[(
        "project.toml",
        "[agents.own]\ndescription = \"x\"\nprompt = \"y\"\n[agents.explore]\neffects = \"destructive\"\n[delegate]\ntotal_max = 1000\n",
    )]);
    let loaded = folder.load();
    let default = Config::default();
    assert_eq!(loaded.config.agents, default.agents);
    assert_eq!(loaded.config.delegate, default.delegate);
    for key in ["agents.own", "agents.explore", "delegate.total_max"] {
        assert!(
            loaded
                .warnings
                .iter()
                .any(|said| said.contains(&format!("`{key}` is left out"))),
            "{key}: {:?}",
            loaded.warnings
        );
    }
}
