//! Finds comments of other languages in a scenario that is written as JSON.

/// The offset of the first `//` or `/*` outside strings, if the text starts with a bracket.
pub(super) fn comment_in_json(text: &str) -> Option<usize> {
    let mut in_text = false;
    let mut last = ' ';
    if !text.trim_start().starts_with(['{', '[', '/']) {
        return None;
    }
    for (at, char) in text.char_indices() {
        let is_start = !in_text && (last.is_whitespace() || ",:{}[]\"".contains(last));
        if is_start && (text[at..].starts_with("//") || text[at..].starts_with("/*")) {
            return Some(at);
        }
        if char == '"' && (!in_text || last != '\\') {
            in_text = !in_text;
        }
        last = if last == '\\' && char == '\\' { ' ' } else { char };
    }
    None
}
