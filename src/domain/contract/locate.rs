//! Maps between JSON pointers and positions in a text: to the line and column of a file, for messages that an editor
//! can jump to, and back, for messages about a body.

use super::finding::push_segment;
use crate::base::position::Position;

/// The position of a pointer's value in a JSON text, or of the innermost existing value around it.
///
/// The last one of duplicate keys counts. Meant for valid JSON; for other texts, it returns a position near the
/// error.
#[must_use]
pub fn locate(text: &str, pointer: &str) -> Position {
    let segments: Vec<String> =
        pointer.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~")).collect();
    let mut scan = Scan { text: text.as_bytes(), at: 0 };
    Position::of(text, scan.find(&segments))
}

/// The JSON pointer of the innermost value around an offset of a JSON text. A member's name counts as its value.
#[must_use]
pub fn pointer_at(text: &str, offset: usize) -> String {
    let mut pointer = String::new();
    Scan { text: text.as_bytes(), at: 0 }.descend(offset, &mut pointer);
    pointer
}

struct Scan<'t> {
    text: &'t [u8],
    at: usize,
}

impl Scan<'_> {
    /// The offset of the value that the segments lead to from here.
    fn find(&mut self, segments: &[String]) -> usize {
        self.blank();
        let here = self.at;
        let Some((first, rest)) = segments.split_first() else {
            return here;
        };
        let open = self.peek();
        if !matches!(open, Some(b'{' | b'[')) {
            return here;
        }
        self.at += 1;
        let mut found = here;
        for index in 0_usize.. {
            self.blank();
            if matches!(self.peek(), None | Some(b'}' | b']')) {
                break;
            }
            let is_it = if open == Some(b'{') {
                let key = self.string();
                self.blank();
                self.at += usize::from(self.peek() == Some(b':'));
                key == *first
            } else {
                index.to_string() == *first
            };
            self.blank();
            let start = self.at;
            if is_it {
                found = self.find(rest);
                self.at = start;
            }
            self.skip();
            self.blank();
            if self.peek() != Some(b',') {
                break;
            }
            self.at += 1;
        }
        found
    }

    /// Appends the path from the value here to the innermost one around an offset.
    fn descend(&mut self, offset: usize, pointer: &mut String) {
        self.blank();
        let open = self.peek();
        if !matches!(open, Some(b'{' | b'[')) {
            return;
        }
        self.at += 1;
        for index in 0_usize.. {
            self.blank();
            if self.at > offset || matches!(self.peek(), None | Some(b'}' | b']')) {
                return;
            }
            let name = if open == Some(b'{') { self.string() } else { index.to_string() };
            self.blank();
            self.at += usize::from(self.peek() == Some(b':'));
            self.blank();
            let start = self.at;
            self.skip();
            if offset < self.at {
                push_segment(pointer, &name);
                if start <= offset {
                    self.at = start;
                    self.descend(offset, pointer);
                }
                return;
            }
            self.blank();
            if self.peek() != Some(b',') {
                return;
            }
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn blank(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Skips a string and returns its content.
    fn string(&mut self) -> String {
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                break;
            }
        }
        self.at = self.at.min(self.text.len());
        serde_json::from_slice(self.text.get(start..self.at).unwrap_or_default()).unwrap_or_default()
    }

    fn skip(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.string();
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' | b',' if depth == 0 => return,
                b'}' | b']' => {
                    depth -= 1;
                    self.at += 1;
                }
                _ => self.at += 1,
            }
            if depth == 0 && matches!(byte, b'"' | b'}' | b']') {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_member_is_located_by_what_surrounds_it() {
        let text = "{\n  \"a\": {\"b/c\": [1, {\"x\": \"}\"}, 3]},\n  \"ä\": 1, \"z\": null,\n  \"a\": 5\n}";
        let at = |pointer: &str| locate(text, pointer).to_string();
        assert_eq!(at(""), "1:1");
        assert_eq!(at("/z"), "3:16");
        assert_eq!(at("/a"), "4:8", "the last of two keys is the one that counts");
        assert_eq!(at("/missing"), "1:1");
        let text = text.replace("  \"a\": 5\n", "  \"q\": 5\n");
        assert_eq!(locate(&text, "/a/b~1c/1/x").to_string(), "2:26");
        assert_eq!(locate(&text, "/a/b~1c/2").to_string(), "2:32");
    }

    #[test]
    fn an_offset_leads_to_the_innermost_value() {
        let text = r#" {"a": {"b/c": [1, {"x": "}"}, 3]}, "d": null}"#;
        for (around, pointer) in [
            (r#"{"a""#, ""),
            (r#""a""#, "/a"),
            (r#"{"b/c""#, "/a"),
            (r#""b/c""#, "/a/b~1c"),
            (r"[1", "/a/b~1c"),
            ("1, ", "/a/b~1c/0"),
            (r#"{"x""#, "/a/b~1c/1"),
            (r#""}""#, "/a/b~1c/1/x"),
            ("3]", "/a/b~1c/2"),
            ("]}", "/a/b~1c"),
            ("null", "/d"),
        ] {
            assert_eq!(pointer_at(text, text.find(around).unwrap()), pointer, "{around}");
        }
        assert_eq!(pointer_at(text, 0), "");
        assert_eq!(pointer_at(text, text.len()), "");
    }

    #[test]
    fn invalid_json_does_no_harm() {
        for text in ["", "{", "{\"", "{\"a", "[", "[,", "{\"a\":", "\"\\", "{\"a\\", "]", "{]}", "{1:2}"] {
            let _ = locate(text, "/a/0/b");
            let _ = pointer_at(text, text.len());
        }
    }
}
