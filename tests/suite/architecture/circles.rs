// SPDX-License-Identifier: EUPL-1.2
//! Inside a room no files use each other in a circle, and a name is imported from where it is at home.
//!
//! A file may use the module file of a folder that it stands in: that one holds what the folder shares.

use std::collections::{BTreeMap, BTreeSet};

use super::code::{Import, bare, imports, is_name, paths};

/// Circles that stand until somebody opens them. A file may leave its circle, none may come in, and a circle that is
/// open is taken off this list.
const OPEN_LATER: &[&[&str]] = &[];

#[test]
fn no_files_of_a_room_use_each_other_in_a_circle() {
    let code = Code::read(&super::sources(super::root()));
    let circles = code.circles();
    let closed = |circle: &&BTreeSet<String>| {
        !OPEN_LATER.iter().any(|known| circle.iter().all(|file| known.contains(&file.as_str())))
    };
    let new: Vec<_> = circles.iter().filter(closed).map(|circle| code.drawn(circle)).collect();
    assert!(new.is_empty(), "files in a circle:\n{}", new.join("\n"));
    let stands =
        |known: &&&[&str]| circles.iter().any(|circle| circle.iter().all(|file| known.contains(&file.as_str())));
    let open: Vec<_> = OPEN_LATER.iter().filter(|known| !stands(known)).collect();
    assert!(open.is_empty(), "no circle any more, take it off the list: {open:?}");
}

#[test]
fn names_are_imported_from_where_they_are_at_home() {
    let borrowed = Code::read(&super::sources(super::root())).borrowed();
    assert!(borrowed.is_empty(), "\n{}", borrowed.join("\n"));
}

#[test]
fn a_circle_is_seen_however_it_is_written() {
    let circle = |one: &str, two: &str| {
        let files = [("mail/mod.rs", "pub use a::A;\nuse std::fmt;"), ("mail/a.rs", one), ("mail/b.rs", two)];
        let code = Code::read(&files.map(|(file, text)| (file.to_owned(), text.to_owned())).into());
        (code.circles().len(), code.borrowed().len())
    };
    for one in [
        "use super::b::B;",
        "use crate::mail::b::{self, B};",
        "pub use super::{b::{B, C}, D};",
        "fn f() { super::b::f() }",
        "fn f() -> crate::mail::b::B { B }",
        "use crate::mail::b as other;",
        "use super::b::*;",
    ] {
        for two in ["use super::A;", "use crate::mail::A;", "fn f(a: super::a::A) {}"] {
            assert_eq!(circle(one, two), (1, 0), "{one} {two}");
        }
        assert_eq!(circle(one, "use super::Mail;"), (0, 0), "{one}");
        assert_eq!(circle(one, "// use super::A;\n#[cfg(test)]\nmod tests {\n    use super::super::A;\n}"), (0, 0));
    }
    assert_eq!(circle("use super::{fmt, Mail};", ""), (0, 1));
    assert_eq!(circle("use std::fmt;", "use super::a::fmt;"), (0, 1));
    assert_eq!(circle("use std::fmt as _;\npub struct fmt;", "use super::a::fmt;"), (0, 0));
}

/// What each file of the sources uses and offers.
struct Code {
    /// By module, such as `listen::smtp`.
    modules: BTreeMap<String, Module>,
}

#[derive(Default)]
struct Module {
    /// Path below `src`.
    file: String,
    /// What it imports for itself.
    imports: Vec<Import>,
    /// Names it hands on, to where it has them from.
    offers: BTreeMap<String, String>,
    /// Other paths in its code.
    mentions: Vec<String>,
}

impl Code {
    fn read(sources: &BTreeMap<String, String>) -> Code {
        let mut modules = BTreeMap::new();
        for (file, text) in sources.iter().filter(|(file, _)| *file != "main.rs" && *file != "lib.rs") {
            let name = file.trim_end_matches(".rs").trim_end_matches("/mod").replace('/', "::");
            modules.insert(name, Module::read(file, text));
        }
        Code { modules }
    }

    /// The module that `path`, written in module `from`, leads to, and what is left of the path there.
    fn target(&self, path: &str, from: &str) -> Option<(&str, String)> {
        let (mut names, mut whole): (Vec<&str>, Vec<&str>) = (path.split("::").collect(), from.split("::").collect());
        match names[0] {
            "crate" => whole.clear(),
            "self" => {}
            "super" => {
                whole.pop();
            }
            child if self.modules.contains_key(&format!("{from}::{child}")) => whole.push(child),
            _ => return None,
        }
        names.remove(0);
        while names.first() == Some(&"super") {
            whole.pop();
            names.remove(0);
        }
        whole.extend(names.iter().filter(|name| **name != "self"));
        (1..=whole.len()).rev().find_map(|length| {
            let (module, _) = self.modules.get_key_value(&whole[..length].join("::"))?;
            Some((module.as_str(), whole[length..].join("::")))
        })
    }

    /// The same, but what a module hands on is followed to where it has it from.
    fn home(&self, path: &str, from: &str) -> Option<&str> {
        let (mut module, mut rest) = self.target(path, from)?;
        // A name is handed on twice at most: by a folder, and by the folder around it.
        for _ in 0..4 {
            let name = rest.split("::").next().unwrap_or_default();
            let Some(source) = self.modules[module].offers.get(name) else { return Some(module) };
            (module, rest) = self.target(source, module)?;
        }
        Some(module)
    }

    /// The files of the same room that a module uses, those above it in its own folders apart.
    fn uses(&self, module: &str) -> BTreeSet<&str> {
        let this = &self.modules[module];
        // What the file of a folder hands on is its members', and no use of them.
        let folder = format!("{module}::");
        let front = self.modules.keys().any(|name| name.starts_with(&folder));
        let offers = this.offers.values().filter(|_| !front);
        let paths = this.imports.iter().map(|import| &import.path).chain(offers).chain(&this.mentions);
        let room = |name: &str| name.split("::").next().unwrap_or_default().to_owned();
        paths
            .filter_map(|path| self.home(path, module))
            .filter(|used| *used != module && room(used) == room(module) && !module.starts_with(&format!("{used}::")))
            .collect()
    }

    /// The files of each circle.
    fn circles(&self) -> Vec<BTreeSet<String>> {
        let direct: BTreeMap<&str, BTreeSet<&str>> =
            self.modules.keys().map(|module| (module.as_str(), self.uses(module))).collect();
        let reached: BTreeMap<&str, BTreeSet<&str>> =
            direct.keys().map(|module| (*module, reachable(module, &direct))).collect();
        let mut circles: Vec<BTreeSet<String>> = Vec::new();
        for module in direct.keys().filter(|module| reached[*module].contains(*module)) {
            let mutual = reached[module].iter().filter(|other| reached[*other].contains(module));
            let circle = mutual.map(|other| self.modules[*other].file.clone()).collect();
            if !circles.contains(&circle) {
                circles.push(circle);
            }
        }
        circles
    }

    /// A circle as a line for each of its arrows.
    fn drawn(&self, circle: &BTreeSet<String>) -> String {
        let mut arrows = Vec::new();
        for (module, this) in self.modules.iter().filter(|(_, this)| circle.contains(&this.file)) {
            for used in self.uses(module).iter().map(|used| &self.modules[*used].file).filter(|f| circle.contains(*f)) {
                arrows.push(format!("src/{} uses src/{used}", this.file));
            }
        }
        arrows.join("\n") + "\n"
    }

    /// Imports from a module that itself only imports the name.
    fn borrowed(&self) -> Vec<String> {
        let mut borrowed = Vec::new();
        for (module, this) in &self.modules {
            for path in this.imports.iter().map(|import| &import.path).chain(this.offers.values()) {
                let Some((from, rest)) = self.target(path, module) else { continue };
                let name = rest.split("::").next().unwrap_or_default();
                let there = &self.modules[from];
                let imported = there.imports.iter().any(|import| import.name == name);
                if from != module && imported && !there.offers.contains_key(name) {
                    borrowed.push(format!("src/{}: `{name}` is not at home in src/{}", this.file, there.file));
                }
            }
        }
        borrowed
    }
}

impl Module {
    fn read(file: &str, text: &str) -> Module {
        let code = bare(text);
        let code = code.find("#[cfg(test)]\nmod ").map_or(code.as_str(), |tests| &code[..tests]);
        let (mut module, mut rest) = (Module { file: file.to_owned(), ..Module::default() }, String::new());
        let mut at = 0;
        while let Some(start) = code[at..].find("use ").map(|found| at + found) {
            let statement = &code[start..];
            let end = statement.find(';').unwrap_or(statement.len());
            rest.push_str(&code[at..start]);
            if code[..start].ends_with(is_name) {
                rest.push_str("use ");
                at = start + 4;
                continue;
            }
            let before = code[..start].trim_end();
            let public = before.ends_with("pub") || before.ends_with(')');
            for import in imports(&statement[4..end]) {
                match public {
                    true => {
                        module.offers.insert(import.name, import.path);
                    }
                    false => module.imports.push(import),
                }
            }
            at = start + end;
        }
        rest.push_str(&code[at..]);
        module.mentions = paths(&rest).into_iter().map(|(_, path)| path).filter(|path| path.contains("::")).collect();
        module
    }
}

/// Everything that can be come to from `start`, itself only where a way leads back.
fn reachable<'a>(start: &'a str, direct: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<&'a str> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![start]);
    while let Some(module) = next.pop() {
        for used in &direct[module] {
            if reached.insert(*used) {
                next.push(used);
            }
        }
    }
    reached
}
