//! What is wrong with a scenario file, and where.

use crate::base::{
    position::{EXCERPT, Excerpt, Position, shorten_to},
    reading::with_json_escapes,
};
use std::fmt;

/// The most characters of a problem: room for an excerpt, and for a list of what is known instead.
pub(super) const LONGEST_PROBLEM: usize = 4 * EXCERPT;

/// A scenario file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// The file, as it was named.
    pub file: String,
    pub position: Position,
    /// What is wrong, and the fix.
    pub problem: String,
    /// The line of the file, or the part of a long one around the column.
    pub line: Excerpt<'static>,
}

impl ScenarioError {
    /// An error at a place of a text. Quotes little of the text, and of what the problem quotes.
    #[must_use]
    pub fn at(file: &str, text: &str, position: Position, problem: &str) -> Self {
        let line = position.excerpt(text).into_owned();
        Self { file: file.to_owned(), position, problem: shown(problem), line }
    }

    /// The same place with another problem.
    #[must_use]
    pub(crate) fn saying(self, problem: &str) -> Self {
        Self { problem: shown(problem), ..self }
    }
}

/// A problem as it is shown.
fn shown(problem: &str) -> String {
    with_json_escapes(&shorten_to(problem, LONGEST_PROBLEM)).into_owned()
}

impl fmt::Display for ScenarioError {
    /// `file:line:column: problem`, then the line, then a caret under the column.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, position, problem, line } = self;
        writeln!(formatter, "{file}:{position}: {problem}")?;
        writeln!(formatter, "{line}")?;
        // A tab stays a tab, so that the caret stands where the column does, however wide tabs are shown.
        let before = line.text.chars().chain(std::iter::repeat(' ')).take(line.column.saturating_sub(1));
        let indent: String = before.map(|char| if char == '\t' { '\t' } else { ' ' }).collect();
        write!(formatter, "{indent}^")
    }
}

impl std::error::Error for ScenarioError {}
