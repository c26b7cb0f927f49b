// SPDX-License-Identifier: BSD-3-Clause
//! Reads the text's side: the C in its listings, and the numbers that its form puts into prose (the
//! Device ID, the indices of the virtqueues).

use crate::layout::{Layout, Type};

/// Reads a `description.tex`. Whatever in a listing it cannot read is an error: nothing is skipped.
pub(crate) fn read(origin: &str, text: &str) -> Result<Layout, String> {
    let mut layout = Layout::new(origin);
    let lines = listing_lines(text).map_err(|e| format!("{origin}:{e}"))?;
    let mut lines = lines.iter();
    while let Some((line, words)) = lines.next() {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["#define", name, value] => {
                let value = number(value, &layout).map_err(|e| format!("{origin}:{line}: {e}"))?;
                layout.define(*line, name, value)?;
            }
            ["struct", name, "{"] => {
                let mut fields = Vec::new();
                loop {
                    let Some((line, words)) = lines.next() else {
                        return Err(format!("{origin}:{line}: struct {name} does not end"));
                    };
                    if words[..] == ["};"] {
                        break;
                    }
                    let (field, ty) = field(words, &layout).map_err(|e| format!("{origin}:{line}: {e}"))?;
                    fields.push((*line, field, ty));
                }
                layout.structure(*line, name, fields)?;
            }
            _ => return Err(format!("{origin}:{line}: neither a #define nor a struct: {}", words.join(" "))),
        }
    }
    prose_numbers(&mut layout, text)?;
    Ok(layout)
}

/// The words of every line with C on it, with the line's number. Comments are gone.
fn listing_lines(text: &str) -> Result<Vec<(usize, Vec<String>)>, String> {
    let mut lines = Vec::new();
    let mut begun = None;
    for (number, line) in (1..).zip(text.lines()) {
        match (line.trim(), begun) {
            (r"\begin{lstlisting}", None) => begun = Some(number),
            (r"\end{lstlisting}", Some(_)) => begun = None,
            (r"\begin{lstlisting}" | r"\end{lstlisting}", _) => {
                return Err(format!("{number}: {} is out of place", line.trim()));
            }
            (_, None) => {}
            (code, Some(_)) => {
                let code = without_comments(code).map_err(|e| format!("{number}: {e}"))?;
                let words: Vec<String> = code.split_whitespace().map(str::to_owned).collect();
                if !words.is_empty() {
                    lines.push((number, words));
                }
            }
        }
    }
    match begun {
        None => Ok(lines),
        Some(number) => Err(format!("{number}: the listing does not end")),
    }
}

fn without_comments(code: &str) -> Result<String, String> {
    let mut rest = code;
    let mut kept = String::new();
    while let Some((before, comment)) = rest.split_once("/*") {
        kept.push_str(before);
        let Some((_, after)) = comment.split_once("*/") else {
            return Err("a comment does not end on its line".to_owned());
        };
        rest = after;
    }
    Ok(kept + rest)
}

/// `TYPE NAME;`, `TYPE NAME[LENGTH];` or `struct TYPE NAME;`.
fn field(words: &[String], layout: &Layout) -> Result<(String, Type), String> {
    let malformed = || format!("not a field: {}", words.join(" "));
    let (declarator, ty) = words.split_last().ok_or_else(malformed)?;
    let declarator = declarator.strip_suffix(';').ok_or_else(malformed)?;
    let (name, count) = match declarator.strip_suffix(']') {
        None => (declarator, None),
        Some(array) => {
            let (name, length) = array.split_once('[').ok_or_else(malformed)?;
            (name, Some(number(length, layout)?))
        }
    };
    if ty.is_empty() || ty.len() > 2 {
        return Err(malformed());
    }
    Ok((name.to_owned(), Type { element: ty.join(" "), count }))
}

/// A decimal or hexadecimal literal, or a name that is defined before it.
fn number(word: &str, layout: &Layout) -> Result<u64, String> {
    if let Some(define) = layout.defines.get(word) {
        return Ok(define.value);
    }
    let parsed = match word.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => word.parse(),
    };
    parsed.map_err(|_| format!("{word} is neither a number nor defined before this line"))
}

/// The standard's form gives these as prose, and the crate as constants.
fn prose_numbers(layout: &mut Layout, text: &str) -> Result<(), String> {
    let origin = layout.origin.clone();
    let lines: Vec<(usize, &str)> = (1..).zip(text.lines()).collect();

    let (line, id) = lines
        .windows(3)
        .find(|window| window[0].1.starts_with(r"\subsection{Device ID}"))
        .map(|window| window[2])
        .ok_or_else(|| format!("{origin}: no Device ID"))?;
    let id = id.parse().map_err(|_| format!("{origin}:{line}: no Device ID here: {id}"))?;
    layout.define(line, "VIRTIO_ID_TEE", id)?;

    for (queue, name) in [("controlq", "VIRTIO_TEE_QUEUE_CONTROL"), ("requestq1", "VIRTIO_TEE_QUEUE_REQUEST")]
    {
        let item =
            |line: &str| line.strip_prefix(r"\item[")?.strip_suffix(queue)?.strip_suffix("] ")?.parse().ok();
        let (line, index) = lines
            .iter()
            .find_map(|(line, text)| Some((*line, item(text)?)))
            .ok_or_else(|| format!("{origin}: no index of the virtqueue {queue}"))?;
        layout.define(line, name, index)?;
    }
    Ok(())
}
