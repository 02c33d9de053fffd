//! The objects of the engine, which a template can use but not show.

use super::{
    tag::{Placed, Refused},
    words,
};
use minijinja::machinery::Token;

/// The members of `loop`.
const OF_LOOP: [&str; 11] =
    ["index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "depth0", "changed", "cycle"];

/// Rejects the engine's objects as values, because they would be shown as their internal names. `next` is what follows
/// the name.
pub(super) fn check_engine_name(word: &str, start: usize, next: &[Placed<'_>]) -> Result<(), Refused> {
    let refuse = |problem: String| Err(Refused::at(start, problem));
    match (word, next) {
        ("self", _) => refuse(format!("uses self, which a template without named blocks does not have; {USE_NAMES}")),
        ("loop", [(Token::Dot, ..), (Token::Ident(member), ..), rest @ ..]) => match (*member, rest) {
            (member, _) if !OF_LOOP.contains(&member) => refuse(words::unknown_member("loop", member, &OF_LOOP)),
            ("cycle", [(Token::ParenOpen, ..), (Token::ParenClose, ..), ..]) => refuse(
                "calls loop.cycle() without a value; write the values to cycle through: loop.cycle(\"a\", \"b\")"
                    .to_owned(),
            ),
            // An unpacked list may be empty.
            ("cycle", [(Token::ParenOpen, ..), (Token::Mul | Token::Pow, ..), ..]) => {
                refuse("unpacks the arguments of loop.cycle(); write them: loop.cycle(\"a\", \"b\")".to_owned())
            }
            ("cycle" | "changed", [(Token::ParenOpen, ..), ..]) => Ok(()),
            (method @ ("cycle" | "changed"), _) => {
                refuse(format!("uses loop.{method} without a call; write loop.{method}(…) with its values"))
            }
            _ => Ok(()),
        },
        ("loop", _) => refuse(format!("uses loop as a value; use one of its members: {}", OF_LOOP.join(", "))),
        // The name of an argument: dict(range=1).
        ("range" | "dict", [(Token::ParenOpen | Token::Assign, ..), ..]) => Ok(()),
        ("range" | "dict", _) => refuse(format!("uses the function {word} as a value; call it: {word}()")),
        _ => Ok(()),
    }
}

const USE_NAMES: &str = "use names such as request, actor and id";
