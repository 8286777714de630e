//! What a hook does: returns, raises, exits, dies, hangs, eats memory; and how that ends as the runtime must see it.

use super::{
    results,
    source::{Source, expression, literal},
};
use crate::{
    contract::{HookSpec, Platform, PluginType},
    finding::Rule,
    generate::dice::Dice,
    trace::Observed,
};

/// How a call must end.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// With this result.
    Returns(Observed),
    /// With a result that is another one each time.
    ReturnsSomething,
    /// With an exception of this type and text; `None` for a text that is not known.
    Raises(&'static str, Option<String>),
    /// The process ended itself.
    Exits(i32),
    /// The process died of a signal.
    Signalled(i32),
    /// At the time limit.
    TimesOut,
    /// At the memory limit.
    OutOfMemory,
}

impl Act {
    /// Whether the session ends with it.
    pub fn breaks(&self) -> bool {
        !matches!(self, Self::Returns(_) | Self::ReturnsSomething)
    }
}

/// A hook's body as it was written.
pub(super) struct Body {
    pub(super) act: Act,
    /// The rules that it breaks, each as often as it is told.
    pub(super) rules: Vec<Rule>,
    /// File and line where it breaks, where that is known.
    pub(super) place: Option<(&'static str, u32)>,
    pub(super) words: &'static str,
}

/// Raises: statement, type, text.
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

/// Ends the process: statement, status.
const EXITS: &[(&str, i32)] = &[
    ("sys.exit(3)", 3),
    ("sys.exit()", 0),
    ("sys.exit('Qx')", 1),
    ("raise SystemExit(4)", 4),
    ("os._exit(7)", 7),
    ("os._exit(0)", 0),
    ("sys.exit(None)", 0),
];

/// Dies of a signal: statement, signal.
const SIGNALS: &[(&str, i32)] = &[
    ("os.kill(os.getpid(), signal.SIGSEGV)", 11),
    ("os.kill(os.getpid(), signal.SIGKILL)", 9),
    ("os.abort()", 6),
    ("os.kill(os.getpid(), signal.SIGTERM)", 15),
    ("os.kill(os.getpid(), signal.SIGFPE)", 8),
    ("faulthandler._sigsegv()", 11),
];

/// Never comes to an end.
const HANGS: &[&str] = &[
    "time.sleep(600)",
    "while True: pass",
    "select.select([], [], [], 600)",
    "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)",
    "_stubborn()",
];

/// Writes a body at this indent. `helper` is the file that the hook may call into; lines in it are numbered as well.
pub(super) fn body(
    dice: &mut Dice<'_, '_>,
    main: &mut Source,
    helper: &mut Source,
    (spec, plugin_type, platform): (&HookSpec, PluginType, &Platform),
) -> Body {
    match dice.below(32) {
        0..=14 => returns(dice, main, (spec, plugin_type, platform)),
        15..=24 => raises(dice, main, helper, spec),
        25..=26 => {
            let (statement, status) = *dice.pick(EXITS);
            let line = main.line(&format!("        {statement}"));
            // Where `os._exit` stood nobody can ask any more.
            let place = (!statement.starts_with("os.")).then_some(("main.py", line));
            Body { act: Act::Exits(status), rules: vec![Rule::ProcessExit], place, words: "a hook exits" }
        }
        27..=28 => {
            let (statement, signal) = *dice.pick(SIGNALS);
            let line = main.line(&format!("        {statement}"));
            // `faulthandler` writes the stack of faults only.
            let place = matches!(signal, 11 | 6 | 8).then_some(("main.py", line));
            Body { act: Act::Signalled(signal), rules: vec![Rule::InterpreterCrash], place, words: "a hook dies" }
        }
        29 => {
            let line = main.line(&format!("        {}", dice.word(HANGS)));
            let _ = line;
            Body { act: Act::TimesOut, rules: vec![Rule::Timeout], place: None, words: "a hook hangs" }
        }
        30 => {
            let line = main.line("        return {'cookie': {'n': len(bytearray(400 << 20))}}");
            let place = Some(("main.py", line));
            Body { act: Act::OutOfMemory, rules: vec![Rule::MemoryLimit], place, words: "a hook eats memory" }
        }
        _ => {
            main.line("        return {'cookie': {'n': os.urandom(8).hex()}}");
            Body { act: Act::ReturnsSomething, rules: Vec::new(), place: None, words: "a hook is unsteady" }
        }
    }
}

fn returns(
    dice: &mut Dice<'_, '_>,
    main: &mut Source,
    (spec, plugin_type, platform): (&HookSpec, PluginType, &Platform),
) -> Body {
    let asks = plugin_type == PluginType::Aa && !spec.result_dropped;
    let (result, rules) = match dice.below(16) {
        15 if asks => {
            let verdict = vec![(results::text("verdict"), results::text("NEEDINFO"))];
            (Observed::Dict(verdict), vec![Rule::ReturnValueInvalid])
        }
        14 if asks => {
            let question = Observed::Tuple(vec![results::text("k"), results::text("p"), Observed::Bool(false)]);
            let verdict = (results::text("verdict"), results::text("NEEDINFO"));
            (Observed::Dict(vec![verdict, (results::text("question"), question)]), vec![])
        }
        _ => results::result(dice, spec, plugin_type, platform),
    };
    let value = expression(&result);
    match dice.below(5) {
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
    Body { act: Act::Returns(result), rules, place: None, words: "a hook returns" }
}

fn raises(dice: &mut Dice<'_, '_>, main: &mut Source, helper: &mut Source, spec: &HookSpec) -> Body {
    let (statement, type_name, message) = *dice.pick(RAISES);
    let in_helper = dice.below(3);
    let name = spec.hook.name();
    // Names of `main` are not at hand in the helper.
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
        act: Act::Raises(type_name, message.map(str::to_owned)),
        rules: vec![Rule::UncaughtException],
        // Which of the frames overflowed is the machine's mood.
        place: (type_name != "RecursionError").then_some(place),
        words: "a hook raises",
    }
}
