//! A tag of a template: its tokens, and whether its brackets are balanced.

use minijinja::machinery::Token;

/// Why a template is rejected, and at which byte.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) offset: usize,
    /// What is wrong with the template; follows "the template".
    pub(super) problem: String,
}

impl Refused {
    pub(super) fn at(offset: usize, problem: impl Into<String>) -> Self {
        Self { offset, problem: problem.into() }
    }
}

/// A token with its start and end offsets.
pub(super) type Placed<'s> = (Token<'s>, usize, usize);

/// A tag: `{{ … }}` or `{% … %}`.
pub(super) struct Tag<'s> {
    pub(super) start: usize,
    pub(super) is_block: bool,
    pub(super) tokens: Vec<Placed<'s>>,
}

impl Tag<'_> {
    /// The first bracket that is not closed or has no opening bracket. Brackets open at the end of the tokens count
    /// only if the tag is known to end there.
    pub(super) fn unbalanced(&self, is_complete: bool) -> Option<Refused> {
        let mut open: Vec<(char, usize)> = Vec::new();
        let mut closed_before: Option<((char, usize), usize)> = None;
        for (token, start, end) in &self.tokens {
            let bracket = match token {
                Token::BracketOpen => '[',
                Token::ParenOpen => '(',
                Token::BraceOpen => '{',
                Token::BracketClose => ']',
                Token::ParenClose => ')',
                Token::BraceClose => '}',
                _ => continue,
            };
            if "[({".contains(bracket) {
                open.push((bracket, *start));
                continue;
            }
            match (open.pop(), closed_before) {
                (Some(opening), _) if closing_of(opening.0) == bracket => closed_before = Some((opening, *end)),
                (Some(opening), _) => return Some(not_closed(opening)),
                // In a }} that was meant to end the tag, the first } closed a {.
                (None, Some((opening @ ('{', _), end))) if bracket == '}' && end == *start => {
                    return Some(not_closed(opening));
                }
                (None, _) => {
                    let fix = match (bracket, self.is_block) {
                        ('}', true) => "end the {% with %}",
                        ('}', false) => "end the {{ with }}",
                        _ => "remove it",
                    };
                    return Some(Refused::at(*start, format!("has a {bracket} without an opening bracket; {fix}")));
                }
            }
        }
        open.pop().filter(|_| is_complete).map(not_closed)
    }
}

fn not_closed((opening, offset): (char, usize)) -> Refused {
    let closing = closing_of(opening);
    Refused::at(offset, format!("has a {opening} that is not closed; close it with {closing}"))
}

fn closing_of(opening: char) -> char {
    match opening {
        '[' => ']',
        '(' => ')',
        _ => '}',
    }
}
