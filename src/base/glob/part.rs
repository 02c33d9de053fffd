//! The parts of a pattern between its stars, and the search for them.

use hashbrown::HashMap;

/// A part of a pattern without a star.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum GlobPart {
    Text(Box<str>),
    Holes(Holes),
}

/// Characters of which some match any character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holes {
    /// The characters; `?` where any character matches.
    chars: Box<str>,
    count: usize,
    /// One bit per character, set if it matches any character.
    any: Box<[u64]>,
}

impl Holes {
    fn new(chars: &[Option<char>]) -> Self {
        let mut any = vec![0; chars.len().div_ceil(64)];
        for (place, _) in chars.iter().enumerate().filter(|(_, char)| char.is_none()) {
            any[place / 64] |= 1 << (place % 64);
        }
        let text: String = chars.iter().map(|char| char.unwrap_or('?')).collect();
        Self { chars: text.into(), count: chars.len(), any: any.into() }
    }

    fn fits(&self, place: usize, wanted: char, found: char) -> bool {
        wanted == found || self.is_any(place)
    }

    fn is_any(&self, place: usize) -> bool {
        self.any[place / 64] >> (place % 64) & 1 == 1
    }
}

/// A part between two stars, without the `?` at its ends, which only skip characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Floating {
    before: usize,
    part: GlobPart,
    after: usize,
}

impl GlobPart {
    pub(super) fn new(chars: &[Option<char>]) -> Self {
        match chars.iter().copied().collect::<Option<String>>() {
            Some(text) => Self::Text(text.into()),
            None => Self::Holes(Holes::new(chars)),
        }
    }

    /// Number of machine words with one bit per character; 1 for plain text, which needs no bits.
    fn words(&self) -> usize {
        match self {
            Self::Text(_) => 1,
            Self::Holes(part) => part.any.len(),
        }
    }

    pub(super) fn strip_prefix<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Text(part) => text.strip_prefix(&**part),
            Self::Holes(part) => {
                let mut chars = text.chars();
                for (place, wanted) in part.chars.chars().enumerate() {
                    if !part.fits(place, wanted, chars.next()?) {
                        return None;
                    }
                }
                Some(chars.as_str())
            }
        }
    }

    pub(super) fn strip_suffix<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Text(part) => text.strip_suffix(&**part),
            Self::Holes(part) => {
                let mut chars = text.chars();
                for (place, wanted) in (0..part.count).rev().zip(part.chars.chars().rev()) {
                    if !part.fits(place, wanted, chars.next_back()?) {
                        return None;
                    }
                }
                Some(chars.as_str())
            }
        }
    }

    /// Returns the text after the leftmost match.
    fn find_end<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Text(part) => text.find(&**part).map(|at| &text[at + part.len()..]),
            Self::Holes(part) => part.find_end(text),
        }
    }
}

impl Holes {
    /// Shift-and search: bit n of the state is set while the last n + 1 characters read match the first n + 1 of the
    /// part.
    fn find_end<'t>(&self, text: &'t str) -> Option<&'t str> {
        // Each character has at least one byte.
        if text.len() < self.count {
            return None;
        }
        let mut masks: HashMap<char, Box<[u64]>> = HashMap::new();
        for (place, wanted) in self.chars.chars().enumerate().filter(|(place, _)| !self.is_any(*place)) {
            masks.entry(wanted).or_insert_with(|| self.any.clone())[place / 64] |= 1 << (place % 64);
        }
        let last = 1_u64 << ((self.count - 1) % 64);
        let mut state = vec![0_u64; self.any.len()];
        for (at, char) in text.char_indices() {
            let mut carry = 1;
            for (word, mask) in state.iter_mut().zip(masks.get(&char).unwrap_or(&self.any)) {
                let next = *word >> 63;
                *word = (*word << 1 | carry) & mask;
                carry = next;
            }
            if state.last().is_some_and(|word| word & last != 0) {
                return Some(&text[at + char.len_utf8()..]);
            }
        }
        None
    }
}

impl Floating {
    /// Number of machine words that a search updates per character.
    pub(super) fn words(&self) -> usize {
        self.part.words()
    }

    /// Cost of searching a short text, relative to a part without `?`. Parts with `?` need a table.
    pub(super) fn search_cost(&self) -> usize {
        match &self.part {
            GlobPart::Text(_) => 1,
            GlobPart::Holes(part) => 10 * part.any.len(),
        }
    }

    /// The part, if it has no `?`.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self { before: 0, part: GlobPart::Text(text), after: 0 } => Some(text),
            _ => None,
        }
    }

    pub(super) fn new(part: &[Option<char>]) -> Self {
        let before = part.iter().take_while(|char| char.is_none()).count();
        let after = part[before..].iter().rev().take_while(|char| char.is_none()).count();
        Self { before, part: GlobPart::new(&part[before..part.len() - after]), after }
    }

    /// Returns the text after the leftmost match, including the part's `?`.
    pub(super) fn find_end<'t>(&self, text: &'t str) -> Option<&'t str> {
        skip(self.part.find_end(skip(text, self.before)?)?, self.after)
    }
}

/// The text without its first `count` characters; `None` if it has fewer.
fn skip(text: &str, count: usize) -> Option<&str> {
    let mut chars = text.chars();
    for _ in 0..count {
        chars.next()?;
    }
    Some(chars.as_str())
}
