//! What is wrong with a scenario file, and where.

use crate::position::Position;
use std::fmt;

/// A scenario file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// The file, as it was named.
    pub file: String,
    /// Where in the file.
    pub position: Position,
    /// What is wrong, and the fix.
    pub problem: String,
    /// The line of the file.
    pub line: String,
}

impl fmt::Display for ScenarioError {
    /// `file:line:column: problem`, then the line, then a caret under the column.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, position, problem, line } = self;
        writeln!(formatter, "{file}:{position}: {problem}")?;
        writeln!(formatter, "{line}")?;
        // A tab stays a tab, so that the caret stands where the column does, however wide tabs are shown.
        let before = line.chars().chain(std::iter::repeat(' ')).take(position.column.saturating_sub(1));
        let indent: String = before.map(|char| if char == '\t' { '\t' } else { ' ' }).collect();
        write!(formatter, "{indent}^")
    }
}

impl std::error::Error for ScenarioError {}
