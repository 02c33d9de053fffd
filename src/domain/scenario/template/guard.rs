//! Limits a template before it is compiled.
//!
//! The engine's fuel covers what a template does, with gaps: comparing nested lists, slicing, and sequences that are
//! multiplied or joined without being built. Therefore every operand of a template gets a filter that measures its
//! value ([`BOUNDED`]), and operands of `*` and `+` also get one that rejects lists ([`SCALAR`]), so that no value is
//! larger than its fuel allows. The parser and the engine recurse into nested templates, so nesting is limited as well.

use super::{
    blocks::{Block, Blocks},
    objects::check_engine_name,
    tag::{Placed, Refused, Tag},
    words::{self, FILTERS, STATEMENTS, TESTS},
};
use minijinja::{
    Error,
    machinery::{Token, Tokenizer},
};

/// Maximum size of a template in bytes.
pub(super) const MOST_SOURCE: usize = 256 * 1024;

/// Maximum length of a line in bytes. The engine counts columns in 16 bits, and a syntax error beyond that panics.
const MOST_LINE: usize = 64_000;

/// Maximum nesting depth of operators, brackets and filters in an expression.
const MOST_NESTED: usize = 64;

/// The filter that measures a value.
pub(super) const BOUNDED: &str = "_bounded";

/// The filter that rejects lists.
pub(super) const SCALAR: &str = "_scalar";

/// A template that is safe to compile.
#[derive(Debug)]
pub(super) struct Guarded {
    /// The template with a filter after every operand.
    pub(super) text: String,
    /// Start and end of each tag in the source.
    pub(super) tags: Vec<(usize, usize)>,
    /// The blocks that are open at the end, outermost first.
    pub(super) open: Vec<Block>,
}

/// Checks brackets, blocks, and the names of statements, filters and tests, and inserts a filter after every operand.
pub(super) fn guard(source: &str) -> Result<Guarded, Refused> {
    if source.len() > MOST_SOURCE {
        let problem = format!("has {} bytes; a template has at most {MOST_SOURCE}", source.len());
        return Err(Refused::at(0, problem));
    }
    if source.split('\n').any(|line| line.len() > MOST_LINE) {
        return Err(Refused::at(0, format!("has a line of more than {MOST_LINE} bytes; break the line")));
    }
    let mut tokenizer = Tokenizer::new(source, "template", false, minijinja::syntax::SyntaxConfig::default());
    let guarded = String::with_capacity(source.len() * 2);
    let mut guard = Guard { source, copied: 0, guarded, blocks: Blocks::default() };
    let mut tags = Vec::new();
    let mut tag: Option<Tag<'_>> = None;
    let mut read = 0;
    loop {
        let (token, start, end) = match tokenizer.next_token() {
            Ok(None) => break,
            Ok(Some((token, span))) => (token, span.start_offset as usize, span.end_offset as usize),
            Err(error) => return Err(unreadable(source, read, tag.as_ref(), &error)),
        };
        read = end;
        match token {
            Token::VariableStart | Token::BlockStart => {
                tag = Some(Tag { start, is_block: matches!(token, Token::BlockStart), tokens: Vec::new() });
            }
            Token::VariableEnd | Token::BlockEnd => {
                if let Some(tag) = tag.take() {
                    guard.tag(&tag)?;
                    tags.push((tag.start, end));
                }
            }
            token => {
                if let Some(tag) = &mut tag {
                    tag.tokens.push((token, start, end));
                }
            }
        }
    }
    // The engine would parse the rest of the template as a part of the tag, unguarded.
    if let Some(tag) = tag {
        let (begins, ends) = if tag.is_block { ("{%", "%}") } else { ("{{", "}}") };
        let problem = format!("has a {begins} that is not closed; close it with {ends}");
        return Err(tag.unbalanced(true).unwrap_or_else(|| Refused::at(tag.start, problem)));
    }
    guard.guarded.push_str(&source[guard.copied..]);
    Ok(Guarded { text: guard.guarded, tags, open: guard.blocks.into_open() })
}

/// The error for a text without a next token. `read` is where the last token ended.
fn unreadable(source: &str, read: usize, tag: Option<&Tag<'_>>, error: &Error) -> Refused {
    if let Some(refused) = tag.and_then(|tag| tag.unbalanced(false)) {
        return refused;
    }
    let rest = &source[read..];
    let offset = read + rest.find(|char: char| !char.is_ascii_whitespace()).unwrap_or(0);
    Refused::at(offset, words::clause(error))
}

struct Guard<'s> {
    source: &'s str,
    /// Number of source bytes already copied to `guarded`.
    copied: usize,
    guarded: String,
    blocks: Blocks,
}

/// What the next word of an expression names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    Member,
    Filter,
    Test,
}

/// A value in an expression after which a filter can be inserted.
struct Operand {
    end: usize,
    /// A literal or the result of a test, which need not be measured.
    is_plain: bool,
}

/// The content of a pair of brackets, or the whole expression.
#[derive(Default)]
struct Level {
    operand: Option<Operand>,
    /// Whether the next operand belongs to `*` or `+`.
    scalar: bool,
    /// Nesting depth so far of the item between two commas, by its operators and by its brackets.
    operators: usize,
    brackets: usize,
    deepest: usize,
}

impl Level {
    fn end_item(&mut self) {
        self.deepest = self.deepest.max(self.operators + self.brackets);
        self.operators = 0;
        self.brackets = 0;
    }
}

impl<'s> Guard<'s> {
    fn tag(&mut self, tag: &Tag<'s>) -> Result<(), Refused> {
        if let Some(refused) = tag.unbalanced(true) {
            return Err(refused);
        }
        let tokens = tag.tokens.as_slice();
        // Assignment targets can also contain brackets, but are not expressions.
        let mut open = 0_usize;
        for (token, start, _) in tokens {
            match token {
                Token::BracketOpen | Token::ParenOpen | Token::BraceOpen => open += 1,
                Token::BracketClose | Token::ParenClose | Token::BraceClose => open = open.saturating_sub(1),
                _ => {}
            }
            if open > MOST_NESTED {
                return Err(too_deep(*start));
            }
        }
        match tokens.split_first() {
            None if tag.is_block => {
                let problem = format!("has an empty {{% %}}; write one of the statements {}", STATEMENTS.join(", "));
                Err(Refused::at(tag.start, problem))
            }
            None => Err(Refused::at(tag.start, "has an empty {{ }}; write what to fill in, such as {{ id }}")),
            Some(((Token::Ident(keyword), offset, _), rest)) if tag.is_block => {
                self.statement(keyword, tag.start, *offset, rest)
            }
            Some(_) if tag.is_block => {
                let problem = format!("has a {{% without a statement; write one of {}", STATEMENTS.join(", "));
                Err(Refused::at(tag.start, problem))
            }
            Some(_) => self.expression(tokens, None),
        }
    }

    fn statement(&mut self, keyword: &'s str, start: usize, offset: usize, rest: &[Placed<'s>]) -> Result<(), Refused> {
        match keyword {
            "for" => {
                self.blocks.open(keyword, start, offset)?;
                for pair in rest.windows(2) {
                    if let [(before, ..), (Token::Ident("recursive"), at, _)] = pair
                        && !matches!(before, Token::Dot)
                    {
                        return Err(Refused::at(*at, "uses a recursive loop; nest loops instead"));
                    }
                }
                let source = top_level(rest, |token| matches!(token, Token::Ident("in")));
                self.expression(source.map_or(&[], |place| &rest[place + 1..]), None)
            }
            "set" => {
                if let Some(place) = top_level(rest, |token| matches!(token, Token::Assign)) {
                    check_target(&rest[..place])?;
                    return self.expression(&rest[place + 1..], None);
                }
                let filter = top_level(rest, |token| matches!(token, Token::Pipe));
                let target = &rest[..filter.unwrap_or(rest.len())];
                if !is_target(target) {
                    return Err(Refused::at(start, "has an incomplete {% set %}; write {% set name = value %}"));
                }
                self.blocks.open(keyword, start, offset)?;
                check_target(target)?;
                self.expression(filter.map_or(&[], |place| &rest[place + 1..]), Some(Name::Filter))
            }
            "filter" => {
                self.blocks.open(keyword, start, offset)?;
                self.expression(rest, Some(Name::Filter))
            }
            "if" | "with" | "autoescape" => {
                self.blocks.open(keyword, start, offset)?;
                self.expression(rest, None)
            }
            "elif" | "else" => {
                self.blocks.branch(keyword, start, offset)?;
                self.expression(rest, None)
            }
            "do" => self.expression(rest, None),
            _ => match keyword.strip_prefix("end").filter(|block| STATEMENTS.contains(block) && *block != "do") {
                Some(block) => self.blocks.end(block, start),
                None => Err(Refused::at(start, words::unknown_statement(keyword))),
            },
        }
    }

    /// Inserts filters after the operands of an expression. `name` is what its first word names, if that is not a
    /// value.
    fn expression(&mut self, tokens: &[Placed<'_>], mut name: Option<Name>) -> Result<(), Refused> {
        let mut levels = vec![Level::default()];
        for (place, (token, start, end)) in tokens.iter().enumerate() {
            let Some(level) = levels.last_mut() else { break };
            if let Some(kind) = name.take() {
                match (kind, token) {
                    (Name::Test, Token::Ident("not")) => {
                        name = Some(kind);
                        continue;
                    }
                    (Name::Filter, Token::Ident(word)) if !FILTERS.contains(word) => {
                        return Err(Refused::at(*start, words::unknown_filter(word)));
                    }
                    (Name::Test, Token::Ident(word)) if !TESTS.contains(word) => {
                        return Err(Refused::at(*start, words::unknown_test(word)));
                    }
                    _ => {}
                }
                // A bracket where a name belongs still closes its own pair, and the engine rejects the rest. A member
                // may be an item's index.
                if matches!(token, Token::Ident(_)) || matches!((kind, token), (Name::Member, Token::Int(_))) {
                    level.operand = Some(Operand { end: *end, is_plain: kind == Name::Test });
                    continue;
                }
            }
            match token {
                Token::Ident("and" | "or" | "not" | "in" | "if" | "else") => {
                    self.put(level, false);
                    level.operators += 1;
                }
                Token::Ident("is") => {
                    self.put(level, false);
                    level.operators += 1;
                    name = Some(Name::Test);
                }
                Token::Ident(word) => {
                    check_engine_name(word, *start, &tokens[place + 1..])?;
                    self.put(level, false);
                    level.operand = Some(Operand { end: *end, is_plain: is_literal(word) });
                }
                Token::Str(_) | Token::String(_) | Token::Int(_) | Token::Int128(_) | Token::Float(_) => {
                    // Only the argument of a test, or another string, can follow an operand.
                    self.put(level, false);
                    level.operand = Some(Operand { end: *end, is_plain: true });
                }
                Token::Dot => {
                    level.operators += 1;
                    name = Some(Name::Member);
                }
                Token::Pipe => {
                    if let Some(operand) = level.operand.take().filter(|operand| !operand.is_plain) {
                        self.insert(operand.end, BOUNDED);
                    }
                    level.operators += 1;
                    name = Some(Name::Filter);
                }
                Token::BracketOpen | Token::ParenOpen | Token::BraceOpen => {
                    level.operators += 1;
                    levels.push(Level::default());
                }
                Token::BracketClose | Token::ParenClose | Token::BraceClose => {
                    self.put(level, false);
                    level.end_item();
                    let inner = level.deepest;
                    if levels.len() > 1 {
                        levels.pop();
                    }
                    if let Some(level) = levels.last_mut() {
                        level.brackets = level.brackets.max(inner);
                        level.operand = Some(Operand { end: *end, is_plain: false });
                    }
                }
                Token::Comma | Token::Colon => {
                    self.put(level, false);
                    level.end_item();
                }
                Token::Assign => level.operand = None,
                Token::Mul | Token::Plus => {
                    self.put(level, true);
                    level.scalar = true;
                    level.operators += 1;
                }
                _ => {
                    self.put(level, false);
                    level.operators += 1;
                }
            }
            let open: usize = levels.iter().map(|level| level.operators).sum();
            let deepest = levels.last().map_or(0, |level| level.operators + level.brackets);
            if open.max(deepest) > MOST_NESTED {
                return Err(too_deep(*start));
            }
        }
        // The brackets are balanced, so only the outermost level is left.
        if let Some(level) = levels.first_mut() {
            self.put(level, false);
        }
        Ok(())
    }

    /// Ends the operand of a level and inserts its filter.
    fn put(&mut self, level: &mut Level, is_factor: bool) {
        let Some(operand) = level.operand.take() else { return };
        let is_scalar = std::mem::take(&mut level.scalar) || is_factor;
        if !operand.is_plain {
            self.insert(operand.end, if is_scalar { SCALAR } else { BOUNDED });
        }
    }

    fn insert(&mut self, at: usize, filter: &str) {
        self.guarded.push_str(&self.source[self.copied..at]);
        self.guarded.push('|');
        self.guarded.push_str(filter);
        // A word may follow.
        self.guarded.push(' ');
        self.copied = at;
    }
}

/// Whether tokens can be an assignment target: names with members, commas and brackets.
fn is_target(tokens: &[Placed<'_>]) -> bool {
    let is_part = |(token, ..): &Placed<'_>| {
        matches!(token, Token::Ident(_) | Token::Dot | Token::Comma | Token::ParenOpen | Token::ParenClose)
    };
    let are_names = |pair: &[Placed<'_>]| matches!(pair, [(Token::Ident(_), ..), (Token::Ident(_), ..)]);
    !tokens.is_empty() && tokens.iter().all(is_part) && !tokens.windows(2).any(are_names)
}

/// Rejects assignments to members, because values cannot be changed.
fn check_target(tokens: &[Placed<'_>]) -> Result<(), Refused> {
    match tokens.iter().find(|(token, ..)| matches!(token, Token::Dot)) {
        Some((_, start, _)) => {
            let problem = "assigns to a member, but values cannot be changed; assign to a new name";
            Err(Refused::at(*start, problem))
        }
        None => Ok(()),
    }
}

fn too_deep(offset: usize) -> Refused {
    let problem =
        format!("nests more than {MOST_NESTED} operators, brackets and filters in one expression; split it with set");
    Refused::at(offset, problem)
}

fn is_literal(word: &str) -> bool {
    matches!(word, "true" | "True" | "false" | "False" | "none" | "None")
}

/// The position of the first such token outside brackets.
fn top_level(tokens: &[Placed<'_>], is_wanted: impl Fn(&Token<'_>) -> bool) -> Option<usize> {
    let mut open = 0_usize;
    tokens.iter().position(|(token, ..)| {
        match token {
            Token::BracketOpen | Token::ParenOpen | Token::BraceOpen => open += 1,
            Token::BracketClose | Token::ParenClose | Token::BraceClose => open = open.saturating_sub(1),
            _ => {}
        }
        open == 0 && is_wanted(token)
    })
}
