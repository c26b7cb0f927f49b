// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What is different between two kits.

use std::collections::BTreeSet;

use crate::kit::Kit;

/// A name, and what is different about it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Difference {
    pub(crate) name: String,
    pub(crate) what: String,
}

/// What `theirs` has in `header` that `ours` has not, or has otherwise.
pub(crate) fn header(header: &str, theirs: &Kit, ours: &Kit) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut differs = |name: &str, what: String| {
        differences.push(Difference { name: name.to_owned(), what: format!("{header}: {what}") });
    };

    let macros = theirs.macros(header);
    // Wherever ours come from: it may be another header that this one includes.
    let (values, our_values) = (theirs.values(header, &macros), ours.values(header, &macros));
    let undefined = ours.undefined(header, &macros);
    for name in macros.keys() {
        let (value, our_value) = (values.get(name), our_values.get(name));
        if undefined.contains(name) {
            differs(name, "macro not there".to_owned());
        } else if value.is_some() && value != our_value {
            differs(name, format!("macro is {value:?} there, {our_value:?} here"));
        }
    }

    let functions = theirs.functions(header);
    for name in ours.lacks(header, &functions) {
        differs(&name, format!("function of type {}", functions[&name]));
    }

    let types: BTreeSet<String> = theirs.types(header);
    let (layouts, our_layouts) = (theirs.layouts(header, &types), ours.layouts(header, &types));
    for (name, layout) in &layouts {
        if our_layouts.get(name) != Some(layout) {
            let our_layout = our_layouts.get(name).filter(|layout| !layout.is_empty());
            differs(name, format!("type is `{layout}` there, {our_layout:?} here"));
        }
    }
    differences
}
