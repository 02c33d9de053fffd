//! Explains YAML syntax errors. The reader often notices an error after its cause, such as an open quote on the next
//! line; this module finds the cause.

use crate::base::position::Position;
use granit_parser::{ErrorKind, Scanner, StrInput, TokenType};

/// The position and the reason of an error that the reader noticed at `noticed`.
pub(super) fn explain(text: &str, noticed: Position, kind: &ErrorKind) -> (Position, String) {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let at = noticed.offset(text);
    if let Some(comment) = super::comment::comment_in_json(&text[..text.ceil_char_boundary((at + 2).min(text.len()))]) {
        let problem = "a comment that is valid in neither JSON nor YAML; remove it";
        return (Position::of(text, comment), problem.to_owned());
    }
    let fault = Fault { text, at, context: Context::of(text, at) };
    let (offset, problem) = fault.explain(kind);
    (Position::of(text, offset), problem)
}

/// The surroundings of the first error in a text.
#[derive(Default)]
struct Context {
    /// Where the last complete token ends.
    behind: usize,
    /// The open brackets, with their offsets.
    brackets: Vec<(char, usize)>,
    /// The columns of the open lists and objects without brackets, counted from 0.
    columns: Vec<usize>,
}

impl Context {
    /// The surroundings of an error that was noticed at `at`.
    fn of(text: &str, at: usize) -> Self {
        let mut context = Self::default();
        for token in Scanner::new(StrInput::new(text)).map_while(Result::ok) {
            let (span, token) = token.into_parts();
            let start = span.start.byte_offset().unwrap_or_default();
            context.behind = context.behind.max(span.end.byte_offset().unwrap_or_default());
            if start >= at {
                continue;
            }
            match token {
                TokenType::FlowSequenceStart => context.brackets.push(('[', start)),
                TokenType::FlowMappingStart => context.brackets.push(('{', start)),
                TokenType::FlowSequenceEnd | TokenType::FlowMappingEnd => {
                    context.brackets.pop();
                }
                TokenType::BlockSequenceStart | TokenType::BlockMappingStart => context.columns.push(span.start.col()),
                TokenType::BlockEnd => {
                    context.columns.pop();
                }
                _ => {}
            }
        }
        // The scanner withholds the first bracket of a file for as long as it could be a key.
        if context.brackets.is_empty() && context.columns.is_empty() {
            let start = text.find(|char: char| !char.is_whitespace()).unwrap_or_default();
            let first = text[start..].chars().next();
            context.brackets.extend(first.filter(|char| start < at && "[{".contains(*char)).map(|char| (char, start)));
        }
        context
    }
}

struct Fault<'t> {
    text: &'t str,
    /// Where the reader noticed the error.
    at: usize,
    context: Context,
}

impl Fault<'_> {
    fn explain(&self, kind: &ErrorKind) -> (usize, String) {
        let here = |problem: &str| (self.at, problem.to_owned());
        match kind {
            ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => open_quote(self.at),
            ErrorKind::InvalidQuotedScalarIndent => open_quote(self.last_quote().unwrap_or(self.at)),
            ErrorKind::InvalidTrailingSingleQuotedScalar | ErrorKind::InvalidTrailingDoubleQuotedScalar => {
                self.behind_quote()
            }
            ErrorKind::UnknownQuotedScalarEscape
            | ErrorKind::InvalidQuotedScalarHexEscape
            | ErrorKind::InvalidLowSurrogateHexEscape
            | ErrorKind::InvalidLowSurrogate
            | ErrorKind::MissingLowSurrogate
            | ErrorKind::UnpairedLowSurrogate
            | ErrorKind::InvalidUnicodeEscape => self.escape(),
            ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabAtBlockScalarStart
            | ErrorKind::TabInPlainScalar => {
                (self.tab(), "a line cannot be indented with a tab in YAML; use spaces".to_owned())
            }
            ErrorKind::UnexpectedCharacter { character } => self.character(*character),
            ErrorKind::BomInsideDocument => {
                here("a byte order mark (an invisible character) inside the file; remove it")
            }
            ErrorKind::RecursionLimitExceeded => (self.at, super::too_deep()),
            ErrorKind::UnclosedFlowCollection { open } => open_bracket(*open, self.at),
            ErrorKind::MismatchedFlowCollectionEnd { open, close } => self.mismatch(*open, *close),
            ErrorKind::MisplacedFlowCollectionEnd => {
                let bracket = self.text[self.at..].chars().next().unwrap_or(']');
                (self.at, format!("a {bracket} without an opening bracket; remove it"))
            }
            ErrorKind::ExpectedDocumentStart if self.directive().is_some() => {
                (self.directive().unwrap_or(self.at), between_lines(&ErrorKind::DirectiveDisallowed).to_owned())
            }
            _ => match self.context.brackets.last() {
                Some((bracket, start)) if self.is_outside(*start) || self.rest().trim().is_empty() => {
                    open_bracket(*bracket, *start)
                }
                Some(_) => self.in_brackets(kind),
                None => here(between_lines(kind)),
            },
        }
    }

    /// The line before the error that starts with %.
    fn directive(&self) -> Option<usize> {
        let before = &self.text[..self.at];
        let found = before.match_indices('%').map(|(place, _)| place);
        found.rev().find(|place| *place == 0 || before[..*place].ends_with('\n'))
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// The opening quote of the text that contains the error, or of a text that ends just before it.
    fn last_quote(&self) -> Option<usize> {
        let mut from = self.context.behind.min(self.at);
        loop {
            let start = self.next_quote(from)?;
            let Some(end) = self.closing_quote(start).filter(|end| *end < self.at) else { return Some(start) };
            if self.text[end + 1..self.at].trim().is_empty() {
                return Some(start);
            }
            from = end + 1;
        }
    }

    /// The first quote after an offset that can open a text.
    fn next_quote(&self, from: usize) -> Option<usize> {
        let mut is_comment = false;
        let mut before = self.text[..from].chars().next_back().unwrap_or('\n');
        for (offset, char) in self.text[from..].char_indices() {
            let can_open = before.is_whitespace() || "[{,:".contains(before);
            match char {
                '\n' => is_comment = false,
                '#' if before.is_whitespace() => is_comment = true,
                '"' | '\'' if can_open && !is_comment => return Some(from + offset),
                _ => {}
            }
            before = char;
        }
        None
    }

    /// The closing quote for the one at an offset.
    fn closing_quote(&self, start: usize) -> Option<usize> {
        let quote = self.text.as_bytes()[start];
        let mut bytes = self.text.bytes().enumerate().skip(start + 1).peekable();
        while let Some((place, byte)) = bytes.next() {
            match byte {
                b'\\' if quote == b'"' => {
                    bytes.next();
                }
                // In single quotes, two of them stand for one.
                b'\'' if quote == b'\'' && bytes.peek().is_some_and(|(_, next)| *next == b'\'') => {
                    bytes.next();
                }
                _ if byte == quote => return Some(place),
                _ => {}
            }
        }
        None
    }

    /// More text after a closing quote.
    fn behind_quote(&self) -> (usize, String) {
        let start = self.last_quote().unwrap_or(self.at);
        if self.text[start..self.at].trim_end().contains('\n') {
            let line = Position::of(self.text, self.at).line;
            let problem = format!("the quote that opens here is not closed on its line, but by a quote in line {line}");
            return (start, format!("{problem}; close it"));
        }
        let single = self.text[start..].starts_with('\'');
        let quote = if single { "'' for a ' inside it" } else { "\\\" for a \" inside it" };
        let problem = if self.context.brackets.is_empty() {
            format!("text follows the closing quote; quote the whole text, and write {quote}")
        } else {
            format!("text follows the closing quote; a comma or a colon is missing, or write {quote}")
        };
        (self.at, problem)
    }

    /// The first invalid escape in double quotes. The reader reports only the quote.
    fn escape(&self) -> (usize, String) {
        let mut rest = self.at;
        while let Some(found) = self.text[rest..].find('\\') {
            let start = rest + found;
            let mut chars = self.text[start + 1..].chars();
            let letter = chars.next().unwrap_or(' ');
            let digits = match letter {
                'x' => 2,
                'u' => 4,
                'U' => 8,
                _ if "0abt\tnvfre \"/\\N_LP\r\n".contains(letter) => 0,
                _ => {
                    let problem = format!("\\{letter} is not an escape; write \\\\ for a backslash");
                    return (start, problem);
                }
            };
            let written: String = chars.take_while(char::is_ascii_hexdigit).take(digits).collect();
            if written.len() < digits {
                let problem = format!("\\{letter} needs {digits} hexadecimal digits; write \\\\ for a backslash");
                return (start, problem);
            }
            let end = start + 1 + letter.len_utf8() + digits;
            let code = u32::from_str_radix(&written, 16).unwrap_or_default();
            rest = match code {
                0xD800..0xDC00 if is_low_surrogate(&self.text[end..]) => end + 6,
                0xD800..=0xDFFF => {
                    let problem = format!(
                        "\\{letter}{written} is half of a character; write both halves, such as \\ud83d\\ude00, or the \
                         character itself"
                    );
                    return (start, problem);
                }
                0x0011_0000.. => {
                    return (start, format!("\\{letter}{written} is not a character; the last one is \\U0010FFFF"));
                }
                _ => end,
            };
        }
        (self.at, "an escape in double quotes cannot be read; write \\\\ for a backslash".to_owned())
    }

    /// The tab that indents the line, or the first tab after the offset.
    fn tab(&self) -> usize {
        let line = self.text[..self.at].rfind('\n').map_or(0, |end| end + 1);
        let indent = self.text[line..].find(|char: char| char != ' ').map_or(line, |offset| line + offset);
        if self.text[indent..].starts_with('\t') {
            return indent;
        }
        self.rest().find('\t').map_or(self.at, |offset| self.at + offset)
    }

    fn character(&self, character: char) -> (usize, String) {
        let at = self.rest().find(character).map_or(self.at, |offset| self.at + offset);
        let problem = if character.is_control() || !character.is_ascii() {
            let code = u32::from(character);
            format!("the character U+{code:04X} is not allowed in a file; write \\u{code:04x} in double quotes")
        } else {
            format!("a text cannot start with {character} in YAML; put it in quotes")
        };
        (at, problem)
    }

    fn mismatch(&self, open: char, close: char) -> (usize, String) {
        let behind = self.context.behind.max(self.at);
        let at = self.text[behind..].find(close).map_or(self.at, |offset| behind + offset);
        let Position { line, column } = Position::of(self.text, self.at);
        let closing = if open == '[' { ']' } else { '}' };
        let problem = format!(
            "this {close} cannot close the {open} of line {line}, column {column}; close that with {closing}, or remove the \
             {close}"
        );
        (at, problem)
    }

    /// Whether the line of the error is indented no more than the list or object around a bracket, so that the bracket
    /// should have been closed earlier.
    fn is_outside(&self, bracket: usize) -> bool {
        let place = Position::of(self.text, self.at);
        let line = self.text.lines().nth(place.line - 1).unwrap_or_default();
        let indent = line.len() - line.trim_start().len();
        let around = self.context.columns.last();
        Position::of(self.text, bracket).line < place.line && around.is_some_and(|column| indent <= *column)
    }

    /// An error between two brackets.
    fn in_brackets(&self, kind: &ErrorKind) -> (usize, String) {
        let problem = match kind {
            ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator => {
                "a comma is missing before this, or a bracket is not closed"
            }
            ErrorKind::InvalidColonPlacement
            | ErrorKind::MappingValueNotAllowed
            | ErrorKind::SimpleKeyExpected
            | ErrorKind::InvalidSimpleKey
            | ErrorKind::FlowMappingValueAdjacentCollection => {
                "a misplaced colon; add the missing comma before it, or quote the text"
            }
            ErrorKind::BlockEntryInFlowCollection | ErrorKind::PlainScalarStartsWithDashFlowIndicator => {
                "a - inside brackets; separate items with commas there"
            }
            _ => between_lines(kind),
        };
        (self.at, problem.to_owned())
    }
}

fn open_quote(start: usize) -> (usize, String) {
    (start, "the quote that opens here is not closed; close it".to_owned())
}

fn open_bracket(bracket: char, start: usize) -> (usize, String) {
    let closing = if bracket == '[' { ']' } else { '}' };
    (start, format!("the {bracket} that opens here is not closed; close it with {closing}"))
}

fn is_low_surrogate(text: &str) -> bool {
    let code = text.strip_prefix("\\u").and_then(|rest| u32::from_str_radix(rest.get(..4)?, 16).ok());
    code.is_some_and(|code| (0xDC00..0xE000).contains(&code))
}

/// An error outside brackets and quotes.
fn between_lines(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidIndentation
        | ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::BlockSequenceEntryNotAllowed
        | ErrorKind::InvalidBlockScalarIndent
        | ErrorKind::MappingKeyNotAllowed
        | ErrorKind::InvalidFlowScalarIndent => {
            "the line is not indented like the lines before it; use the same number of spaces"
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => {
            "a misplaced colon; put a text with a colon in quotes, and check the indentation"
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            "a key without a colon, or a text that is not indented; write key: value"
        }
        ErrorKind::InvalidMappingValueWhitespace
        | ErrorKind::InvalidBlockEntryWhitespace
        | ErrorKind::ExpectedWhitespace => "a space is missing after a colon or a dash; add it",
        ErrorKind::CommentNotSeparated => "a comment needs a space before its #; add it, or put the text in quotes",
        ErrorKind::CommentInterceptedScalar => {
            "a comment inside a multi-line text; quote the text, or move the comment"
        }
        ErrorKind::ZeroBlockScalarIndent | ErrorKind::InvalidBlockScalarHeader => {
            "text follows the | or > of a multi-line text; start the text on the next line"
        }
        ErrorKind::ExpectedDocumentStart
        | ErrorKind::InvalidDocumentEnd
        | ErrorKind::MissingDocumentEndBeforeDirective => {
            "text after the end of the value; remove it, or check the indentation and the brackets"
        }
        ErrorKind::PlainScalarStartsWithDashFlowIndicator | ErrorKind::BlockEntryInFlowCollection => {
            "a text cannot start with this - in YAML; put it in quotes"
        }
        ErrorKind::MissingAnchorOrAliasName => "a text cannot start with * or & in YAML; put it in quotes",
        ErrorKind::UndeclaredTagHandle
        | ErrorKind::ExpectedTagBang
        | ErrorKind::InvalidGlobalTagCharacter
        | ErrorKind::InvalidTagTerminator
        | ErrorKind::MissingTagUri
        | ErrorKind::UnclosedVerbatimTag
        | ErrorKind::InvalidTagEscape
        | ErrorKind::InvalidTagUtf8LeadingByte
        | ErrorKind::InvalidTagUtf8TrailingByte
        | ErrorKind::InvalidTagUtf8 => "a tag (!) would change the value; remove it, and quote texts",
        ErrorKind::DirectiveDisallowed
        | ErrorKind::InvalidDirectiveTerminator
        | ErrorKind::InvalidDirectiveName
        | ErrorKind::MissingDirectiveName
        | ErrorKind::MissingYamlVersion
        | ErrorKind::MissingYamlVersionSeparator
        | ErrorKind::YamlVersionTooLong
        | ErrorKind::DuplicateVersionDirective
        | ErrorKind::UnsupportedYamlMajorVersion
        | ErrorKind::DuplicateTagDirective
        | ErrorKind::ExpectedTagDirectiveBang
        | ErrorKind::InvalidTagDirectiveTerminator
        | ErrorKind::DirectiveByteLimitExceeded { .. }
        | ErrorKind::TooManyReservedDirectiveParams { .. } => {
            "a line that starts with % is a YAML directive, which is not needed here; remove it"
        }
        ErrorKind::UnexpectedEof | ErrorKind::UnexpectedEndOfPlainScalar | ErrorKind::ExpectedNodeContent => {
            "a value is missing here; add it"
        }
        _ => "the line is not YAML; check its indentation and colons, and quote texts with special characters",
    }
}
