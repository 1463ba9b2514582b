//! No circle between files, as far as paths show one; methods are not followed: each file can be read with only the files that it uses in mind.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A file, as the path of its module; the root of a crate is empty.
type Module = Vec<String>;

/// Where the code of each crate is.
const CRATES: [&str; 16] = [
    "values/src",
    "proto/src",
    "control/src",
    "service/src",
    "daemon/src",
    "daemon/engine/src",
    "daemon/secure/src",
    "daemon/store/src",
    "ctl/src",
    "probe/src",
    "room/src",
    "tui/src",
    "web/src",
    "doubles/src",
    "seeds/src",
    "fuzz/src",
];

#[test]
fn no_file_uses_one_that_uses_it() {
    for folder in CRATES {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut files = BTreeMap::new();
        collect(&root, &root, &mut files);
        let modules: BTreeSet<Module> = files.keys().cloned().collect();
        let mut uses: BTreeMap<_, _> =
            files.iter().map(|(module, code)| (module.clone(), used(module, code, &modules))).collect();
        // Files that use none that is left are in no circle.
        loop {
            let before = uses.len();
            let left: BTreeSet<Module> = uses.keys().cloned().collect();
            uses.retain(|_, used| used.iter().any(|module| left.contains(module)));
            if uses.len() == before {
                break;
            }
        }
        let named = |module: &Module| format!("crate::{}", module.join("::"));
        let circle: Vec<_> = uses
            .iter()
            .map(|(module, used)| {
                let used = used.iter().filter(|module| uses.contains_key(*module));
                format!("{} uses {}", named(module), used.map(named).collect::<Vec<_>>().join(", "))
            })
            .collect();
        assert!(circle.is_empty(), "{folder} has a circle:\n{}", circle.join("\n"));
    }
}

#[test]
fn a_circle_would_be_seen() {
    let modules = [vec![], vec!["a".to_owned()], vec!["a".to_owned(), "b".to_owned()]];
    let [root, a, b] = modules.clone();
    let modules = BTreeSet::from(modules);
    for (module, code, expected) in [
        (&a, "use crate::{Engine, a};", vec![&root]),
        (&a, "pub use b::{C, D};", vec![&b]),
        (&a, "fn f() { b::g() }", vec![&b]),
        (&a, "mod b;\nuse std::a::b::C; // crate::x", vec![]),
        (&b, "use super::*;", vec![&a]),
        (&b, "pub(super) fn f() {}", vec![]),
        (&b, "use super::super::E;", vec![&root]),
        (&root, "use crate::a::{F, b::{self, G}};", vec![&a, &b]),
    ] {
        assert_eq!(
            used(module, &uncommented(code), &modules),
            expected.into_iter().cloned().collect(),
            "{code}"
        );
    }
}

/// All files below a folder but those of tests.
fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if path.is_dir() {
            collect(root, &path, files);
        } else if name != "tests" && !path.parent().unwrap().ends_with("tests") {
            let inner = path.strip_prefix(root).unwrap().with_extension("");
            let mut module: Module = inner.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
            module.retain(|part| part != "lib");
            files.insert(module, uncommented(&fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The code before its tests, without comments.
fn uncommented(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The files that a file's paths lead to: through `crate`, `super`, and its own modules.
fn used(module: &Module, code: &str, modules: &BTreeSet<Module>) -> BTreeSet<Module> {
    let mut paths = Vec::new();
    let mut prefixes: Vec<Vec<String>> = vec![Vec::new()];
    let mut path: Vec<String> = Vec::new();
    let mut spaced = String::new();
    // Who may see an item says nothing of what it uses.
    for sign in code.replace("pub(super)", "pub").replace("pub(crate)", "pub").chars() {
        if is_of_word(sign) || sign == ':' { spaced.push(sign) } else { spaced.extend([' ', sign, ' ']) }
    }
    let spaced = spaced.replace("::", " :: ");
    let mut after_colons = false;
    for token in spaced.split_whitespace() {
        match token {
            "::" => after_colons = true,
            "{" => {
                // In a `use` the path before the brace begins each path within; a block has no such beginning.
                prefixes.push(if after_colons { std::mem::take(&mut path) } else { Vec::new() });
                after_colons = false;
            }
            word if word.chars().all(is_of_word) && after_colons => {
                path.push(word.to_owned());
                after_colons = false;
            }
            word => {
                paths.push(std::mem::take(&mut path));
                after_colons = false;
                if word == "}" {
                    prefixes.pop();
                } else if word.chars().all(is_of_word) {
                    path = prefixes.last().cloned().unwrap_or_default();
                    path.push(word.to_owned());
                }
            }
        }
    }
    paths.iter().filter_map(|path| target(module, path, modules)).filter(|target| target != module).collect()
}

fn is_of_word(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '_'
}

/// The file that a path leads to: the longest part of it that is one.
fn target(module: &Module, path: &[String], modules: &BTreeSet<Module>) -> Option<Module> {
    let up = path.iter().take_while(|word| *word == "super").count();
    let (start, rest) = match path.first().map(String::as_str)? {
        "crate" => (&[][..], &path[1..]),
        "super" => (&module[..module.len().checked_sub(up)?], &path[up..]),
        _ if path.len() > 1 && modules.contains(&[module, &path[..1]].concat()) => (&module[..], path),
        _ => return None,
    };
    let whole = [start, rest].concat();
    (start.len()..=whole.len()).rev().map(|end| whole[..end].to_vec()).find(|part| modules.contains(part))
}
