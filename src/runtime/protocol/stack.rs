//! Reads the stacks that `faulthandler` writes. Safe on any text.

use std::path::Path;

use super::shared::{NotedAttempt, SharedMemory};
use crate::trace::{Attempt, Frame};

/// The frames of the last stack in `text`, innermost first, without hookstorm's own.
pub fn frames(text: &str, root: &Path, standard_library: &str) -> Vec<Frame> {
    let root = root.to_string_lossy();
    let last = text.rfind("most recent call first").map_or("", |at| &text[at..]);
    last.lines()
        .skip(1)
        .map_while(|line| line.strip_prefix("  File \""))
        .filter_map(|line| {
            let (file, rest) = line.rsplit_once("\", line ")?;
            let (line, function) = rest.split_once(" in ")?;
            Some(Frame::seen(file, function.to_owned(), line.parse().ok()?, &root, standard_library))
        })
        .filter(|frame| frame.file != "<hookstorm>")
        .collect()
}

/// The attempts of the call that runs, or of the last one, with their stacks as frames.
pub fn attempts(shared: &SharedMemory, root: &Path, standard_library: &str) -> Vec<Attempt> {
    let with_frames =
        |NotedAttempt { kind, target, stack }| Attempt { kind, target, frames: frames(&stack, root, standard_library) };
    shared.attempts().into_iter().map(with_frames).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Origin;

    const CRASH: &str = "Fatal Python error: Segmentation fault\n\n\
        Current thread 0x00007f3b8c5d7740 (most recent call first):\n  \
        File \"/usr/lib/python3.11/ctypes/__init__.py\", line 519 in string_at\n  \
        File \"/tmp/p/lib/plugin.py\", line 12 in get_password_list\n\n\
        Extension modules: _cffi_backend (total: 1)\n";

    #[test]
    fn a_crash_is_placed_in_the_plugin() {
        let frames = frames(CRASH, Path::new("/tmp/p"), "/usr/lib/python3.11");
        assert_eq!(frames.len(), 2);
        assert_eq!(frames[0].origin, Origin::StandardLibrary);
        assert_eq!((frames[1].origin, frames[1].file.as_str(), frames[1].line), (Origin::Plugin, "lib/plugin.py", 12));
    }

    #[test]
    fn the_last_of_several_stacks_counts() {
        let text =
            format!("{CRASH}Current thread 0x1 (most recent call first):\n  File \"/tmp/p/main.py\", line 3 in f\n");
        assert_eq!(frames(&text, Path::new("/tmp/p"), "/usr/lib/python3.11")[0].file, "main.py");
    }

    #[test]
    fn what_is_no_stack_gives_no_frames() {
        assert!(frames("garbage \u{fffd}", Path::new("/tmp/p"), "").is_empty());
    }
}
