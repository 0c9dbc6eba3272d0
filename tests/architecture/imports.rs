//! The paths that a source file names: in `use` declarations of every form, and within its code.

/// A path as it is written, such as `crate::tap::Site`, in the module that writes it.
pub struct Import {
    /// Its segments; `self` at the end of a `use` group and `*` are left out.
    pub path: Vec<String>,
    /// The modules inside the file that it stands in, outermost first.
    pub inside: Vec<String>,
    /// Whether it is only passed on, by `pub use`, under the name of its last segment.
    pub passed_on: bool,
}

/// All paths of a source text, in their order. Comments and literals are no code.
pub fn imports(text: &str) -> Vec<Import> {
    let tokens = tokens(text);
    let mut reader = Reader { tokens: &tokens, at: 0 };
    let (mut imports, mut inside, mut depth) = (Vec::new(), Vec::<(String, usize)>::new(), 0_usize);
    let mut public = false;
    while let Some(token) = reader.next() {
        let before = reader.at.checked_sub(2).map_or("", |at| &tokens[at]);
        let modules = |inside: &[(String, usize)]| inside.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        match token {
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                inside.pop_if(|(_, opened)| *opened == depth);
            }
            "mod" if reader.peek(1) == "{" => inside.push((reader.peek(0).to_owned(), depth)),
            "pub" => {
                public = true;
                if reader.peek(0) == "(" {
                    reader.skip_past(")");
                }
                continue;
            }
            "use" => {
                let mut paths = Vec::new();
                reader.tree(&[], &mut paths);
                let inside = modules(&inside);
                imports.extend(paths.into_iter().map(|path| Import {
                    path,
                    inside: inside.clone(),
                    passed_on: public,
                }));
            }
            name if is_name(name) && reader.peek(0) == "::" && before != "::" && before != "." => {
                let path = reader.path(name);
                imports.push(Import { path, inside: modules(&inside), passed_on: false });
            }
            _ => {}
        }
        public = false;
    }
    imports
}

struct Reader<'a> {
    tokens: &'a [String],
    at: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<&'a str> {
        self.at += 1;
        self.tokens.get(self.at - 1).map(String::as_str)
    }

    fn peek(&self, ahead: usize) -> &'a str {
        self.tokens.get(self.at + ahead).map_or("", String::as_str)
    }

    fn skip_past(&mut self, end: &str) {
        while self.next().is_some_and(|token| token != end) {}
    }

    /// The rest of a path whose first segment was read.
    fn path(&mut self, first: &str) -> Vec<String> {
        let mut path = vec![first.to_owned()];
        while self.peek(0) == "::" && is_name(self.peek(1)) {
            path.push(self.peek(1).to_owned());
            self.at += 2;
        }
        path
    }

    /// One tree of a `use` declaration, up to the `,`, `}` or `;` behind it.
    fn tree(&mut self, prefix: &[String], paths: &mut Vec<Vec<String>>) {
        let mut path = prefix.to_vec();
        loop {
            match self.peek(0) {
                "{" => {
                    self.at += 1;
                    while !matches!(self.peek(0), "}" | "") {
                        self.tree(&path, paths);
                        if self.peek(0) == "," {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    return;
                }
                "," | "}" | ";" | "" => break,
                // A new name is of no interest.
                "as" => self.at += 2,
                "self" if !path.is_empty() => self.at += 1,
                "::" | "*" => self.at += 1,
                name => {
                    path.push(name.to_owned());
                    self.at += 1;
                }
            }
        }
        paths.push(path);
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Names, `::`, and single other characters; a literal leaves nothing.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = literal(rest) {
            length
        } else if is_name(rest) {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(rest[..length].to_owned());
            length
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

/// The length of a text or character literal or a lifetime at the beginning of `rest`.
fn literal(rest: &str) -> Option<usize> {
    let marked = rest.trim_start_matches(['b', 'c']);
    let prefix = rest.len() - marked.len();
    if let Some(raw) = marked.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if let Some(body) = raw[hashes..].strip_prefix('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            return Some(prefix + 1 + hashes + 1 + body.find(&end)? + end.len());
        }
    }
    let quote = marked.chars().next().filter(|quote| ['"', '\''].contains(quote))?;
    let mut escaped = false;
    for (at, c) in marked.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return Some(prefix + at + 1),
            // `'a` without a closing quote is a lifetime.
            _ if quote == '\'' && at > 1 && !marked.starts_with("'\\") => return Some(prefix + 1),
            _ => {}
        }
    }
    Some(prefix + 1)
}

#[test]
fn every_form_of_a_path_is_read() {
    let text = r##"
        use crate::tap::Site; // use crate::comment::X;
        use crate::{error::Error, models::{self, gpt2::{Gpt2, Block as B}}, data::*,
            files};
        pub(crate) use cache::Cache;
        /* use crate::comment::Y; */
        const TEXT: &str = "use crate::text::X;";
        const RAW: &str = r#"use crate::raw::X; ""#;
        fn f<'a>(x: &'a super::states::States) -> char { crate::measure::now(); x.y::<u8>(); '"' }
        mod tests { use super::*; fn g() { super::super::search::run(); } }
        use self::last::Last;
    "##;
    let read: Vec<String> = imports(text)
        .into_iter()
        .map(|import| {
            let mark = if import.passed_on { "pub " } else { "" };
            format!(
                "{mark}{}{}",
                import.inside.iter().map(|name| format!("{name}: ")).collect::<String>(),
                import.path.join("::")
            )
        })
        .collect();
    let expected = [
        "crate::tap::Site",
        "crate::error::Error",
        "crate::models",
        "crate::models::gpt2::Gpt2",
        "crate::models::gpt2::Block",
        "crate::data",
        "crate::files",
        "pub cache::Cache",
        "super::states::States",
        "crate::measure::now",
        "tests: super",
        "tests: super::super::search::run",
        "self::last::Last",
    ];
    assert_eq!(read, expected);
}
