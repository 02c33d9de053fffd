//! Positions in a text, and excerpts around them for error messages.

use std::{borrow::Cow, fmt};

/// Maximum number of characters that a message quotes from input.
pub const EXCERPT: usize = 200;

/// A position in a text, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub line: usize,
    /// Column in characters.
    pub column: usize,
}

impl Position {
    /// The position of a byte offset. An offset beyond the end or inside a character maps to the last position before
    /// it.
    #[must_use]
    pub fn of(text: &str, offset: usize) -> Self {
        let before = &text[..text.floor_char_boundary(offset)];
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { line, column }
    }

    /// The byte offset of this position in a text; the end of the text if the position is beyond it.
    #[must_use]
    pub fn offset(self, text: &str) -> usize {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(end, _)| end + 1));
        let start = starts.take(self.line).last().unwrap_or_default();
        text[start..].char_indices().nth(self.column - 1).map_or(text.len(), |(offset, _)| start + offset)
    }

    /// The line of this position, cut to at most [`EXCERPT`] characters around the column.
    #[must_use]
    pub fn excerpt(self, text: &str) -> Excerpt<'_> {
        let line = text.lines().nth(self.line - 1).unwrap_or_default();
        let offset = line.char_indices().nth(self.column - 1).map_or(line.len(), |(offset, _)| offset);
        excerpt(line, offset)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.line, self.column)
    }
}

/// A quotable text: the whole of it, or the characters around a position with `…` for the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt<'t> {
    /// At most [`EXCERPT`] characters, including the `…`.
    pub text: Cow<'t, str>,
    /// Column of the position in `text`, in characters, counted from 1. One past the end for a position at the end.
    pub column: usize,
}

impl Excerpt<'_> {
    /// The same excerpt with an owned text.
    #[must_use]
    pub fn into_owned(self) -> Excerpt<'static> {
        Excerpt { text: Cow::Owned(self.text.into_owned()), column: self.column }
    }
}

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// The first [`EXCERPT`] characters of a value quoted in a message; `…` stands for the rest.
#[must_use]
pub fn brief(value: &str) -> Cow<'_, str> {
    excerpt(value, 0).text
}

/// Cuts a text to at most [`EXCERPT`] characters around a byte offset. The cost depends on the excerpt, not on the
/// text.
///
/// For a value in a message, pass 0: its start is the most informative part.
#[must_use]
pub fn excerpt(text: &str, offset: usize) -> Excerpt<'_> {
    let offset = text.floor_char_boundary(offset);
    if text.len() <= EXCERPT || text.chars().nth(EXCERPT).is_none() {
        return Excerpt { text: Cow::Borrowed(text), column: text[..offset].chars().count() + 1 };
    }
    // Half of the excerpt before the position and half after it; one side can use what the other does not need. Each
    // `…` takes one character.
    let (before, behind) = text.split_at(offset);
    let wanted_behind = behind.chars().take(EXCERPT).count();
    let most_before = (EXCERPT / 2).max(EXCERPT - wanted_behind.min(EXCERPT));
    let mut start = before.char_indices().rev().take(most_before).last().map_or(offset, |(start, _)| start);
    let cut_before = start > 0;
    if cut_before {
        start += text[start..].chars().next().map_or(0, char::len_utf8);
    }
    let kept = &text[start..];
    let room = EXCERPT - usize::from(cut_before);
    let mut end = kept.char_indices().nth(room).map_or(kept.len(), |(end, _)| end);
    let cut_behind = end < kept.len();
    if cut_behind {
        end = kept[..end].char_indices().next_back().map_or(0, |(last, _)| last);
    }
    let column = text[start.min(offset)..offset].chars().count() + 1 + usize::from(cut_before);
    let (first, last) = (if cut_before { "…" } else { "" }, if cut_behind { "…" } else { "" });
    Excerpt { text: Cow::Owned(format!("{first}{}{last}", &kept[..end])), column }
}

/// Shortens a message to its first and last [`EXCERPT`] characters if it is longer than both together. Messages start
/// with the problem and end with the fix.
#[must_use]
pub fn shorten(message: &str) -> Cow<'_, str> {
    shorten_to(message, 2 * EXCERPT)
}

/// Like [`shorten`], with at most `most` characters in total.
#[must_use]
pub fn shorten_to(message: &str, most: usize) -> Cow<'_, str> {
    if message.len() <= most || message.chars().nth(most).is_none() {
        return Cow::Borrowed(message);
    }
    let start = message.char_indices().nth(most / 2 - 1).map_or(0, |(end, _)| end);
    let end = message.char_indices().rev().nth(most / 2 - 1).map_or(0, |(start, _)| start);
    Cow::Owned(format!("{}…{}", &message[..start], &message[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_short_text_is_quoted_whole() {
        assert_eq!(excerpt("", 0), Excerpt { text: "".into(), column: 1 });
        assert_eq!(excerpt("aé", 9), Excerpt { text: "aé".into(), column: 3 });
        let text = "é".repeat(EXCERPT);
        assert_eq!(excerpt(&text, 4), Excerpt { text: text.as_str().into(), column: 3 });
        assert_eq!(shorten(&text), text);
    }

    #[test]
    fn a_long_text_is_cut_around_the_place() {
        let text = format!("{}X{}", "a".repeat(1000), "b".repeat(1000));
        let Excerpt { text: middle, column } = excerpt(&text, 1000);
        assert_eq!(middle, format!("…{}X{}…", "a".repeat(99), "b".repeat(98)));
        assert_eq!(column, 101);
        assert_eq!(excerpt(&text, 0).text, format!("{}…", "a".repeat(199)));
        assert_eq!(excerpt(&text, usize::MAX).text, format!("…{}", "b".repeat(199)));
        assert_eq!(Position { line: 2, column: 1001 }.excerpt(&format!("\n{text}\n")), excerpt(&text, 1000));
    }

    #[test]
    fn a_long_message_keeps_its_beginning_and_its_end() {
        let message = format!("wrong: {}; the fix", "é".repeat(100_000));
        let shortened = shorten(&message);
        assert!(shortened.starts_with("wrong: é") && shortened.ends_with("é; the fix"), "{shortened}");
        assert_eq!(shortened.chars().count(), 2 * EXCERPT);
    }

    proptest! {
        #[test]
        fn an_excerpt_is_short_and_contains_its_place(text in "[aé\u{1F600}]{0,700}", offset in 0..3000_usize) {
            let place = text[text.floor_char_boundary(offset)..].chars().next();
            let excerpt = excerpt(&text, offset);
            prop_assert!(excerpt.text.chars().count() <= EXCERPT);
            let shown = excerpt.text.chars().nth(excerpt.column - 1);
            prop_assert_eq!(shown, place);
            let kept = excerpt.text.trim_matches('…');
            prop_assert!(text.contains(kept));
            let whole = text.chars().count() <= EXCERPT;
            prop_assert!(whole || excerpt.text.chars().count() == EXCERPT);
        }
    }
}
