//! Walks what the parser read: every simple command is judged alone, and what is not followed is a doubt.

use std::path::Path;

use brush_parser::ast::{
    AndOr, AndOrList, Command, CommandPrefixOrSuffixItem as Item, CompoundCommand, CompoundList,
    IoFileRedirectKind, IoFileRedirectTarget, IoRedirect, Pipeline, Program, RedirectList,
    SeparatorOperator, SimpleCommand,
};
use toolpool_config::fixed::SHELL_PARTS_MAX;

use super::word::{self, Plain};
use super::{Doubt, Gate, path, programs, ruin};

/// Everything that speaks against a program.
pub(super) fn check(program: &Program, folder: &Path) -> Vec<Doubt> {
    let mut walk = Walk {
        folder,
        doubts: Vec::new(),
        parts: 0,
        moved: false,
        git: false,
    };
    program
        .complete_commands
        .iter()
        .for_each(|list| walk.list(list));
    // Only a comment: nothing runs, and nothing was judged.
    if walk.parts == 0 {
        walk.doubt(Gate::Comment, "");
    }
    if walk.parts > SHELL_PARTS_MAX {
        walk.doubt(Gate::Parts, walk.parts.to_string());
    }
    if walk.moved && walk.git {
        walk.doubt(Gate::Repository, "cd");
    }
    walk.doubts
}

struct Walk<'a> {
    folder: &'a Path,
    doubts: Vec<Doubt>,
    parts: usize,
    /// Whether the working folder changes on the way.
    moved: bool,
    /// Whether git is among the programs.
    git: bool,
}

impl Walk<'_> {
    fn doubt(&mut self, gate: Gate, what: impl Into<String>) {
        self.doubts.push(Doubt::new(gate, what));
    }

    fn list(&mut self, list: &CompoundList) {
        for item in &list.0 {
            if matches!(item.1, SeparatorOperator::Async) {
                self.doubt(Gate::Background, "&");
            }
            self.and_or(&item.0);
        }
    }

    fn and_or(&mut self, list: &AndOrList) {
        self.pipeline(&list.first);
        for next in &list.additional {
            match next {
                AndOr::And(pipeline) | AndOr::Or(pipeline) => self.pipeline(pipeline),
            }
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline) {
        if pipeline.timed.is_some() {
            self.doubt(Gate::Compound, "time");
        }
        for command in &pipeline.seq {
            self.parts += 1;
            self.command(command);
        }
    }

    fn command(&mut self, command: &Command) {
        match command {
            Command::Simple(simple) => self.simple(simple),
            Command::Compound(compound, redirects) => {
                self.compound(compound);
                self.redirects(redirects.as_ref());
            }
            Command::Function(function) => {
                let name = word::loose(&function.fname.value);
                if ruin::starts_itself(&name, &function.body.0.to_string()) {
                    self.doubt(Gate::Bomb, name.clone());
                }
                self.doubt(Gate::Compound, name);
                self.compound(&function.body.0);
                self.redirects(function.body.1.as_ref());
            }
            Command::ExtendedTest(_, redirects) => {
                self.doubt(Gate::Compound, "[[");
                self.redirects(redirects.as_ref());
            }
        }
    }

    fn compound(&mut self, compound: &CompoundCommand) {
        match compound {
            CompoundCommand::BraceGroup(group) => self.list(&group.list),
            CompoundCommand::Subshell(subshell) => self.list(&subshell.list),
            CompoundCommand::IfClause(clause) => {
                self.list(&clause.condition);
                self.list(&clause.then);
                for other in clause.elses.iter().flatten() {
                    other.condition.iter().for_each(|list| self.list(list));
                    self.list(&other.body);
                }
            }
            CompoundCommand::Arithmetic(_) => self.doubt(Gate::Expansion, "(("),
            CompoundCommand::ArithmeticForClause(clause) => {
                self.not_followed("for", &clause.body.list)
            }
            CompoundCommand::ForClause(clause) => self.not_followed("for", &clause.body.list),
            CompoundCommand::WhileClause(clause) => {
                self.list(&clause.0);
                self.not_followed("while", &clause.1.list);
            }
            CompoundCommand::UntilClause(clause) => {
                self.list(&clause.0);
                self.not_followed("until", &clause.1.list);
            }
            CompoundCommand::CaseClause(_) => self.doubt(Gate::Compound, "case"),
            CompoundCommand::Coprocess(_) => self.doubt(Gate::Compound, "coproc"),
        }
    }

    /// Asked about as a whole; looked into all the same, for what is denied.
    fn not_followed(&mut self, what: &str, body: &CompoundList) {
        self.doubt(Gate::Compound, what);
        self.list(body);
    }

    fn redirects(&mut self, list: Option<&RedirectList>) {
        for redirect in list.into_iter().flat_map(|list| &list.0) {
            self.redirect(redirect);
        }
    }

    fn redirect(&mut self, redirect: &IoRedirect) {
        match redirect {
            IoRedirect::HereDocument(..) | IoRedirect::HereString(..) => {
                self.doubt(Gate::Document, "<<");
            }
            IoRedirect::OutputAndError(target, _) => self.write_to(&target.value),
            IoRedirect::File(_, kind, target) => match (kind, target) {
                (IoFileRedirectKind::DuplicateOutput, IoFileRedirectTarget::Fd(1 | 2)) => {}
                (IoFileRedirectKind::DuplicateOutput, IoFileRedirectTarget::Duplicate(to))
                    if to.value == "1" || to.value == "2" => {}
                (IoFileRedirectKind::Read, IoFileRedirectTarget::Filename(from)) => {
                    match word::read(&from.value) {
                        Ok(plain) if plain.glob => self.doubt(Gate::Glob, plain.raw),
                        Ok(plain) => self
                            .doubts
                            .extend(programs::path(&plain, self.folder).err()),
                        Err(doubt) => self.doubts.push(doubt),
                    }
                }
                (
                    IoFileRedirectKind::Write | IoFileRedirectKind::Append,
                    IoFileRedirectTarget::Filename(to),
                ) if to.value == "/dev/null" => {}
                (_, IoFileRedirectTarget::Filename(to) | IoFileRedirectTarget::Duplicate(to)) => {
                    self.write_to(&to.value);
                }
                (_, IoFileRedirectTarget::Fd(_)) => self.doubt(Gate::Redirection, ">&"),
                (_, IoFileRedirectTarget::ProcessSubstitution(..)) => {
                    self.doubt(Gate::Substitution, "<(");
                }
            },
        }
    }

    fn write_to(&mut self, raw: &str) {
        let loose = word::loose(raw);
        if path::is_own_settings(&loose) {
            self.doubt(Gate::Settings, raw);
        }
        if ruin::is_disk(&loose) {
            self.doubt(Gate::Ruin, raw);
        }
        self.doubt(Gate::Redirection, raw);
    }

    fn simple(&mut self, simple: &SimpleCommand) {
        let mut raw: Vec<&str> = Vec::new();
        for item in simple.prefix.iter().flat_map(|prefix| &prefix.0) {
            match item {
                Item::AssignmentWord(_, word) => self.doubt(Gate::Environment, word.value.as_str()),
                other => self.item(other, &mut raw),
            }
        }
        match &simple.word_or_name {
            Some(name) => raw.push(&name.value),
            // Redirections alone make or empty files.
            None => self.doubt(Gate::Program, ""),
        }
        for item in simple.suffix.iter().flat_map(|suffix| &suffix.0) {
            self.item(item, &mut raw);
        }
        let loose: Vec<String> = raw.iter().map(|raw| word::loose(raw)).collect();
        let words: Result<Vec<Plain>, Doubt> = raw.iter().map(|raw| word::read(raw)).collect();
        let judged = words.and_then(|words| {
            let name = words
                .first()
                .map(|word| word.text.clone())
                .unwrap_or_else(String::new);
            self.moved |= name == "cd";
            self.git |= name == "git";
            programs::check(&words, self.folder)
        });
        if let Err(doubt) = judged {
            self.doubts.extend(ruin::check(&loose));
            self.doubts.push(doubt);
        }
    }

    fn item<'a>(&mut self, item: &'a Item, raw: &mut Vec<&'a str>) {
        match item {
            Item::Word(word) | Item::AssignmentWord(_, word) => raw.push(&word.value),
            Item::IoRedirect(redirect) => self.redirect(redirect),
            Item::ProcessSubstitution(..) => self.doubt(Gate::Substitution, "<("),
        }
    }
}
