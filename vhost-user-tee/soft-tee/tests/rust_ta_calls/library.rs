// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a crate offers, as its sources have it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use syn::visit::{self, Visit};
use syn::{
    parse_quote, Attribute, File, GenericArgument, ImplItem, Item, ItemFn, ItemImpl, ItemMacro, ItemMod,
    ItemTrait, ItemType, ItemUse, Macro, PathArguments, TraitItem, Type, UseTree, Visibility,
};

/// The names of what there is. Functions are named without the modules they are in:
/// - `function`,
/// - `Type::function`; `Type<Argument>::function` if the type's others do not have it,
/// - `Trait::function`, whatever type is called upon,
/// - `<Type as PropertyKey>::get`, for each property, since a property is a type and that is all of it.
#[derive(Default)]
pub(crate) struct Library {
    pub(crate) functions: BTreeSet<String>,
    pub(crate) macros: BTreeSet<String>,
    /// Other names of types.
    aliases: BTreeMap<String, Type>,
}

impl Library {
    /// Reads all sources in a folder.
    pub(crate) fn read(folder: &Path) -> Self {
        let files = files(folder);
        let mut library = Self::default();
        // Functions of an alias are functions of what it stands for, wherever that is said.
        for item in files.iter().flat_map(|file| &file.items) {
            if let Item::Type(ItemType { ident, ty, generics, .. }) = item {
                if generics.params.is_empty() {
                    library.aliases.insert(ident.to_string(), (**ty).clone());
                }
            }
        }
        files.iter().for_each(|file| library.visit_file(file));
        library
    }

    fn add(&mut self, of: &str, name: &impl ToString) {
        self.functions.insert(format!("{of}::{}", name.to_string()));
    }
}

/// The visitor goes into modules, and not into functions.
impl Visit<'_> for Library {
    fn visit_item_mod(&mut self, module: &ItemMod) {
        if !module.attrs.contains(&parse_quote!(#[cfg(test)])) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &ItemFn) {
        if is_public(&function.vis) {
            self.functions.insert(function.sig.ident.to_string());
        }
    }

    fn visit_item_impl(&mut self, block: &ItemImpl) {
        if block.trait_.is_some() {
            return;
        }
        let own: BTreeSet<_> = block.generics.type_params().map(|param| param.ident.to_string()).collect();
        let ty = name_of(&block.self_ty).unwrap();
        let ty = self.aliases.get(&ty).map_or(ty.clone(), |stands_for| name_of(stands_for).unwrap());
        // With its arguments only where they are not any.
        let general = own.iter().any(|param| ty.ends_with(&format!("<{param}>")));
        let ty = if general { without_arguments(&ty) } else { &ty };
        for item in &block.items {
            match item {
                ImplItem::Fn(function) if is_public(&function.vis) => self.add(ty, &function.sig.ident),
                _ => {}
            }
        }
    }

    fn visit_item_trait(&mut self, block: &ItemTrait) {
        for item in &block.items {
            match item {
                TraitItem::Fn(function) if is_public(&block.vis) && !is_hidden(&function.attrs) => {
                    self.add(&block.ident.to_string(), &function.sig.ident);
                }
                _ => {}
            }
        }
    }

    fn visit_item_macro(&mut self, item: &ItemMacro) {
        if item.attrs.contains(&parse_quote!(#[macro_export])) {
            self.macros.extend(item.ident.as_ref().map(ToString::to_string));
        }
        if item.mac.path.is_ident("define_property_key") {
            let property = item.mac.tokens.clone().into_iter().next().unwrap();
            self.add(&format!("<{property} as PropertyKey>"), &"get");
        }
    }

    fn visit_item_use(&mut self, item: &ItemUse) {
        match &item.tree {
            UseTree::Path(path) if is_public(&item.vis) && path.ident == "optee_utee_macros" => {
                names_in(&path.tree, &mut self.macros);
            }
            _ => {}
        }
    }
}

/// The macros, of every kind, that the sources in a folder use.
pub(crate) fn macros_used(folder: &Path) -> BTreeSet<String> {
    #[derive(Default)]
    struct Used(BTreeSet<String>);
    impl Visit<'_> for Used {
        fn visit_macro(&mut self, item: &Macro) {
            self.0.extend(item.path.segments.last().map(|last| last.ident.to_string()));
        }
        fn visit_attribute(&mut self, attribute: &Attribute) {
            self.0.extend(attribute.path().segments.last().map(|last| last.ident.to_string()));
        }
    }
    let mut used = Used::default();
    files(folder).iter().for_each(|file| used.visit_file(file));
    used.0
}

/// A type as [`Library`] names it: the last part of its path, with its types as arguments. None where it has no
/// path.
pub(crate) fn name_of(ty: &Type) -> Option<String> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    let mut arguments = Vec::new();
    if let PathArguments::AngleBracketed(given) = &last.arguments {
        for argument in &given.args {
            match argument {
                GenericArgument::Type(ty) => arguments.push(name_of(ty)?),
                GenericArgument::Lifetime(_) => {}
                _ => return None,
            }
        }
    }
    let arguments = if arguments.is_empty() { String::new() } else { format!("<{}>", arguments.join(", ")) };
    Some(format!("{}{arguments}", last.ident))
}

/// `Type` of `Type<Argument>`.
pub(crate) fn without_arguments(name: &str) -> &str {
    name.split_once('<').map_or(name, |(ty, _)| ty)
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// Whether something is left out of the documentation.
fn is_hidden(attrs: &[Attribute]) -> bool {
    attrs.contains(&parse_quote!(#[doc(hidden)]))
}

/// The names that a `use` brings.
fn names_in(tree: &UseTree, names: &mut BTreeSet<String>) {
    match tree {
        UseTree::Name(name) => drop(names.insert(name.ident.to_string())),
        UseTree::Group(group) => group.items.iter().for_each(|tree| names_in(tree, names)),
        _ => panic!("neither a name nor a list of names"),
    }
}

/// All sources in a folder and those in it.
fn files(folder: &Path) -> Vec<File> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            files.push(syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
        }
    }
    files
}
