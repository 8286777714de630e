//! How a hook ends, and what a runtime must observe: it returns, raises, exits, dies, hangs, uses up memory.

use super::{
    python::{PythonFile, expression, literal},
    results,
};
use crate::{
    contract::{HookSpec, Platform, PluginType},
    finding::Rule,
    generate::source::Source,
    trace::Observed,
};

/// How every call of a hook ends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum HookBehaviour {
    /// It returns this result.
    Returns(Observed),
    /// It returns another dict each time.
    ReturnsRandom,
    /// It raises an exception of this type with this text; `None` if the text is not known.
    Raises(&'static str, Option<String>),
    /// It ends its process with this status.
    Exits(i32),
    /// Its process dies of this signal.
    Signalled(i32),
    /// It does not end before the time limit.
    TimesOut,
    /// It needs more memory than the limit.
    OutOfMemory,
}

impl HookBehaviour {
    /// Whether the session ends with this call.
    pub(crate) fn ends_session(&self) -> bool {
        !matches!(self, Self::Returns(_) | Self::ReturnsRandom)
    }
}

/// A hook's body.
pub(super) struct Body {
    pub(super) behaviour: HookBehaviour,
    /// The rules of its findings, one for each finding.
    pub(super) rules: Vec<Rule>,
    /// File and line of the findings; `None` if not known.
    pub(super) place: Option<(&'static str, u32)>,
    pub(super) part: &'static str,
}

/// Statements that raise, each with the exception's type and text.
const RAISES: &[(&str, &str, Option<&str>)] = &[
    ("raise ValueError('Qx bad')", "ValueError", Some("Qx bad")),
    ("{}['Qx']", "KeyError", Some("'Qx'")),
    ("1 / 0", "ZeroDivisionError", Some("division by zero")),
    ("None.Qx", "AttributeError", Some("'NoneType' object has no attribute 'Qx'")),
    ("assert False", "AssertionError", Some("")),
    ("raise Boom('Qx', 1)", "main.Boom", Some("('Qx', 1)")),
    ("raise Mute()", "main.Mute", Some("<its __str__ raised ValueError>")),
    ("raise Deep('x')", "main.Deep", Some("x")),
    ("raise KeyboardInterrupt", "KeyboardInterrupt", Some("")),
    ("raise GeneratorExit('Qx')", "GeneratorExit", Some("Qx")),
    ("raise StopIteration", "StopIteration", Some("")),
    ("raise MemoryError('Qx')", "MemoryError", Some("Qx")),
    ("raise ValueError('a\\udc80b')", "ValueError", Some("a\\udc80b")),
    ("raise ValueError('\\x1b[2J\\u202eQx')", "ValueError", None),
    ("raise ValueError('Qx' * 100000)", "ValueError", None),
    ("raise OSError(2, 'Qx')", "FileNotFoundError", Some("[Errno 2] Qx")),
    ("json.loads('{')", "json.decoder.JSONDecodeError", None),
    ("exec('raise ValueError(\"Qx\")')", "ValueError", Some("Qx")),
    ("raise 'Qx'", "TypeError", Some("exceptions must derive from BaseException")),
    ("import no_such_module_qx", "ModuleNotFoundError", Some("No module named 'no_such_module_qx'")),
    ("int('x' * 3)", "ValueError", Some("invalid literal for int() with base 10: 'xxx'")),
    ("raise ValueError('Qx') from KeyError('y')", "ValueError", Some("Qx")),
    ("sys.stdout.fileno.__call__(1)", "TypeError", None),
    ("raise UnicodeDecodeError('utf-8', b'x', 0, 1, 'Qx')", "UnicodeDecodeError", None),
    ("_recurse(1)", "RecursionError", None),
];

/// Statements that end the process, each with the status.
const EXITS: &[(&str, i32)] = &[
    ("sys.exit(3)", 3),
    ("sys.exit()", 0),
    ("sys.exit('Qx')", 1),
    ("raise SystemExit(4)", 4),
    ("os._exit(7)", 7),
    ("os._exit(0)", 0),
    ("sys.exit(None)", 0),
];

/// Statements that kill the process, each with the signal.
const SIGNALS: &[(&str, i32)] = &[
    ("os.kill(os.getpid(), signal.SIGSEGV)", 11),
    ("os.kill(os.getpid(), signal.SIGKILL)", 9),
    ("os.abort()", 6),
    ("os.kill(os.getpid(), signal.SIGTERM)", 15),
    ("os.kill(os.getpid(), signal.SIGFPE)", 8),
    ("faulthandler._sigsegv()", 11),
];

/// Statements that do not end.
const HANGS: &[&str] = &[
    "time.sleep(600)",
    "while True: pass",
    "select.select([], [], [], 600)",
    "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)",
    "_stubborn()",
];

/// Writes the body of a hook into `main`. `helper` is the module whose functions the body may call.
pub(super) fn body(
    source: &mut Source<'_, '_>,
    main: &mut PythonFile,
    helper: &mut PythonFile,
    (spec, plugin_type, platform): (&HookSpec, PluginType, &Platform),
) -> Body {
    match source.below(32) {
        0..=14 => returns(source, main, (spec, plugin_type, platform)),
        15..=24 => raises(source, main, helper, spec),
        25..=26 => {
            let (statement, status) = *source.pick(EXITS);
            let line = main.line(&format!("        {statement}"));
            // `os._exit` leaves no stack to read its line from.
            let place = (!statement.starts_with("os.")).then_some(("main.py", line));
            Body {
                behaviour: HookBehaviour::Exits(status),
                rules: vec![Rule::ProcessExit],
                place,
                part: "a hook exits",
            }
        }
        27..=28 => {
            let (statement, signal) = *source.pick(SIGNALS);
            let line = main.line(&format!("        {statement}"));
            // `faulthandler` writes the stack for these signals only.
            let place = matches!(signal, 11 | 6 | 8).then_some(("main.py", line));
            Body {
                behaviour: HookBehaviour::Signalled(signal),
                rules: vec![Rule::InterpreterCrash],
                place,
                part: "a hook dies",
            }
        }
        29 => {
            main.line(&format!("        {}", source.text(HANGS)));
            Body { behaviour: HookBehaviour::TimesOut, rules: vec![Rule::Timeout], place: None, part: "a hook hangs" }
        }
        30 => {
            let line = main.line("        return {'cookie': {'n': len(bytearray(400 << 20))}}");
            let place = Some(("main.py", line));
            Body {
                behaviour: HookBehaviour::OutOfMemory,
                rules: vec![Rule::MemoryLimit],
                place,
                part: "a hook uses up memory",
            }
        }
        _ => {
            main.line("        return {'cookie': {'n': os.urandom(8).hex()}}");
            Body {
                behaviour: HookBehaviour::ReturnsRandom,
                rules: Vec::new(),
                place: None,
                part: "a hook returns a random cookie",
            }
        }
    }
}

fn returns(
    source: &mut Source<'_, '_>,
    main: &mut PythonFile,
    (spec, plugin_type, platform): (&HookSpec, PluginType, &Platform),
) -> Body {
    let asks = plugin_type == PluginType::Aa && !spec.result_dropped;
    let (result, rules) = match source.below(16) {
        15 if asks => {
            let verdict = vec![(results::text("verdict"), results::text("NEEDINFO"))];
            (Observed::Dict(verdict), vec![Rule::ReturnValueInvalid])
        }
        14 if asks => {
            let question = Observed::Tuple(vec![results::text("k"), results::text("p"), Observed::Bool(false)]);
            let verdict = (results::text("verdict"), results::text("NEEDINFO"));
            (Observed::Dict(vec![verdict, (results::text("question"), question)]), vec![])
        }
        _ => results::result(source, spec, plugin_type, platform),
    };
    let value = expression(&result);
    match source.below(5) {
        1 => {
            main.line("        try:");
            main.line("            raise KeyError('Qx')");
            main.line("        except KeyError:");
            main.line(&format!("            return {value}"));
        }
        2 => {
            main.line("        try:");
            main.line(&format!("            return {value}"));
            main.line("        finally:");
            main.line("            arguments.clear()");
        }
        _ => {
            main.line(&format!("        return {value}"));
        }
    }
    Body { behaviour: HookBehaviour::Returns(result), rules, place: None, part: "a hook returns" }
}

fn raises(source: &mut Source<'_, '_>, main: &mut PythonFile, helper: &mut PythonFile, spec: &HookSpec) -> Body {
    let (statement, type_name, message) = *source.pick(RAISES);
    let in_helper = source.below(3);
    let name = spec.hook.name();
    // The helper does not have the names of `main`.
    let is_own = ["Boom", "Mute", "Deep", "_recurse"].iter().any(|own| statement.contains(own));
    let place = match in_helper {
        1 if !is_own => {
            helper.line("");
            helper.line(&format!("def {name}():"));
            helper.line("    # A comment.");
            let line = helper.line(&format!("    {statement}"));
            main.line(&format!("        lib.helper.{name}()"));
            ("lib/helper.py", line)
        }
        2 => {
            main.line(&format!("        for one in [{}]:", literal("Qx")));
            ("main.py", main.line(&format!("            {statement}")))
        }
        _ => ("main.py", main.line(&format!("        {statement}"))),
    };
    Body {
        behaviour: HookBehaviour::Raises(type_name, message.map(str::to_owned)),
        rules: vec![Rule::UncaughtException],
        // The frame that overflows differs from machine to machine.
        place: (type_name != "RecursionError").then_some(place),
        part: "a hook raises",
    }
}
