//! Makes Python objects of values, and writes the objects that Python returns. This calls nothing of the plugin's: a
//! subclass is read as the plain type that it is based on, as in CPython's own JSON encoder.

use hookstorm::{
    case::Value,
    runtime::protocol::wire::{Writer, tag},
    trace::Observed,
};
use pyo3::{
    exceptions::PyValueError,
    prelude::*,
    types::{PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple},
};

use crate::exception::{lossy, type_name};

/// Ints with more bits have more digits than Python itself writes, 4300, and take long.
const BITS_LIMIT: u64 = 14_000;

/// A new Python object for a value.
pub(crate) fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(flag) => PyBool::new(py, *flag).to_owned().into_any(),
        Value::Int(number) => PyInt::new(py, *number).into_any(),
        Value::BigInt(digits) => py.get_type::<PyInt>().call1((digits.as_ref(),))?,
        Value::Float(number) => PyFloat::new(py, *number).into_any(),
        Value::Str(text) => PyString::new(py, text).into_any(),
        Value::List(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(to_python(py, item)?)?;
            }
            list.into_any()
        }
        Value::Dict(entries) => {
            let dict = PyDict::new(py);
            for (key, value) in entries {
                dict.set_item(PyString::new(py, key), to_python(py, value)?)?;
            }
            dict.into_any()
        }
    })
}

/// Writes an object as it is, bounded in depth, length and in the number of objects, of which `objects_left` may be
/// written. Returns how many may be written after it.
pub(crate) fn observe(writer: &mut Writer, object: &Bound<'_, PyAny>, objects_left: usize) -> usize {
    let limit = objects_left.min(Observed::NODES_LIMIT);
    let mut observer = Observer { writer, path: Vec::new(), left: limit, text_left: Observed::TEXT_LIMIT };
    observer.object(object);
    objects_left - (limit - observer.left)
}

struct Observer<'a> {
    writer: &'a mut Writer,
    /// The containers around the object, to find cycles.
    path: Vec<usize>,
    /// How many objects may still be written. A container reserves what its items need before they are written, so that
    /// items that are cut off cost nothing.
    left: usize,
    text_left: usize,
}

impl Observer<'_> {
    fn object(&mut self, object: &Bound<'_, PyAny>) {
        if let Ok(text) = object.cast::<PyString>() {
            self.text(text);
        } else if object.is_none() {
            self.writer.byte(tag::NONE);
        } else if let Ok(flag) = object.cast_exact::<PyBool>() {
            self.writer.byte(if flag.is_true() { tag::TRUE } else { tag::FALSE });
        } else if let Ok(dict) = object.cast::<PyDict>() {
            if let Some((length, is_cut)) = self.enter(object, dict.len(), 2) {
                self.writer.byte(tag::DICT);
                // If another thread changes the dict, iterating might never end. So it is copied first.
                let entries: Vec<(Bound<'_, PyAny>, Bound<'_, PyAny>)> = dict.iter().take(length).collect();
                self.writer.number((entries.len() + usize::from(is_cut)) as u64);
                for (key, value) in entries {
                    self.object(&key);
                    self.object(&value);
                }
                if is_cut {
                    self.writer.byte(tag::TRUNCATED);
                    self.writer.byte(tag::TRUNCATED);
                }
                self.path.pop();
            }
        } else if let Ok(list) = object.cast::<PyList>() {
            self.items(object, tag::LIST, list.len(), |length| list.iter().take(length).collect());
        } else if let Ok(tuple) = object.cast::<PyTuple>() {
            self.items(object, tag::TUPLE, tuple.len(), |length| tuple.iter().take(length).collect());
        } else if let Ok(number) = object.cast::<PyInt>() {
            self.number(number);
        } else if let Ok(number) = object.cast::<PyFloat>() {
            self.writer.byte(tag::FLOAT);
            self.writer.bytes.extend_from_slice(&number.value().to_le_bytes());
        } else if let Ok(bytes) = object.cast::<PyBytes>() {
            self.bytes(bytes.as_bytes());
        } else if let Ok(bytes) = object.cast::<PyByteArray>() {
            self.bytes(&bytes.to_vec());
        } else if let Ok(set) = object.cast::<PySet>() {
            self.items(object, tag::SET, set.len(), |length| set.iter().take(length).collect());
        } else if let Ok(set) = object.cast::<PyFrozenSet>() {
            self.items(object, tag::SET, set.len(), |length| set.iter().take(length).collect());
        } else {
            self.writer.byte(tag::OBJECT);
            self.writer.blob(type_name(&object.get_type().into_any()).as_bytes());
        }
    }

    /// How many of a container's `length` items, of so many objects each, to read, and whether the rest is cut off.
    /// `None` if the container is inside itself, too deep, or if no object may be written any more.
    fn enter(&mut self, object: &Bound<'_, PyAny>, length: usize, objects: usize) -> Option<(usize, bool)> {
        let address = object.as_ptr() as usize;
        if self.path.contains(&address) {
            self.writer.byte(tag::CYCLE);
            return None;
        }
        let most = self.left / objects;
        if self.path.len() >= Observed::DEPTH_LIMIT || (most == 0 && length > 0) {
            self.writer.byte(tag::TRUNCATED);
            return None;
        }
        self.path.push(address);
        // The mark for what is cut off is an item too.
        let (taken, is_cut) = if length <= most { (length, false) } else { (most - 1, true) };
        self.left -= (taken + usize::from(is_cut)) * objects;
        Some((taken, is_cut))
    }

    fn items<'py>(
        &mut self,
        object: &Bound<'py, PyAny>,
        tag: u8,
        length: usize,
        items: impl FnOnce(usize) -> Vec<Bound<'py, PyAny>>,
    ) {
        if let Some((length, is_cut)) = self.enter(object, length, 1) {
            self.writer.byte(tag);
            let items = items(length);
            self.writer.number((items.len() + usize::from(is_cut)) as u64);
            for item in &items {
                self.object(item);
            }
            if is_cut {
                self.writer.byte(tag::TRUNCATED);
            }
            self.path.pop();
        }
    }

    fn text(&mut self, text: &Bound<'_, PyString>) {
        let (tag, whole);
        let bytes = match text.to_str() {
            Ok(text) => {
                tag = tag::STR;
                text
            }
            Err(_) => {
                tag = tag::BROKEN_STR;
                whole = lossy(text);
                &whole
            }
        };
        let mut end = bytes.len().min(self.text_left);
        while !bytes.is_char_boundary(end) {
            end -= 1;
        }
        self.text_left -= end;
        self.writer.byte(tag);
        self.writer.blob(&bytes.as_bytes()[..end]);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.writer.byte(tag::BYTES);
        self.writer.blob(&bytes[..bytes.len().min(Observed::BYTES_LIMIT)]);
    }

    fn number(&mut self, number: &Bound<'_, PyInt>) {
        if let Ok(small) = number.extract::<i64>() {
            self.writer.byte(tag::INT);
            self.writer.signed(small);
            return;
        }
        self.writer.byte(tag::BIG_INT);
        // The methods of `int`, whatever a subclass makes of them.
        let int = number.py().get_type::<PyInt>();
        let bits = bits(number);
        let digits = if bits > BITS_LIMIT {
            None
        } else {
            int.call_method1("__repr__", (number,)).ok().and_then(|text| text.extract::<String>().ok())
        };
        self.writer.blob(digits.unwrap_or_else(|| format!("…an int of {bits} bits")).as_bytes());
    }
}

/// The number of bits of an int.
fn bits(number: &Bound<'_, PyInt>) -> u64 {
    let int = number.py().get_type::<PyInt>();
    int.call_method1("bit_length", (number,)).and_then(|bits| bits.extract::<u64>()).unwrap_or(u64::MAX)
}

/// A copy of an object after a way through JSON.
///
/// # Errors
/// If JSON cannot carry it.
pub(crate) fn through_json<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    copy(object, Observed::DEPTH_LIMIT)
}

/// Whether all values and keys of an object that JSON can carry have the same types after a way through it.
pub(crate) fn keeps_types(object: &Bound<'_, PyAny>) -> bool {
    if let Ok(dict) = object.cast_exact::<PyDict>() {
        return dict.iter().all(|(key, value)| key.is_exact_instance_of::<PyString>() && keeps_types(&value));
    }
    if let Ok(list) = object.cast_exact::<PyList>() {
        return list.iter().all(|item| keeps_types(&item));
    }
    object.is_none()
        || object.is_exact_instance_of::<PyString>()
        || object.is_exact_instance_of::<PyInt>()
        || object.is_exact_instance_of::<PyBool>()
        || object.is_exact_instance_of::<PyFloat>()
}

fn copy<'py>(object: &Bound<'py, PyAny>, depth: usize) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    let no_json = || PyValueError::new_err("no JSON");
    let depth = depth.checked_sub(1).ok_or_else(no_json)?;
    if let Ok(text) = object.cast::<PyString>() {
        text.to_str().map_err(|_| no_json())?;
        if text.is_exact_instance_of::<PyString>() {
            return Ok(object.clone());
        }
        return Ok(PyString::new(py, text.to_str()?).into_any());
    }
    if let Ok(number) = object.cast::<PyInt>()
        && number.extract::<i64>().is_err()
        && bits(number) > BITS_LIMIT
    {
        return Err(no_json());
    }
    if object.is_none() || object.is_exact_instance_of::<PyBool>() || object.is_exact_instance_of::<PyInt>() {
        return Ok(object.clone());
    }
    if let Ok(dict) = object.cast::<PyDict>() {
        let copied = PyDict::new(py);
        for (key, value) in dict.iter() {
            copied.set_item(key_through_json(&key)?, copy(&value, depth)?)?;
        }
        return Ok(copied.into_any());
    }
    let copy_all = |items: Vec<Bound<'py, PyAny>>| -> PyResult<Bound<'py, PyAny>> {
        let list = PyList::empty(py);
        for item in items {
            list.append(copy(&item, depth)?)?;
        }
        Ok(list.into_any())
    };
    if let Ok(list) = object.cast::<PyList>() {
        return copy_all(list.iter().collect());
    }
    if let Ok(tuple) = object.cast::<PyTuple>() {
        return copy_all(tuple.iter().collect());
    }
    if let Ok(number) = object.cast::<PyFloat>() {
        let number = number.value();
        return if number.is_finite() { Ok(PyFloat::new(py, number).into_any()) } else { Err(no_json()) };
    }
    if object.is_instance_of::<PyInt>() {
        return py.get_type::<PyInt>().call_method1("__index__", (object,));
    }
    Err(no_json())
}

fn key_through_json<'py>(key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = key.py();
    if key.is_instance_of::<PyString>() {
        return copy(key, 1);
    }
    let text = if key.is_none() {
        "null".to_owned()
    } else if let Ok(flag) = key.cast_exact::<PyBool>() {
        flag.is_true().to_string()
    } else if key.is_instance_of::<PyInt>() || key.is_instance_of::<PyFloat>() {
        let class = if key.is_instance_of::<PyInt>() {
            py.get_type::<PyInt>().into_any()
        } else {
            py.get_type::<PyFloat>().into_any()
        };
        class.call_method1("__repr__", (key,))?.extract::<String>()?
    } else {
        return Err(PyValueError::new_err("no JSON"));
    };
    Ok(PyString::new(py, &text).into_any())
}
