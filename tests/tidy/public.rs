//! Checks that everything public is documented. The compiler cannot, because the modules are hidden.

use super::sources;
use std::collections::BTreeSet;
use syn::{Attribute, Fields, ImplItem, Item, Type, UseTree, Visibility, visit::Visit};

/// The names that `src/lib.rs` exports.
fn exported() -> BTreeSet<String> {
    fn names(tree: &UseTree, into: &mut BTreeSet<String>) {
        match tree {
            UseTree::Path(path) => names(&path.tree, into),
            UseTree::Group(group) => group.items.iter().for_each(|tree| names(tree, into)),
            UseTree::Name(name) => drop(into.insert(name.ident.to_string())),
            UseTree::Rename(_) | UseTree::Glob(_) => panic!("src/lib.rs must export each item by name"),
        }
    }
    let file = syn::parse_file(&std::fs::read_to_string("src/lib.rs").unwrap()).unwrap();
    let mut exported = BTreeSet::new();
    for item in file.items {
        if let Item::Use(item) = item
            && matches!(item.vis, Visibility::Public(_))
        {
            names(&item.tree, &mut exported);
        }
    }
    exported
}

/// The items on the public page, and those without documentation.
#[derive(Default)]
struct Page {
    exported: BTreeSet<String>,
    found: BTreeSet<String>,
    undocumented: Vec<String>,
}

impl Page {
    fn look(&mut self, name: String, attributes: &[Attribute]) {
        let is = |word: &str| attributes.iter().any(|attribute| attribute.path().is_ident(word));
        if !is("doc") {
            self.undocumented.push(name);
        }
    }

    fn fields(&mut self, of: &str, fields: &Fields) {
        for (place, field) in fields.iter().enumerate() {
            if matches!(field.vis, Visibility::Public(_)) {
                let name = field.ident.as_ref().map_or_else(|| place.to_string(), ToString::to_string);
                self.look(format!("{of}.{name}"), &field.attrs);
            }
        }
    }

    fn is_exported(&mut self, name: &str) -> bool {
        self.exported.contains(name) && {
            self.found.insert(name.to_owned());
            true
        }
    }
}

impl Visit<'_> for Page {
    fn visit_item(&mut self, item: &Item) {
        match item {
            Item::Struct(item) if self.is_exported(&item.ident.to_string()) => {
                let name = item.ident.to_string();
                self.look(name.clone(), &item.attrs);
                self.fields(&name, &item.fields);
            }
            Item::Enum(item) if self.is_exported(&item.ident.to_string()) => {
                let name = item.ident.to_string();
                self.look(name.clone(), &item.attrs);
                for variant in &item.variants {
                    self.look(format!("{name}::{}", variant.ident), &variant.attrs);
                }
            }
            Item::Fn(item)
                if matches!(item.vis, Visibility::Public(_)) && self.is_exported(&item.sig.ident.to_string()) =>
            {
                self.look(item.sig.ident.to_string(), &item.attrs);
            }
            Item::Impl(item) if item.trait_.is_none() => {
                let Type::Path(path) = &*item.self_ty else { return };
                let name = path.path.segments.last().unwrap().ident.to_string();
                if !self.exported.contains(&name) {
                    return;
                }
                for member in &item.items {
                    if let ImplItem::Fn(function) = member
                        && matches!(function.vis, Visibility::Public(_))
                    {
                        self.look(format!("{name}::{}", function.sig.ident), &function.attrs);
                    }
                }
            }
            _ => {}
        }
    }
}

#[test]
fn the_public_page_documents_everything_on_it() {
    let mut page = Page { exported: exported(), ..Page::default() };
    for (_, text) in sources("src") {
        page.visit_file(&syn::parse_file(&text).unwrap());
    }
    // A macro defines it and passes the documentation on.
    page.found.insert("SwitchChanges".to_owned());
    assert_eq!(page.found, page.exported, "every exported name must be found");
    assert!(page.undocumented.is_empty(), "without documentation: {}", page.undocumented.join(", "));
}
