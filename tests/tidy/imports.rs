//! The imports between files, read from the source. Re-exports are followed to the definition of a name.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};
use syn::{
    Item, ItemUse, UseTree, Visibility,
    visit::{self, Visit},
};

/// A module by its path in the crate: `["http", "admin"]`.
pub type Module = Vec<String>;

/// The imports of the crate's files.
pub struct Imports {
    pub edges: BTreeMap<Module, BTreeSet<Module>>,
}

/// The names in a file.
#[derive(Default)]
struct Names {
    here: Module,
    uses: Vec<Module>,
    /// The names that it re-exports.
    passed_on: BTreeMap<String, Module>,
}

impl Imports {
    /// Reads the source files.
    pub fn read(sources: &[(PathBuf, String)]) -> Self {
        let module = |path: &Path| -> Module {
            let inside = path.strip_prefix("src").unwrap().with_extension("");
            inside.iter().map(|part| part.to_string_lossy().into_owned()).collect()
        };
        let mut named = BTreeMap::new();
        for (path, text) in sources {
            let mut names = Names { here: module(path), ..Names::default() };
            names.visit_file(&syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
            named.insert(names.here.clone(), names);
        }
        let mut edges: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
        for (here, names) in &named {
            for path in &names.uses {
                let there = definition(&named, path, 0);
                if let Some(there) = there.filter(|there| there != here) {
                    edges.entry(here.clone()).or_default().insert(there);
                }
            }
        }
        Self { edges }
    }

    /// Groups of files that import each other in a cycle. Imports between a file and its parent module do not count.
    pub fn cycles(&self) -> Vec<Vec<Module>> {
        let reaches = |from: &Module| {
            let (mut seen, mut next) = (BTreeSet::new(), vec![from.clone()]);
            while let Some(here) = next.pop() {
                let there = self.edges.get(&here).into_iter().flatten();
                for there in there.filter(|there| !there.starts_with(&here) && !here.starts_with(there)) {
                    if seen.insert(there.clone()) {
                        next.push(there.clone());
                    }
                }
            }
            seen
        };
        let reached: BTreeMap<&Module, BTreeSet<Module>> =
            self.edges.keys().map(|file| (file, reaches(file))).collect();
        let mut groups = BTreeSet::new();
        for (file, there) in &reached {
            if there.contains(*file) {
                let leads_back = |other: &&Module| reached.get(*other).is_some_and(|there| there.contains(*file));
                groups.insert(there.iter().filter(leads_back).cloned().collect::<Vec<_>>());
            }
        }
        groups.into_iter().collect()
    }
}

/// The file in which a path of the crate is defined.
fn definition(named: &BTreeMap<Module, Names>, path: &Module, depth: usize) -> Option<Module> {
    let file = (1..=path.len()).rev().map(|length| &path[..length]).find(|start| named.contains_key(*start))?;
    let rest = &path[file.len()..];
    let passed_on = rest.first().and_then(|name| named[file].passed_on.get(name));
    match passed_on.filter(|_| depth < 8) {
        Some(target) => definition(named, &[target, &rest[1..]].concat(), depth + 1),
        None => Some(file.to_vec()),
    }
}

impl Names {
    /// A path as seen from the root of the crate; `None` for one of another crate.
    fn absolute(&self, path: &[String]) -> Option<Module> {
        let mut base = self.here.clone();
        match path.first()?.as_str() {
            "crate" => return Some(path[1..].to_vec()),
            "self" => return Some([base, path[1..].to_vec()].concat()),
            "super" => {}
            _ => return None,
        }
        let ups = path.iter().take_while(|part| *part == "super").count();
        base.truncate(base.len().checked_sub(ups)?);
        Some([base, path[ups..].to_vec()].concat())
    }

    fn read_tree(&mut self, tree: &UseTree, before: &mut Vec<String>, is_public: bool) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.read_tree(&path.tree, before, is_public);
                before.pop();
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.read_tree(tree, before, is_public)),
            UseTree::Name(name) => self.take(before, &name.ident.to_string(), &name.ident.to_string(), is_public),
            UseTree::Rename(name) => self.take(before, &name.ident.to_string(), &name.rename.to_string(), is_public),
            UseTree::Glob(_) => self.take(before, "self", "", false),
        }
    }

    fn take(&mut self, before: &[String], name: &str, known_as: &str, is_public: bool) {
        let mut path = before.to_vec();
        if name != "self" {
            path.push(name.to_owned());
        }
        // A re-export of a submodule is written without `self::`.
        let own = if is_public { Some([self.here.clone(), path.clone()].concat()) } else { None };
        let Some(path) = self.absolute(&path).or(own) else { return };
        if is_public {
            self.passed_on.insert(known_as.to_owned(), path);
        } else {
            self.uses.push(path);
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast Item) {
        let is_test = |attribute: &syn::Attribute| attribute.path().is_ident("cfg");
        match item {
            // Tests may import anything.
            Item::Mod(module) if module.content.is_some() && module.attrs.iter().any(is_test) => {}
            _ => visit::visit_item(self, item),
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.read_tree(&item.tree, &mut Vec::new(), !matches!(item.vis, Visibility::Inherited));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if let Some(path) = self.absolute(&parts).filter(|_| parts.len() > 1) {
            self.uses.push(path);
        }
        visit::visit_path(self, path);
    }
}
