//! An error in a scenario file, with its position.

use crate::base::{
    position::{EXCERPT, Excerpt, Position, shorten_to},
    reading::with_json_escapes,
};
use std::fmt;

/// Maximum number of characters of a problem: enough for an excerpt and a list of known names.
pub(super) const LONGEST_PROBLEM: usize = 4 * EXCERPT;

/// An error in a scenario file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// The name of the file.
    pub file: String,
    pub position: Position,
    /// What is wrong, and the fix.
    pub problem: String,
    /// The line of the file, or the part of a long line around the column.
    pub line: Excerpt<'static>,
}

impl ScenarioError {
    /// An error at a position of a text. Quotes only a short part of the text and of what the problem quotes.
    #[must_use]
    pub fn at(file: &str, text: &str, position: Position, problem: &str) -> Self {
        let line = position.excerpt(text).into_owned();
        Self { file: file.to_owned(), position, problem: shown(problem), line }
    }

    /// The same position with another problem.
    #[must_use]
    pub(crate) fn saying(self, problem: &str) -> Self {
        Self { problem: shown(problem), ..self }
    }
}

/// A problem as shown to people.
fn shown(problem: &str) -> String {
    with_json_escapes(&shorten_to(problem, LONGEST_PROBLEM)).into_owned()
}

impl fmt::Display for ScenarioError {
    /// Writes `file:line:column: problem`, then the line, then a caret under the column.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, position, problem, line } = self;
        writeln!(formatter, "{file}:{position}: {problem}")?;
        writeln!(formatter, "{line}")?;
        // Tabs are kept, so that the caret is below the column at any tab width.
        let before = line.text.chars().chain(std::iter::repeat(' ')).take(line.column.saturating_sub(1));
        let indent: String = before.map(|char| if char == '\t' { '\t' } else { ' ' }).collect();
        write!(formatter, "{indent}^")
    }
}

impl std::error::Error for ScenarioError {}
