// SPDX-License-Identifier: EUPL-1.2
//! Rust code as far as the law must read it: comments and quotes left out, and every path in full.

/// All paths of at least one `::` in the code, and all names that `use` brings in, each in full and with its line.
pub fn paths(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut line = 1;
    let mut rest = code;
    while let Some(start) = rest.find(|c: char| is_name(c) || c == '\n') {
        if rest[start..].starts_with('\n') {
            line += 1;
            rest = &rest[start + 1..];
            continue;
        }
        let from = &rest[start..];
        let name = &from[..from.find(|c| !is_name(c)).unwrap_or(from.len())];
        let (path, length) = if name == "use" {
            let end = from.find(';').unwrap_or(from.len());
            found.extend(imports(&from[name.len()..end]).into_iter().map(|import| (line, import.path)));
            (String::new(), end)
        } else {
            inline_path(from)
        };
        if !path.is_empty() {
            found.push((line, path));
        }
        line += from[..length].matches('\n').count();
        rest = &from[length..];
    }
    found
}

/// The path at the beginning of `code`, blanks around `::` left out, and how many bytes it takes there.
fn inline_path(code: &str) -> (String, usize) {
    let mut path = String::new();
    let mut at = 0;
    loop {
        let name = code[at..].find(|c| !is_name(c)).map_or(code.len(), |end| at + end);
        path.push_str(&code[at..name]);
        at = name;
        let blanks = |from: usize| from + code[from..].len() - code[from..].trim_start().len();
        let colons = blanks(at);
        let next = blanks(colons + if code[colons..].starts_with("::") { 2 } else { 0 });
        if !code[colons..].starts_with("::") || !code[next..].starts_with(is_name) {
            return (path, at);
        }
        path.push_str("::");
        at = next;
    }
}

/// One name that `use` brings in.
pub struct Import {
    pub path: String,
    /// What it is called here; `_` where only its methods are meant.
    pub name: String,
}

/// What stands between `use` and its semicolon: `a::{b, c::{d, e as f}}` as `a::b`, `a::c::d`, `a::c::e`.
pub fn imports(tree: &str) -> Vec<Import> {
    let mut found = Vec::new();
    expand("", &tree.split_whitespace().collect::<Vec<_>>().join(" "), &mut found);
    found
}

fn expand(prefix: &str, tree: &str, found: &mut Vec<Import>) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let (path, alias) = tree.split_once(" as ").map_or((tree, None), |(path, alias)| (path, Some(alias)));
        let path = path.replace(' ', "");
        if !path.is_empty() {
            let path = format!("{prefix}{}", path.trim_start_matches("::"));
            let path = path.strip_suffix("::self").unwrap_or(&path).to_owned();
            let name = alias.or(path.rsplit("::").next()).unwrap_or_default().to_owned();
            found.push(Import { path, name });
        }
        return;
    };
    let prefix = format!("{prefix}{}", tree[..open].replace(' ', "").trim_start_matches("::"));
    let inside = tree[open + 1..].strip_suffix('}').unwrap_or(&tree[open + 1..]);
    let (mut depth, mut start) = (0, 0);
    for (at, c) in inside.char_indices().chain([(inside.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&prefix, &inside[start..at], found);
                start = at + 1;
            }
            _ => {}
        }
    }
}

pub fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The code without comments and without what stands in quotes; line ends stay where they are.
pub fn bare(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let before = bare.chars().next_back().filter(|c| is_name(*c));
        let skipped = match c {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => quoted(rest),
            'r' if before.is_none_or(|c| c == 'b') && is_raw_string(rest) => raw_string(rest),
            '\'' => character(rest),
            _ => 0,
        };
        match skipped {
            0 => bare.push(c),
            _ => bare.extend(rest[..skipped].chars().filter(|c| *c == '\n').chain([' '])),
        }
        rest = &rest[if skipped == 0 { c.len_utf8() } else { skipped }..];
    }
    bare
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn is_raw_string(text: &str) -> bool {
    text[1..].trim_start_matches('#').starts_with('"')
}

fn raw_string(text: &str) -> usize {
    let hashes = text[1..].len() - text[1..].trim_start_matches('#').len();
    let close = format!("\"{}", "#".repeat(hashes));
    let inside = hashes + 2;
    text[inside..].find(&close).map_or(text.len(), |at| inside + at + close.len())
}

/// Length of a character literal; 0 for a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((at, _))) => text[at + 1..].find('\'').map_or(0, |end| at + 1 + end + 1),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}
