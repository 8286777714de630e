//! The Python that a worker is built against. A worker tells it when it starts; where it cannot start, for instance
//! because the shared library of that Python is gone, the host reads the same from the program's file.

use std::path::PathBuf;

use memchr::memmem;
use serde::{Deserialize, Serialize};

/// A Python to embed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interpreter {
    /// Its version without the last part, `3.11`.
    pub version: String,
    /// The program, from which CPython finds its standard library; empty where the build did not know it.
    pub executable: PathBuf,
}

impl Interpreter {
    /// The text before version and executable, each on a line of its own, in a worker's program.
    pub const MARK: &str = "hookstorm-worker embeds Python ";

    /// The interpreter in `program`, the bytes of a worker's program or of its mark alone.
    pub fn find(program: &[u8]) -> Option<Self> {
        // The mark alone stands there too, as a constant of this code.
        memmem::find_iter(program, Self::MARK).find_map(|at| {
            let mut lines = program[at + Self::MARK.len()..].splitn(3, |&byte| byte == b'\n');
            let version = std::str::from_utf8(lines.next()?).ok()?;
            let executable = std::str::from_utf8(lines.next()?).ok()?;
            lines.next()?;
            let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            version
                .split('.')
                .all(is_number)
                .then(|| Self { version: version.to_owned(), executable: executable.into() })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interpreter_is_found_behind_its_mark_and_nowhere_else() {
        let program = |text: &str| format!("\x7fELF {}{text}", Interpreter::MARK);
        let found =
            Interpreter::find(program("or not\n").replace("or", &program("3.11\n/usr/bin/python3\n")).as_bytes());
        assert_eq!(found, Some(Interpreter { version: "3.11".into(), executable: "/usr/bin/python3".into() }));
        for other in ["", "3.11", "3.11\n/usr/bin/python3", "3.x\n/usr/bin/python3\n", "\n/usr/bin/python3\n"] {
            assert_eq!(Interpreter::find(program(other).as_bytes()), None, "{other:?}");
        }
    }
}
