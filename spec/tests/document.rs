// SPDX-License-Identifier: BSD-3-Clause
//! Checks of the text's form: what LaTeX and the standard's editors would trip over.

use std::collections::{BTreeMap, BTreeSet};

const DESCRIPTION: &str = include_str!("../device-types/tee/description.tex");
const DEVICE: &str = include_str!("../device-types/tee/device-conformance.tex");
const DRIVER: &str = include_str!("../device-types/tee/driver-conformance.tex");

const FILES: [(&str, &str); 3] = [
    ("description.tex", DESCRIPTION),
    ("device-conformance.tex", DEVICE),
    ("driver-conformance.tex", DRIVER),
];

/// Labels of other chapters that the text refers to; they are in the standard.
const ELSEWHERE: [&str; 3] = [
    "devicenormative:Basic Facilities of a Virtio Device / Device Reset",
    "devicenormative:Basic Facilities of a Virtio Device / Message Framing",
    "sec:Reserved Feature Bits",
];

/// The words of RFC 2119, as the standard uses them.
const KEYWORDS: [&str; 5] = ["MUST", "SHALL", "SHOULD", "MAY", "RECOMMENDED"];

/// The text in the braces after each `command{`, with blanks and line ends made one blank.
fn arguments(text: &str, command: &str) -> Vec<String> {
    text.split(&format!("{command}{{"))
        .skip(1)
        .filter_map(|rest| rest.split('}').next())
        .map(|argument| argument.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

/// The last argument of each `\drivernormative` or `\devicenormative`: its label.
fn normative_labels(text: &str, command: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| line.strip_prefix(command)?.strip_suffix('}')?.rsplit_once("}{"))
        .map(|(_, label)| label.to_owned())
        .collect()
}

/// Says where an environment, a brace or a listing is not closed by what opened it.
fn unbalanced(text: &str) -> Option<String> {
    let mut open: Vec<(usize, &str)> = Vec::new();
    let mut braces = 0_i64;
    for (line, text) in (1..).zip(text.lines()) {
        let listing = open.last().is_some_and(|(_, name)| *name == "lstlisting");
        let mut rest = text;
        while let Some(at) = rest.find(r"\begin{").into_iter().chain(rest.find(r"\end{")).min() {
            let command = &rest[at..];
            let (begins, name) = match command.strip_prefix(r"\begin{") {
                Some(name) => (true, name),
                None => (false, &command[r"\end{".len()..]),
            };
            let Some((name, after)) = name.split_once('}') else {
                return Some(format!("line {line}: a brace does not close"));
            };
            if begins {
                open.push((line, name));
            } else {
                match open.pop() {
                    Some((_, other)) if other == name => {}
                    Some((begun, other)) => {
                        return Some(format!("line {line}: {name} ends {other} of line {begun}"))
                    }
                    None => return Some(format!("line {line}: {name} ends but has not begun")),
                }
            }
            rest = after;
        }
        if !listing {
            braces += text.matches('{').count() as i64 - text.matches('}').count() as i64;
        }
        if braces < 0 || (braces > 0 && text.is_empty()) {
            return Some(format!("line {line}: braces do not balance in the paragraph before"));
        }
    }
    open.pop().map(|(line, name)| format!("line {line}: {name} does not end"))
}

#[test]
fn environments_and_braces_balance() {
    for (file, text) in FILES {
        assert_eq!(unbalanced(text), None, "{file}");
    }
}

#[test]
fn imbalance_is_seen() {
    let doctored = |old, new| unbalanced(&DESCRIPTION.replacen(old, new, 1));
    assert!(doctored(r"\end{description}", "").is_some());
    assert!(doctored(r"\end{lstlisting}", r"\end{itemize}").is_some());
    assert!(doctored(r"\begin{itemize}", "").is_some());
    assert!(doctored(r"\field{page_size}", r"\field{page_size").is_some());
    assert!(doctored(r"\field{page_size}", r"\field page_size}").is_some());
}

#[test]
fn conformance_lists_every_normative_section_once() {
    for (prefix, file) in [("driver", DRIVER), ("device", DEVICE)] {
        let sections = normative_labels(DESCRIPTION, &format!(r"\{prefix}normative{{"));
        assert!(sections.len() > 10, "only {} sections found: {sections:?}", sections.len());
        let listed: Vec<String> = arguments(file, r"\item \ref")
            .iter()
            .map(|label| label.strip_prefix(&format!("{prefix}normative:")).unwrap_or(label).to_owned())
            .collect();
        assert_eq!(sections, listed, "{prefix} conformance: the same sections, in the text's order");
    }
}

#[test]
fn every_reference_has_its_label_and_every_label_is_one() {
    let mut labels = arguments(DESCRIPTION, r"\label");
    for prefix in ["driver", "device"] {
        let sections = normative_labels(DESCRIPTION, &format!(r"\{prefix}normative{{"));
        labels.extend(sections.iter().map(|label| format!("{prefix}normative:{label}")));
    }
    let known: BTreeSet<&str> = labels.iter().map(String::as_str).chain(ELSEWHERE).collect();
    assert_eq!(known.len(), labels.len() + ELSEWHERE.len(), "two sections have the same label");
    for (file, text) in FILES {
        for reference in arguments(text, r"\ref") {
            assert!(known.contains(reference.as_str()), "{file}: nothing has the label {reference}");
        }
    }
}

/// In the standard, requirements are in the sections that conformance lists, and nowhere else.
#[test]
fn requirements_are_in_normative_sections() {
    let mut requirements: BTreeMap<&str, usize> = BTreeMap::new();
    let mut section = None;
    for (line, text) in (1..).zip(DESCRIPTION.lines()) {
        if text.starts_with(r"\drivernormative{") || text.starts_with(r"\devicenormative{") {
            section = Some(text);
            requirements.insert(text, 0);
        } else if [r"\section", r"\subsection", r"\subsubsection"]
            .iter()
            .any(|heading| text.starts_with(heading))
        {
            section = None;
        }
        let words =
            text.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| KEYWORDS.contains(word)).count();
        match section {
            Some(section) => *requirements.entry(section).or_default() += words,
            None => assert_eq!(words, 0, "line {line}: a requirement outside normative sections: {text}"),
        }
    }
    for (section, count) in requirements {
        assert!(count > 0, "{section} requires nothing");
    }
}

#[test]
fn lines_are_as_the_standard_has_them() {
    for (file, text) in FILES {
        assert!(text.starts_with("% SPDX-License-Identifier: BSD-3-Clause\n"), "{file}: no SPDX line");
        assert!(text.is_ascii(), "{file}: not ASCII");
        for (number, line) in (1..).zip(text.lines()) {
            assert_eq!(line, line.trim_end(), "{file}:{number}: blanks at the end");
            assert!(!line.contains('\t'), "{file}:{number}: a tab");
        }
    }
}
