//! The frame that represents a stack: the innermost one in the plugin's own files, or, if there is none, the innermost
//! one outside of the standard library.

use crate::{
    finding::Location,
    trace::{Ending, Exception, Frame, Origin},
};

/// The location of a stack, innermost frame first.
pub(super) fn location_of(frames: &[Frame]) -> Option<Location> {
    let own = frames.iter().find(|frame| frame.origin == Origin::Plugin);
    own.or_else(|| frames.iter().find(|frame| frame.origin == Origin::Other)).map(location)
}

/// The location where an exception was raised.
pub(super) fn location_of_exception(exception: &Exception) -> Option<Location> {
    let recurring = (exception.type_name == "RecursionError").then(|| recurring_location(&exception.frames)).flatten();
    recurring.or_else(|| location_of(&exception.frames))
}

/// The location where a call ended.
pub(super) fn location_of_ending(ending: &Ending) -> Option<Location> {
    match ending {
        Ending::Raised(exception) => location_of_exception(exception),
        ending => location_of(ending.frames()),
    }
}

/// The location for a stack that overflowed. Which of the functions that call each other reaches the limit depends on
/// how deep the stack was before, so the first of them by name is chosen.
fn recurring_location(frames: &[Frame]) -> Option<Location> {
    let name = |frame: &Frame| (frame.file.clone(), frame.function.clone());
    let mut own: Vec<&Frame> = frames.iter().filter(|frame| frame.origin == Origin::Plugin).collect();
    own.sort_by_key(|frame| name(frame));
    let recurring = own.chunk_by(|one, other| name(one) == name(other)).find(|chunk| chunk.len() > 2)?;
    Some(location(recurring[0]))
}

/// The location of a frame.
pub(super) fn location(frame: &Frame) -> Location {
    let file = if frame.origin == Origin::Plugin { frame.file.clone() } else { portable_path(&frame.file) };
    Location { file, line: frame.line, column: 0, function: frame.function.clone() }
}

/// A path that is the same on every machine: what follows the folder of installed packages, else the file and its
/// folder.
fn portable_path(path: &str) -> String {
    for folder in ["site-packages/", "dist-packages/"] {
        if let Some((_, inside)) = path.rsplit_once(folder) {
            return inside.to_owned();
        }
    }
    match path.rmatch_indices('/').nth(1) {
        Some((slash, _)) => path[slash + 1..].to_owned(),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::testing::{exception, frame, sdk_frame};

    fn stdlib(function: &str) -> Frame {
        Frame { origin: Origin::StandardLibrary, ..frame(function, 1) }
    }

    #[test]
    fn the_innermost_of_the_plugins_own_frames_counts() {
        let frames = [stdlib("loads"), sdk_frame("get"), frame("parse", 7), frame("get_password_list", 3)];
        assert_eq!(location_of(&frames).map(|place| (place.function, place.line)), Some(("parse".into(), 7)));
    }

    #[test]
    fn without_a_frame_of_the_plugin_the_sdks_counts_by_a_path_without_the_machine() {
        let place = location_of(&[stdlib("loads"), sdk_frame("get")]).unwrap();
        assert_eq!(place.file, "safeguard/sessions/plugin/plugin_base.py");
        assert_eq!(location_of(&[stdlib("loads")]), None);
    }

    #[test]
    fn two_functions_that_recurse_are_one_place_whichever_overflows() {
        let even = frame("is_even", 2);
        let odd = frame("is_odd", 5);
        let hook = frame("get_password_list", 9);
        let mut frames = vec![even.clone(), odd.clone(), even.clone(), odd.clone(), even, odd, hook];
        let overflow = |frames: &[Frame]| location_of_exception(&exception("RecursionError", "", frames.to_vec()));
        let first = overflow(&frames);
        frames.remove(0);
        frames.insert(5, frame("is_even", 2));
        assert_eq!(overflow(&frames), first);
        assert_eq!(first.map(|place| place.function), Some("is_even".into()));
    }
}
