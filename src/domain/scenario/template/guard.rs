//! Bounds a template before it is compiled.
//!
//! The engine's fuel pays for what a template does, with gaps: comparing nested lists, slicing, and sequences that are
//! multiplied or joined without being built. Here every operand of a template gets a filter that measures its value
//! ([`BOUNDED`]), and the operands of `*` and `+` one that takes no list ([`SCALAR`]), so that no value is larger than
//! the fuel can pay for. The parser and the engine recurse into nested templates, so nesting is bounded as well.

use minijinja::{
    Error, ErrorKind, State, Value,
    machinery::{Token, Tokenizer},
    value::{Kwargs, ValueKind},
};

/// The most bytes of a text with places to fill.
pub(super) const MOST_SOURCE: usize = 256 * 1024;

/// The most bytes of a line of it. The engine counts columns in 16 bits, and a syntax error behind the last one panics.
const MOST_LINE: usize = 64_000;

/// The most operators, brackets and filters inside one another in one expression.
const MOST_NESTED: usize = 64;

/// The most blocks inside one another; each `elif` counts as one.
const MOST_BLOCKS: usize = 32;

/// The most lists and objects inside one another in a value; a request has at most 127 levels.
const MOST_LEVELS: usize = 140;

/// The filter that measures a value.
pub(super) const BOUNDED: &str = "_bounded";

/// The filter that refuses lists.
pub(super) const SCALAR: &str = "_scalar";

/// Why a template is not compiled, and at which byte of it.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) offset: usize,
    pub(super) problem: String,
}

/// The template with a filter behind every operand.
pub(super) fn guard(source: &str) -> Result<String, Refused> {
    if source.len() > MOST_SOURCE {
        let problem = format!("has {} bytes; a text with places to fill has at most {MOST_SOURCE}", source.len());
        return Err(Refused { offset: 0, problem });
    }
    if source.split('\n').any(|line| line.len() > MOST_LINE) {
        let problem = format!("has a line of more than {MOST_LINE} bytes; break the line");
        return Err(Refused { offset: 0, problem });
    }
    let mut tokenizer = Tokenizer::new(source, "template", false, minijinja::syntax::SyntaxConfig::default());
    let mut guard = Guard { source, copied: 0, guarded: String::with_capacity(source.len() * 2), blocks: Vec::new() };
    let mut tag: Option<Vec<(Token<'_>, usize, usize)>> = None;
    loop {
        match tokenizer.next_token() {
            Ok(None) => break,
            Ok(Some((Token::VariableStart | Token::BlockStart, _))) => tag = Some(Vec::new()),
            Ok(Some((end @ (Token::VariableEnd | Token::BlockEnd), _))) => {
                if let Some(tokens) = tag.take() {
                    let is_block = matches!(end, Token::BlockEnd);
                    guard.tag(&tokens, is_block)?;
                }
            }
            Ok(Some((token, span))) => {
                if let Some(tokens) = &mut tag {
                    tokens.push((token, span.start_offset as usize, span.end_offset as usize));
                }
            }
            Err(error) => {
                let problem = format!("does not compile: {}", super::in_words(&error));
                return Err(Refused { offset: guard.copied, problem });
            }
        }
    }
    // The engine would parse what is behind it, unguarded.
    if tag.is_some() {
        let problem = "does not compile: a {{ or {% has no end".to_owned();
        return Err(Refused { offset: source.len(), problem });
    }
    guard.guarded.push_str(&source[guard.copied..]);
    Ok(guard.guarded)
}

struct Guard<'s> {
    source: &'s str,
    /// How many bytes of the source are in `guarded` already.
    copied: usize,
    guarded: String,
    /// The open blocks, with the levels that each takes.
    blocks: Vec<usize>,
}

/// A value in an expression that a filter can be put behind.
struct Operand {
    end: usize,
    /// A literal, or the result of a test: there is nothing to measure.
    is_plain: bool,
}

/// What is between two brackets, or the whole expression.
#[derive(Default)]
struct Level {
    operand: Option<Operand>,
    /// The next operand is one of `*` or `+`.
    scalar: bool,
    /// How deep the item between two commas nests so far: by its operators, and by its brackets.
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

impl Guard<'_> {
    fn tag(&mut self, tokens: &[(Token<'_>, usize, usize)], is_block: bool) -> Result<(), Refused> {
        // Brackets also stand in what is assigned to, which is no expression.
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
        if !is_block {
            return self.expression(tokens, false);
        }
        let Some(((Token::Ident(keyword), offset, _), rest)) = tokens.split_first() else { return Ok(()) };
        match *keyword {
            "for" => {
                self.open(*offset)?;
                for pair in rest.windows(2) {
                    if let [(before, ..), (Token::Ident("recursive"), at, _)] = pair
                        && !matches!(before, Token::Dot)
                    {
                        let problem = "uses a recursive loop; nest loops instead".to_owned();
                        return Err(Refused { offset: *at, problem });
                    }
                }
                let source = top_level(rest, |token| matches!(token, Token::Ident("in")));
                self.expression(source.map_or(&[], |place| &rest[place + 1..]), false)
            }
            "set" => {
                if let Some(place) = top_level(rest, |token| matches!(token, Token::Assign)) {
                    check_target(&rest[..place])?;
                    return self.expression(&rest[place + 1..], false);
                }
                self.open(*offset)?;
                let filter = top_level(rest, |token| matches!(token, Token::Pipe));
                check_target(&rest[..filter.unwrap_or(rest.len())])?;
                self.expression(filter.map_or(&[], |place| &rest[place + 1..]), true)
            }
            "filter" => self.open(*offset).and_then(|()| self.expression(rest, true)),
            "if" | "with" | "autoescape" => self.open(*offset).and_then(|()| self.expression(rest, false)),
            "elif" => {
                if let Some(levels) = self.blocks.last_mut() {
                    *levels += 1;
                }
                self.check_blocks(*offset)?;
                self.expression(rest, false)
            }
            ending if ending.starts_with("end") => {
                self.blocks.pop();
                Ok(())
            }
            _ => self.expression(rest, false),
        }
    }

    fn open(&mut self, offset: usize) -> Result<(), Refused> {
        self.blocks.push(1);
        self.check_blocks(offset)
    }

    fn check_blocks(&self, offset: usize) -> Result<(), Refused> {
        if self.blocks.iter().sum::<usize>() <= MOST_BLOCKS {
            return Ok(());
        }
        let problem = format!("has more than {MOST_BLOCKS} blocks inside one another; nest fewer, or use fewer elif");
        Err(Refused { offset, problem })
    }

    /// Puts filters behind the operands of an expression. `filters` says that it begins with the name of a filter.
    fn expression(&mut self, tokens: &[(Token<'_>, usize, usize)], filters: bool) -> Result<(), Refused> {
        let mut levels = vec![Level::default()];
        // The next word is a name: of a member, a filter or a test; with what is to be known of the operand then.
        let mut name: Option<bool> = filters.then_some(false);
        for (token, start, end) in tokens {
            let Some(level) = levels.last_mut() else { break };
            if let Some(is_plain) = name {
                match token {
                    Token::Ident("not") if is_plain => {}
                    _ => {
                        level.operand = Some(Operand { end: *end, is_plain });
                        name = None;
                    }
                }
                continue;
            }
            match token {
                Token::Ident("and" | "or" | "not" | "in" | "if" | "else") => {
                    self.put(level, false);
                    level.operators += 1;
                }
                Token::Ident("is") => {
                    self.put(level, false);
                    level.operators += 1;
                    name = Some(true);
                }
                Token::Ident(_)
                | Token::Str(_)
                | Token::String(_)
                | Token::Int(_)
                | Token::Int128(_)
                | Token::Float(_) => {
                    // Only the argument of a test, or another string, may stand behind an operand.
                    self.put(level, false);
                    let is_plain = !matches!(token, Token::Ident(word) if !is_literal(word));
                    level.operand = Some(Operand { end: *end, is_plain });
                }
                Token::Dot => {
                    level.operators += 1;
                    name = Some(false);
                }
                Token::Pipe => {
                    if let Some(operand) = level.operand.take().filter(|operand| !operand.is_plain) {
                        self.insert(operand.end, BOUNDED);
                    }
                    level.operators += 1;
                    name = Some(false);
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
        let offset = tokens.last().map_or(0, |(_, start, _)| *start);
        match levels.as_mut_slice() {
            [level] => self.put(level, false),
            _ => return Err(Refused { offset, problem: "does not compile: a bracket is not closed".to_owned() }),
        }
        Ok(())
    }

    /// Ends the operand of a level, with its filter behind it.
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
        self.copied = at;
    }
}

/// What is assigned to is no expression, but may have members.
fn check_target(tokens: &[(Token<'_>, usize, usize)]) -> Result<(), Refused> {
    let mut members = tokens.iter().filter(|(token, ..)| matches!(token, Token::Dot));
    members.nth(MOST_NESTED).map_or(Ok(()), |(_, start, _)| Err(too_deep(*start)))
}

fn too_deep(offset: usize) -> Refused {
    let problem =
        format!("nests more than {MOST_NESTED} operators, brackets and filters in one expression; split it with set");
    Refused { offset, problem }
}

fn is_literal(word: &str) -> bool {
    matches!(word, "true" | "True" | "false" | "False" | "none" | "None")
}

/// The place of the first such token outside of brackets.
fn top_level(tokens: &[(Token<'_>, usize, usize)], is_wanted: impl Fn(&Token<'_>) -> bool) -> Option<usize> {
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

/// The filter [`BOUNDED`]: charges fuel for everything that a value holds, and builds what was deferred.
pub(super) fn bounded(state: &State<'_, '_>, value: Value) -> Result<Value, Error> {
    if !is_container(&value) {
        return Ok(value);
    }
    measure(state, &value, MOST_LEVELS, 0)?;
    if value.kind() == ValueKind::Iterable {
        return Ok(value.try_iter()?.collect::<Vec<Value>>().into());
    }
    Ok(value)
}

/// The filter [`SCALAR`].
pub(super) fn scalar(value: Value) -> Result<Value, Error> {
    if is_container(&value) {
        let problem = "+ and * take numbers and texts, and no lists";
        return Err(Error::new(ErrorKind::InvalidOperation, problem));
    }
    Ok(value)
}

/// The filter `tojson`. The engine's own takes fuel for a text once it is written, which is too late: an indent can
/// make the text much larger than the value.
pub(super) fn to_json(
    state: &State<'_, '_>,
    value: &Value,
    indent: Option<Value>,
    named: Kwargs,
) -> Result<Value, Error> {
    let named_indent = named.peek::<Option<Value>>("indent")?;
    let spaces = indent.as_ref().or(named_indent.as_ref()).and_then(|spaces| usize::try_from(spaces.clone()).ok());
    if let Some(spaces) = spaces.filter(|_| is_container(value)) {
        measure(state, value, MOST_LEVELS, spaces)?;
    }
    minijinja::filters::tojson(value, indent, named)
}

fn is_container(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable | ValueKind::Map)
}

/// Takes fuel for a container and all that it holds, as text with so many spaces of indent.
fn measure(state: &State<'_, '_>, value: &Value, levels: usize, indent: usize) -> Result<(), Error> {
    if levels == 0 {
        let problem = format!("a value has more than {MOST_LEVELS} lists and objects inside one another");
        return Err(Error::new(ErrorKind::InvalidOperation, problem));
    }
    let is_map = value.kind() == ValueKind::Map;
    for item in value.try_iter()? {
        weigh(state, &item, levels, indent)?;
        if is_map {
            weigh(state, &value.get_item(&item)?, levels, indent)?;
        }
    }
    Ok(())
}

fn weigh(state: &State<'_, '_>, value: &Value, levels: usize, indent: usize) -> Result<(), Error> {
    let spaces = indent.saturating_mul(MOST_LEVELS + 1 - levels);
    let bytes = value.as_str().map_or(0, str::len).saturating_add(spaces);
    state.consume_fuel(1 + (bytes as u64) / 64)?;
    if is_container(value) { measure(state, value, levels - 1, indent) } else { Ok(()) }
}
