//! The comparisons that the plugin made while a session ran: bounded, each once, and without calling anything of the
//! plugin's.
//!
//! Comparisons with an object that cannot be read so are left out. Texts are cut to 256 characters and lists to 64
//! items. A place has 16 comparisons at most, so that a loop leaves room for the code after it.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, OnceLock, PoisonError, TryLockError},
};

use hookstorm::{
    runtime::protocol::wire::{Writer, tag},
    trace::{CMP_LOG_LIMIT, CmpKind},
};
use pyo3::{
    ffi::{self, PyObject},
    prelude::*,
    types::{PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple},
};

/// How many characters of a text are written.
const TEXT_LIMIT: usize = 256;
/// How long a regular expression may be, in bytes: a part of it would be another one.
const PATTERN_LIMIT: usize = 2048;
/// How many items of a list, set or dict are written.
const ITEMS_LIMIT: usize = 64;
/// How many keys of a dict are searched.
const KEYS_LIMIT: usize = 4096;
/// How many comparisons of one place are written.
const PLACE_LIMIT: u8 = 16;
/// How many comparisons are looked at: a loop of a million of them must not take a second longer.
const LOOKS_LIMIT: u32 = 20_000;
/// How many bytes all of them may take.
const BYTES_LIMIT: usize = 512 << 10;

/// The comparisons of the session that runs.
#[derive(Default)]
struct Notes {
    written: Writer,
    count: usize,
    looks: u32,
    known: HashSet<u64>,
    of_place: HashMap<u32, u8>,
}

static NOTES: Mutex<Option<Notes>> = Mutex::new(None);

/// `re.Pattern`, and the functions of `re` that take a pattern first.
struct Patterns {
    class: Py<PyAny>,
    flags: Py<PyAny>,
    functions: [Py<PyAny>; 8],
}

static PATTERNS: OnceLock<Patterns> = OnceLock::new();

/// Looks up what `re` has, before the plugin can change it.
pub(crate) fn prepare(py: Python<'_>) -> PyResult<()> {
    let re = py.import("re")?;
    let get = |name| Ok::<_, PyErr>(re.getattr(name)?.unbind());
    let functions = [
        get("match")?,
        get("fullmatch")?,
        get("search")?,
        get("findall")?,
        get("sub")?,
        get("subn")?,
        get("split")?,
        get("finditer")?,
    ];
    let _ = PATTERNS.set(Patterns { class: get("Pattern")?, flags: get("RegexFlag")?, functions });
    Ok(())
}

/// Begins a session.
pub(crate) fn begin() {
    *NOTES.lock().unwrap_or_else(PoisonError::into_inner) = Some(Notes::default());
}

/// Writes the comparisons of the session.
pub(crate) fn end(writer: &mut Writer) {
    let notes = NOTES.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
    writer.number(notes.count as u64);
    writer.bytes.extend_from_slice(&notes.written.bytes);
}

/// An object, for the time that its owner keeps it.
///
/// # Safety
/// `object` must be alive as long as `'py`, and this thread attached.
unsafe fn borrowed<'py>(object: *mut PyObject) -> Bound<'py, PyAny> {
    // SAFETY: the caller promises it.
    unsafe { Bound::from_borrowed_ptr(Python::assume_attached(), object) }
}

/// Notes a comparison of two objects.
///
/// # Safety
/// Both must be alive, and this thread attached.
pub(crate) unsafe fn note(number: u32, kind: CmpKind, left: *mut PyObject, right: *mut PyObject, matched: bool) {
    // SAFETY: the caller promises it.
    let (left, right) = unsafe { (borrowed(left), borrowed(right)) };
    if kind == CmpKind::Contains
        && let Ok(dict) = right.cast::<PyDict>()
    {
        return add_key(number, &left, dict);
    }
    add(number, kind, &left, &right, matched);
}

/// Notes that a key is looked up in a dict.
///
/// # Safety
/// Both must be alive, `dict` be one, and this thread attached.
pub(crate) unsafe fn note_key(number: u32, key: *mut PyObject, dict: *mut PyObject) {
    // SAFETY: the caller promises it.
    let (key, dict) = unsafe { (borrowed(key), borrowed(dict)) };
    if let Ok(dict) = dict.cast::<PyDict>() {
        add_key(number, &key, dict);
    }
}

/// The object that a method in C belongs to.
fn owner<'py>(method: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    // SAFETY: the object is alive and has the right type; the result is a borrowed reference or null.
    unsafe {
        if ffi::PyCFunction_Check(method.as_ptr()) == 0 {
            return None;
        }
        Bound::from_borrowed_ptr_or_opt(method.py(), ffi::PyCFunction_GetSelf(method.as_ptr()))
    }
}

/// Notes a call of `get`, `pop` or `setdefault` of a dict.
///
/// # Safety
/// Both must be alive, and this thread attached.
pub(crate) unsafe fn note_get(number: u32, method: *mut PyObject, key: *mut PyObject) {
    // SAFETY: the caller promises it.
    let (method, key) = unsafe { (borrowed(method), borrowed(key)) };
    if let Some(owner) = owner(&method)
        && let Ok(dict) = owner.cast::<PyDict>()
    {
        add_key(number, &key, dict);
    }
}

/// Notes a call of a text's `startswith` (`kind` 0) or `endswith` (1).
///
/// # Safety
/// All must be alive, and this thread attached.
pub(crate) unsafe fn note_affix(
    number: u32,
    kind: u32,
    method: *mut PyObject,
    first: *mut PyObject,
    result: *mut PyObject,
) {
    // SAFETY: the caller promises it.
    let (method, first, result) = unsafe { (borrowed(method), borrowed(first), borrowed(result)) };
    let Some(owner) = owner(&method).filter(|owner| owner.is_instance_of::<PyString>() || is_bytes(owner)) else {
        return;
    };
    let kind = if kind == 0 { CmpKind::Prefix } else { CmpKind::Suffix };
    let matched = result.is_truthy().unwrap_or(false);
    match first.cast::<PyTuple>() {
        Ok(several) => several.iter().take(ITEMS_LIMIT).for_each(|one| add(number, kind, &owner, &one, matched)),
        Err(_) => add(number, kind, &owner, &first, matched),
    }
}

/// Notes a call of a regular expression's method, or of the function of `re`. `kind` is the number of its name in
/// `instrument.py`; the first `positional` of its arguments have no keyword.
///
/// # Safety
/// All must be alive, and this thread attached.
pub(crate) unsafe fn note_match_call(
    number: u32,
    kind: u32,
    method: *mut PyObject,
    arguments: &[*mut PyObject],
    positional: usize,
    result: *mut PyObject,
) {
    // SAFETY: the caller promises it.
    let (method, result) = unsafe { (borrowed(method), borrowed(result)) };
    let Some(patterns) = PATTERNS.get() else { return };
    // SAFETY: as the caller promises.
    let argument = |at: usize| arguments.get(at).map(|object| unsafe { borrowed(*object) });
    let is_pattern = |object: &Bound<'_, PyAny>| object.get_type().as_ptr() == patterns.class.as_ptr();
    let is_function = || patterns.functions.iter().any(|function| function.as_ptr() == method.as_ptr());
    let (pattern, first) = match owner(&method).filter(is_pattern) {
        Some(pattern) => (Some(pattern), 0),
        None if is_function() => (argument(0), 1),
        None => return,
    };
    // The text comes after its replacement.
    let at = first + usize::from(matches!(kind, 5 | 6));
    let (Some(pattern), Some(subject)) = (pattern, argument(at).filter(|_| at < positional)) else { return };
    // Of the arguments after the text only flags have their class.
    let is_flags = |object: &Bound<'_, PyAny>| object.get_type().as_ptr() == patterns.flags.as_ptr();
    let flags = (at + 1..arguments.len()).filter_map(argument).find(is_flags);
    let (text, flags) = if is_pattern(&pattern) {
        (pattern.getattr("pattern").ok(), pattern.getattr("flags").ok())
    } else {
        (Some(pattern), flags)
    };
    // Whether it matched is known only of those whose result shows it; else it counts as not yet.
    let matched = match kind {
        3 => !result.is_none(),
        4 => result.is_truthy().unwrap_or(false),
        7 => result.len().is_ok_and(|parts| parts > 1),
        _ => false,
    };
    let flags = flags.and_then(|flags| flags.extract::<u32>().ok()).unwrap_or_default();
    if let (Some(left), Some(right)) = (encoded(&subject), text.and_then(|text| encoded_pattern(&text, flags))) {
        write(number, CmpKind::Pattern, &left, &right, matched);
    }
}

/// A regular expression, whole, after the flags that change what it matches: `(?x)`.
fn encoded_pattern(pattern: &Bound<'_, PyAny>, flags: u32) -> Option<Vec<u8>> {
    let text = match pattern.cast::<PyString>() {
        Ok(text) => text.to_str().ok()?,
        Err(_) => std::str::from_utf8(pattern.cast::<PyBytes>().ok()?.as_bytes()).ok()?,
    };
    let set = [('i', 2), ('m', 8), ('s', 16), ('x', 64)].iter().filter(|(_, flag)| flags & flag != 0);
    let letters: String = set.map(|(letter, _)| letter).collect();
    let text = if letters.is_empty() { text.to_owned() } else { format!("(?{letters}){text}") };
    let mut writer = Writer::default();
    writer.byte(tag::STR);
    writer.blob(text.as_bytes());
    (text.len() <= PATTERN_LIMIT).then_some(writer.bytes)
}

fn is_bytes(object: &Bound<'_, PyAny>) -> bool {
    object.is_instance_of::<PyBytes>() || object.is_instance_of::<PyByteArray>()
}

/// Notes the comparisons of the patterns of a `match`: tuples of (path, 0 for a value or 1 for a key, constant).
///
/// # Safety
/// Both must be alive, and this thread attached.
pub(crate) unsafe fn note_match(number: u32, subject: *mut PyObject, wanted: *mut PyObject) {
    // SAFETY: the caller promises it.
    let (subject, wanted) = unsafe { (borrowed(subject), borrowed(wanted)) };
    let Ok(wanted) = wanted.cast::<PyTuple>() else { return };
    for one in wanted.iter() {
        let Ok((path, how, constant)) = one.extract::<(Bound<'_, PyTuple>, u8, Bound<'_, PyAny>)>() else { return };
        let Some(object) = path.iter().try_fold(subject.clone(), |object, step| inside(&object, &step)) else {
            continue;
        };
        if how == 0 {
            let matched = encoded(&object).is_some_and(|object| Some(object) == encoded(&constant));
            add(number, CmpKind::Equal, &object, &constant, matched);
        } else if let Ok(dict) = object.cast::<PyDict>() {
            add_key(number, &constant, dict);
        }
    }
}

/// The item of a list or dict.
fn inside<'py>(object: &Bound<'py, PyAny>, step: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    if let Ok(dict) = object.cast::<PyDict>() {
        let wanted = encoded(step)?;
        return dict.iter().take(KEYS_LIMIT).find(|(key, _)| encoded(key).as_ref() == Some(&wanted)).map(|(_, v)| v);
    }
    let index = step.extract::<usize>().ok()?;
    match object.cast::<PyTuple>() {
        Ok(tuple) => tuple.get_item(index).ok(),
        Err(_) => object.cast::<PyList>().ok()?.get_item(index).ok(),
    }
}

fn add_key(number: u32, key: &Bound<'_, PyAny>, dict: &Bound<'_, PyDict>) {
    let Some(wanted) = encoded(key) else { return };
    let mut keys = Writer::default();
    let mut count = 0_u64;
    let mut matched = false;
    for (known, _) in dict.iter().take(KEYS_LIMIT) {
        let Some(known) = encoded(&known) else { continue };
        matched |= known == wanted;
        if count < ITEMS_LIMIT as u64 {
            keys.bytes.extend_from_slice(&known);
            count += 1;
        } else if matched {
            break;
        }
    }
    let mut right = Writer::default();
    right.byte(tag::LIST);
    right.number(count);
    right.bytes.append(&mut keys.bytes);
    write(number, CmpKind::Key, &wanted, &right.bytes, matched);
}

fn add(number: u32, kind: CmpKind, left: &Bound<'_, PyAny>, right: &Bound<'_, PyAny>, matched: bool) {
    if let (Some(left), Some(right)) = (encoded(left), encoded(right)) {
        write(number, kind, &left, &right, matched);
    }
}

fn write(number: u32, kind: CmpKind, left: &[u8], right: &[u8], matched: bool) {
    // A comparison of two of these has no value that could be used elsewhere.
    let is_trivial = |value: &[u8]| matches!(value, [tag::NONE | tag::FALSE | tag::TRUE]);
    if is_trivial(left) && is_trivial(right) {
        return;
    }
    let mut notes = match NOTES.try_lock() {
        Ok(notes) => notes,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return,
    };
    let Some(notes) = notes.as_mut() else { return };
    notes.looks = notes.looks.saturating_add(1);
    if notes.count >= CMP_LOG_LIMIT || notes.looks > LOOKS_LIMIT {
        return;
    }
    let of_place = notes.of_place.entry(number).or_default();
    if *of_place >= PLACE_LIMIT || notes.written.bytes.len() + left.len() + right.len() > BYTES_LIMIT {
        return;
    }
    let mut hasher = DefaultHasher::new();
    (number, kind, left, right, matched).hash(&mut hasher);
    if notes.known.insert(hasher.finish()) {
        *of_place += 1;
        notes.count += 1;
        notes.written.number(number.into());
        notes.written.byte(kind as u8);
        notes.written.byte(matched.into());
        notes.written.bytes.extend_from_slice(left);
        notes.written.bytes.extend_from_slice(right);
    }
}

/// An object written as a value; `None` if it cannot be one.
fn encoded(object: &Bound<'_, PyAny>) -> Option<Vec<u8>> {
    let mut writer = Writer::default();
    if scalar(&mut writer, object) {
        return Some(writer.bytes);
    }
    if let Ok(dict) = object.cast::<PyDict>() {
        writer.byte(tag::DICT);
        writer.number(0);
        return dict.is_empty().then_some(writer.bytes);
    }
    let items: Vec<Bound<'_, PyAny>> = if let Ok(list) = object.cast::<PyList>() {
        list.iter().take(ITEMS_LIMIT).collect()
    } else if let Ok(tuple) = object.cast::<PyTuple>() {
        tuple.iter().take(ITEMS_LIMIT).collect()
    } else if let Ok(set) = object.cast::<PySet>() {
        set.iter().take(ITEMS_LIMIT).collect()
    } else if let Ok(set) = object.cast::<PyFrozenSet>() {
        set.iter().take(ITEMS_LIMIT).collect()
    // SAFETY: the object is alive, and the check reads only its type.
    } else if unsafe { ffi::PyDictKeys_Check(object.as_ptr()) } != 0 {
        object.try_iter().ok()?.take(ITEMS_LIMIT).collect::<PyResult<_>>().ok()?
    } else {
        return None;
    };
    let mut inner = Writer::default();
    let count = items.iter().filter(|item| scalar(&mut inner, item)).count();
    writer.byte(tag::LIST);
    writer.number(count as u64);
    writer.bytes.append(&mut inner.bytes);
    Some(writer.bytes)
}

/// Writes an object that is no container. For any other object it writes nothing and returns false.
fn scalar(writer: &mut Writer, object: &Bound<'_, PyAny>) -> bool {
    if let Ok(text) = object.cast::<PyString>() {
        // A value cannot have a lone surrogate.
        return text.to_str().is_ok_and(|text| write_text(writer, text));
    }
    if object.is_none() {
        writer.byte(tag::NONE);
    } else if let Ok(flag) = object.cast::<PyBool>() {
        writer.byte(if flag.is_true() { tag::TRUE } else { tag::FALSE });
    } else if object.is_instance_of::<PyInt>() {
        let mut overflow = 0;
        // SAFETY: the object is an int of any class. Reading it raises no exception, even if it is too large.
        let number = unsafe { ffi::PyLong_AsLongLongAndOverflow(object.as_ptr(), &raw mut overflow) };
        if overflow != 0 {
            return false;
        }
        writer.byte(tag::INT);
        writer.signed(number);
    } else if let Ok(number) = object.cast::<PyFloat>() {
        if !number.value().is_finite() {
            return false;
        }
        writer.byte(tag::FLOAT);
        writer.bytes.extend_from_slice(&number.value().to_le_bytes());
    } else if let Ok(bytes) = object.cast::<PyBytes>() {
        return std::str::from_utf8(bytes.as_bytes()).is_ok_and(|text| write_text(writer, text));
    } else if let Ok(bytes) = object.cast::<PyByteArray>() {
        return String::from_utf8(bytes.to_vec()).is_ok_and(|text| write_text(writer, &text));
    } else {
        return false;
    }
    true
}

fn write_text(writer: &mut Writer, text: &str) -> bool {
    let end = text.char_indices().nth(TEXT_LIMIT).map_or(text.len(), |(end, _)| end);
    writer.byte(tag::STR);
    writer.blob(&text.as_bytes()[..end]);
    true
}
