//! [`Program`]: counts the steps of a backtracking matcher. It tries in the order in which CPython tries, without
//! CPython's shortcuts, and never takes more steps than its caller allows.

use super::tree::{Node, Position, Set, is_word};

/// The most instructions of a program.
const INSTRUCTIONS_LIMIT: usize = 8192;

#[derive(Clone, Debug)]
enum Instruction {
    Set(usize),
    At(Position),
    /// Goes on at the first, and at the second if that fails.
    Split(usize, usize),
    Jump(usize),
    /// Notes the position in a register.
    Save(usize),
    /// Leaves a loop whose body matched nothing since the register was set.
    LeaveIfEmpty(usize, usize),
    Back(usize),
    /// Matches what follows, up to its `End`, without going back into it; then goes on at `next`.
    Atomic {
        next: usize,
    },
    /// The same, for a text that is looked at from `behind` characters before here, and not passed.
    Look {
        behind: usize,
        is_negated: bool,
        next: usize,
    },
    End,
}

/// An expression, compiled.
#[derive(Debug)]
pub(in crate::generate) struct Program {
    instructions: Vec<Instruction>,
    sets: Vec<Set>,
    registers: usize,
}

/// Why matching ended without an answer: the steps were used up.
struct OutOfSteps;

const UNSET: usize = usize::MAX;

enum Undo {
    /// Try this instruction at this position.
    Branch(usize, usize),
    /// The register had this value.
    Register(usize, usize),
}

impl Program {
    /// Compiles a tree; `None` if the program would be too long.
    pub(in crate::generate) fn new(node: &Node) -> Option<Self> {
        let mut groups = 0;
        count_groups(node, &mut groups);
        // Two registers for each group, then those of loops.
        let mut program = Self { instructions: Vec::new(), sets: Vec::new(), registers: 2 * (groups + 1) };
        program.push(node)?;
        program.add(Instruction::End)?;
        Some(program)
    }

    /// How many steps it takes to look for a match in `text`, at its beginning or anywhere; `limit` if it takes more.
    pub(in crate::generate) fn steps(&self, text: &[char], is_anchored: bool, limit: u32) -> u32 {
        let mut left = limit;
        let last = if is_anchored { 0 } else { text.len() };
        for start in 0..=last {
            let mut registers = vec![UNSET; self.registers];
            match self.run(0, text, start, &mut registers, &mut left) {
                Ok(None) => {}
                Ok(Some(_)) => break,
                Err(OutOfSteps) => return limit,
            }
        }
        limit - left
    }

    fn run(
        &self,
        start: usize,
        text: &[char],
        from: usize,
        registers: &mut Vec<usize>,
        left: &mut u32,
    ) -> Result<Option<usize>, OutOfSteps> {
        let mut undo: Vec<Undo> = Vec::new();
        let (mut pc, mut at) = (start, from);
        loop {
            *left = left.checked_sub(1).ok_or(OutOfSteps)?;
            let goes_on = match self.instructions[pc] {
                Instruction::Set(set) => {
                    let fits = text.get(at).is_some_and(|character| self.sets[set].contains(*character));
                    at += 1;
                    fits
                }
                Instruction::At(position) => is_at(position, text, at),
                Instruction::Split(first, second) => {
                    undo.push(Undo::Branch(second, at));
                    pc = first;
                    continue;
                }
                Instruction::Jump(next) => {
                    pc = next;
                    continue;
                }
                Instruction::Save(register) => {
                    undo.push(Undo::Register(register, registers[register]));
                    registers[register] = at;
                    true
                }
                Instruction::LeaveIfEmpty(register, next) => {
                    if registers[register] == at {
                        pc = next;
                        continue;
                    }
                    true
                }
                Instruction::Back(group) => {
                    let part = registers.get(2 * group).zip(registers.get(2 * group + 1));
                    let part = part.and_then(|(&first, &last)| text.get(first..last));
                    let fits = part.is_some_and(|part| text[at.min(text.len())..].starts_with(part));
                    at += part.map_or(0, <[char]>::len);
                    fits
                }
                Instruction::Atomic { next } => match self.run(pc + 1, text, at, registers, left)? {
                    Some(end) => {
                        (pc, at) = (next, end);
                        continue;
                    }
                    None => false,
                },
                Instruction::Look { behind, is_negated, next } => {
                    let found = match at.checked_sub(behind) {
                        Some(start) => self.run(pc + 1, text, start, &mut registers.clone(), left)?,
                        None => None,
                    };
                    if found.is_some() != is_negated {
                        pc = next;
                        continue;
                    }
                    false
                }
                Instruction::End => return Ok(Some(at)),
            };
            if goes_on {
                pc += 1;
                continue;
            }
            loop {
                match undo.pop() {
                    None => return Ok(None),
                    Some(Undo::Register(register, value)) => registers[register] = value,
                    Some(Undo::Branch(next, position)) => {
                        (pc, at) = (next, position);
                        break;
                    }
                }
            }
        }
    }

    fn add(&mut self, instruction: Instruction) -> Option<usize> {
        if self.instructions.len() >= INSTRUCTIONS_LIMIT {
            return None;
        }
        self.instructions.push(instruction);
        Some(self.instructions.len() - 1)
    }

    fn here(&self) -> usize {
        self.instructions.len()
    }

    fn split(&mut self, is_lazy: bool) -> Option<usize> {
        let at = self.here();
        // The other way is set when it is known.
        self.add(if is_lazy { Instruction::Split(UNSET, at + 1) } else { Instruction::Split(at + 1, UNSET) })
    }

    fn set_other_way(&mut self, split: usize, target: usize) {
        if let Instruction::Split(first, second) = &mut self.instructions[split] {
            *(if *first == UNSET { first } else { second }) = target;
        }
    }

    fn push(&mut self, node: &Node) -> Option<()> {
        match node {
            Node::Set(set) => {
                let number = self.sets.iter().position(|known| known == set).unwrap_or_else(|| {
                    self.sets.push(set.clone());
                    self.sets.len() - 1
                });
                self.add(Instruction::Set(number))?;
            }
            Node::At(position) => _ = self.add(Instruction::At(*position))?,
            Node::Concat(parts) => parts.iter().try_for_each(|part| self.push(part))?,
            Node::Alternate(parts) => {
                let mut jumps = Vec::new();
                for (number, part) in parts.iter().enumerate() {
                    let split = if number + 1 < parts.len() { Some(self.split(false)?) } else { None };
                    self.push(part)?;
                    if let Some(split) = split {
                        jumps.push(self.add(Instruction::Jump(UNSET))?);
                        self.set_other_way(split, self.here());
                    }
                }
                for jump in jumps {
                    self.instructions[jump] = Instruction::Jump(self.here());
                }
            }
            Node::Repeat { node, min, max, is_lazy } => self.push_repeat(node, *min, *max, *is_lazy)?,
            Node::Capture(number, node) => {
                self.add(Instruction::Save(2 * number))?;
                self.push(node)?;
                self.add(Instruction::Save(2 * number + 1))?;
            }
            Node::Atomic(node) => {
                let start = self.add(Instruction::Atomic { next: UNSET })?;
                self.push(node)?;
                self.add(Instruction::End)?;
                self.instructions[start] = Instruction::Atomic { next: self.here() };
            }
            Node::Look { node, is_behind, is_negated } => {
                let behind = if *is_behind { width(node)? } else { 0 };
                let start = self.add(Instruction::Jump(UNSET))?;
                self.push(node)?;
                self.add(Instruction::End)?;
                let next = self.here();
                self.instructions[start] = Instruction::Look { behind, is_negated: *is_negated, next };
            }
            Node::Back(group) => _ = self.add(Instruction::Back(*group))?,
        }
        Some(())
    }

    fn push_repeat(&mut self, node: &Node, min: u32, max: Option<u32>, is_lazy: bool) -> Option<()> {
        for _ in 0..min {
            self.push(node)?;
        }
        let Some(max) = max else {
            let register = self.registers;
            self.registers += 1;
            let split = self.split(is_lazy)?;
            self.add(Instruction::Save(register))?;
            self.push(node)?;
            let leave = self.add(Instruction::LeaveIfEmpty(register, UNSET))?;
            self.add(Instruction::Jump(split))?;
            let end = self.here();
            self.instructions[leave] = Instruction::LeaveIfEmpty(register, end);
            self.set_other_way(split, end);
            return Some(());
        };
        let mut splits = Vec::new();
        for _ in min..max {
            splits.push(self.split(is_lazy)?);
            self.push(node)?;
        }
        for split in splits {
            self.set_other_way(split, self.here());
        }
        Some(())
    }
}

fn count_groups(node: &Node, most: &mut usize) {
    match node {
        Node::Capture(number, node) => {
            *most = (*most).max(*number);
            count_groups(node, most);
        }
        Node::Concat(parts) | Node::Alternate(parts) => parts.iter().for_each(|part| count_groups(part, most)),
        Node::Repeat { node, .. } | Node::Look { node, .. } | Node::Atomic(node) => count_groups(node, most),
        Node::Set(_) | Node::At(_) | Node::Back(_) => {}
    }
}

/// The number of characters that `node` matches, if it is always the same.
fn width(node: &Node) -> Option<usize> {
    match node {
        Node::Set(_) => Some(1),
        Node::At(_) | Node::Look { .. } => Some(0),
        Node::Concat(parts) => parts.iter().map(width).sum(),
        Node::Alternate(parts) => {
            let mut widths = parts.iter().map(width);
            let first = widths.next()??;
            widths.all(|width| width == Some(first)).then_some(first)
        }
        Node::Repeat { node, min, max, .. } => (Some(*min) == *max).then_some(width(node)? * *min as usize),
        Node::Capture(_, node) | Node::Atomic(node) => width(node),
        Node::Back(_) => None,
    }
}

fn is_at(position: Position, text: &[char], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|at| text.get(at));
    let after = text.get(at);
    let is_boundary = before.is_some_and(|one| is_word(*one)) != after.is_some_and(|one| is_word(*one));
    match position {
        Position::Start => at == 0,
        Position::LineStart => before.is_none_or(|one| *one == '\n'),
        Position::TextEnd => after.is_none(),
        Position::End => after.is_none() || (*after.unwrap_or(&' ') == '\n' && at + 1 == text.len()),
        Position::LineEnd => after.is_none_or(|one| *one == '\n'),
        Position::WordBoundary => is_boundary,
        Position::NoWordBoundary => !is_boundary,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::parse, *};

    fn steps(pattern: &str, text: &str, is_anchored: bool) -> u32 {
        let program = Program::new(&parse(pattern).unwrap()).unwrap();
        program.steps(&text.chars().collect::<Vec<_>>(), is_anchored, 1 << 20)
    }

    fn matches(pattern: &str, text: &str) -> bool {
        let program = Program::new(&parse(pattern).unwrap()).unwrap();
        let text: Vec<char> = text.chars().collect();
        let mut registers = vec![UNSET; program.registers];
        matches!(program.run(0, &text, 0, &mut registers, &mut 100_000), Ok(Some(end)) if end == text.len())
    }

    #[test]
    fn it_matches_what_python_matches() {
        for (pattern, text) in [
            ("a+b*?c", "aabbc"),
            ("(?:ab|a)c", "ac"),
            (r"(['\x22]).*?\1", "'a'"),
            ("(a*)*b", "aab"),
            ("a{2,3}", "aaa"),
            ("(?=ab)a.", "ab"),
            ("a(?<=a)b", "ab"),
            ("(?!b)a", "a"),
            (r"\ba\b", "a"),
            ("(?s).", "\n"),
            ("x(?<!a)b", "xb"),
            ("(?P<n>a)b(?P=n)", "aba"),
            ("a++b", "aab"),
            (r"^a\Z", "a"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("a++a", "aaa"), ("(?>ab|a)b", "ab"), ("(?!a)a", "a"), (".", "\n"), ("(a)\\1", "ab"), ("b(?<!b)a", "ba")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn steps_show_how_time_grows() {
        let growth = |pattern: &str, is_anchored| {
            let of = |length| f64::from(steps(pattern, &("a".repeat(length) + "!"), is_anchored));
            of(60) / of(30)
        };
        assert!((1.8..2.3).contains(&growth("a+b", true)));
        assert!((3.5..4.5).contains(&growth("a+b", false)));
        assert!((6.5..9.0).contains(&growth("a+a+a+b", true)));
        assert!((6.5..9.0).contains(&growth("a+a+b", false)));
        assert_eq!(steps("^(a+)+$", &("a".repeat(40) + "!"), true), 1 << 20);
    }
}
