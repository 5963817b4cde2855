//! Which modules and libraries a source file names.

use std::collections::BTreeSet;
use std::path::Path;

use syn::visit::{self, Visit};
use syn::{ItemUse, UseTree};

/// A file and what it names.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// Its own place: `door::secure` for `door/secure.rs`, `door` for `door/mod.rs`.
    pub(crate) module: Vec<String>,
    /// Paths of its own crate, from the root.
    pub(crate) own: BTreeSet<Vec<String>>,
    /// First words of all other paths, among them the libraries.
    pub(crate) foreign: BTreeSet<String>,
}

impl Source {
    /// The first part of its place.
    pub(crate) fn room(&self) -> &str {
        let room = self.module.first().map_or("lib", |room| room);
        room.strip_suffix("_off").unwrap_or(room) // what stands in its place where a build lacks it
    }

    pub(crate) fn name(&self) -> String {
        self.module.join("::")
    }

    /// Adds a path, relative to this file or not.
    fn add(&mut self, path: &[String]) {
        let mut base = match path.first().map(|first| &**first) {
            Some("crate") => Vec::new(),
            Some("self" | "super") => self.module.clone(),
            Some(first) => {
                self.foreign.insert(first.to_owned());
                return;
            }
            None => return,
        };
        let ups = path.iter().take_while(|word| matches!(&***word, "crate" | "self" | "super"));
        for word in ups.clone() {
            if word == "super" {
                base.pop();
            }
        }
        base.extend(path[ups.count()..].iter().cloned());
        if !base.is_empty() {
            self.own.insert(base);
        }
    }

    fn add_tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |word: String| [before, &[word]].concat();
        match tree {
            UseTree::Path(path) => self.add_tree(&with(path.ident.to_string()), &path.tree),
            UseTree::Name(name) if name.ident == "self" => self.add(before),
            UseTree::Name(name) => self.add(&with(name.ident.to_string())),
            UseTree::Rename(rename) if rename.ident == "self" => self.add(before),
            UseTree::Rename(rename) => self.add(&with(rename.ident.to_string())),
            UseTree::Glob(_) => self.add(before),
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.add_tree(before, tree));
            }
        }
    }
}

impl<'ast> Visit<'ast> for Source {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.add_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let words: Vec<_> = path.segments.iter().map(|word| word.ident.to_string()).collect();
        if words.len() > 1 {
            self.add(&words);
        }
        visit::visit_path(self, path);
    }

    // Tests stand beside what they test and may look everywhere.
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let is_test = item.attrs.iter().any(|attribute| {
            attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Meta>().is_ok_and(|meta| match meta {
                    syn::Meta::Path(path) => path.is_ident("test"),
                    syn::Meta::List(list) => list.tokens.to_string().contains("test"),
                    syn::Meta::NameValue(_) => false,
                })
        });
        if is_test {
            return;
        }
        // A module inside the file is one floor deeper for `super`.
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }
}

/// What a file at this place names.
pub(crate) fn parse(module: &[&str], text: &str) -> Source {
    let module = module.iter().map(|&word| word.to_owned()).collect();
    let mut source = Source { module, ..Source::default() };
    source.visit_file(&syn::parse_file(text).unwrap());
    source
}

/// All files of a crate.
pub(crate) fn sources(root: &Path) -> Vec<Source> {
    let all = crate::files(root).into_iter().map(|path| {
        let below = path.strip_prefix(root).unwrap().with_extension("");
        let mut module: Vec<_> = below.iter().map(|part| part.to_str().unwrap()).collect();
        if matches!(module.last(), Some(&("mod" | "lib" | "main"))) {
            module.pop();
        }
        parse(&module, &std::fs::read_to_string(&path).unwrap())
    });
    let all: Vec<_> = all.collect();
    assert!(all.len() > 10, "the sources were not found");
    all
}
