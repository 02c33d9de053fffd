//! The blocks of a template, and whether each is closed in order.

use super::tag::Refused;

/// Maximum nesting depth of blocks; each `elif` counts as one level.
const MOST_BLOCKS: usize = 32;

/// An open block.
#[derive(Debug)]
pub(super) struct Block {
    keyword: Box<str>,
    /// Offset of its tag.
    start: usize,
    /// Number of levels it takes: one, plus one for each `elif`.
    levels: usize,
    has_else: bool,
}

impl Block {
    /// The tag that closes it.
    pub(super) fn ending(&self) -> String {
        format!("{{% end{} %}}", self.keyword)
    }

    /// The error for a block that is not closed.
    pub(super) fn unclosed(&self) -> Refused {
        let (keyword, ending) = (&self.keyword, self.ending());
        Refused::at(self.start, format!("has {{% {keyword} %}} without {ending}; add it at the end of the block"))
    }
}

/// The open blocks, outermost first.
#[derive(Debug, Default)]
pub(super) struct Blocks(Vec<Block>);

impl Blocks {
    pub(super) fn into_open(self) -> Vec<Block> {
        self.0
    }

    pub(super) fn open(&mut self, keyword: &str, start: usize, offset: usize) -> Result<(), Refused> {
        self.0.push(Block { keyword: keyword.into(), start, levels: 1, has_else: false });
        self.check(offset)
    }

    /// Starts another branch of the open block: `elif` or `else`.
    pub(super) fn branch(&mut self, keyword: &str, start: usize, offset: usize) -> Result<(), Refused> {
        let problem = match self.0.last_mut() {
            Some(block) if block.has_else => {
                format!("has {{% {keyword} %}} after the {{% else %}} of the same block; remove one of them")
            }
            Some(block) if &*block.keyword == "if" || (&*block.keyword == "for" && keyword == "else") => {
                block.has_else = keyword == "else";
                block.levels += usize::from(keyword == "elif");
                return self.check(offset);
            }
            Some(block) => {
                let (open, ending) = (&block.keyword, block.ending());
                format!("has {{% {keyword} %}} inside {{% {open} %}}; write {ending} before it")
            }
            None => format!("has {{% {keyword} %}} without {{% if %}}; write it between {{% if %}} and {{% endif %}}"),
        };
        Err(Refused::at(start, problem))
    }

    /// Closes the open block, which must be a `keyword` block.
    pub(super) fn end(&mut self, keyword: &str, start: usize) -> Result<(), Refused> {
        match self.0.pop() {
            Some(block) if *block.keyword == *keyword => Ok(()),
            Some(block) => {
                let (open, ending) = (&block.keyword, block.ending());
                let problem = format!("has {{% end{keyword} %}} inside {{% {open} %}}; write {ending} before it");
                Err(Refused::at(start, problem))
            }
            None => Err(Refused::at(start, format!("has {{% end{keyword} %}} without {{% {keyword} %}}; remove it"))),
        }
    }

    fn check(&self, offset: usize) -> Result<(), Refused> {
        if self.0.iter().map(|block| block.levels).sum::<usize>() <= MOST_BLOCKS {
            return Ok(());
        }
        let problem = format!("has more than {MOST_BLOCKS} nested blocks; nest fewer, or use fewer elif");
        Err(Refused::at(offset, problem))
    }
}
