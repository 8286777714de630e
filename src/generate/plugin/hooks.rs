//! Signatures, output and state of a plugin's hooks.

use super::{
    bodies,
    generated::{GeneratedHook, GeneratedPlugin},
    python::PythonFile,
};
use crate::{
    contract::{Hook, HookSpec, Platform, PluginType},
    finding::Rule,
    generate::{expect::ExpectedFinding, source::Source},
};

/// Writes a hook, or leaves it out.
pub(super) fn add(
    source: &mut Source<'_, '_>,
    main: &mut PythonFile,
    helper: &mut PythonFile,
    (spec, plugin_type, platform): (&HookSpec, PluginType, &Platform),
    has_leak: bool,
    made: &mut GeneratedPlugin,
) {
    let name = spec.hook.name();
    main.line("");
    let missing = || ExpectedFinding::of(Rule::HookMissing).hook(spec.hook);
    if source.chance(8) {
        made.parts.push("a hook is missing");
        let is_callable = match source.below(3) {
            0 => None,
            1 => Some("None"),
            _ => Some("5"),
        };
        if let Some(value) = is_callable {
            main.line(&format!("    {name} = {value}"));
        } else {
            main.line("    # Nothing.");
        }
        made.loading.extend(spec.required.then(missing));
        return;
    }
    const FORMS: [&str; 5] = [
        "self, **arguments",
        "self, session_id=None, **arguments",
        "self, cookie, session_cookie, **arguments",
        "self, *unused, session_id, **arguments",
        "self, no_such_argument=None, **arguments",
    ];
    if source.chance(6) {
        made.parts.push("a hook requires an argument that the platform never passes");
        let line = main.line(&format!("    def {name}(self, gateway_usernam, **arguments):"));
        main.line("        return None");
        made.loading.push(
            ExpectedFinding::of(Rule::HookArgumentUnknown)
                .hook(spec.hook)
                .at("main.py", line)
                .word("`gateway_usernam`"),
        );
        return;
    }
    match source.below(8) {
        7 => {
            main.line("    @staticmethod");
            main.line(&format!("    def {name}(**arguments):"));
        }
        6 => {
            main.line("    @classmethod");
            main.line(&format!("    def {name}(cls, **arguments):"));
        }
        form => {
            main.line(&format!("    def {name}({}):", FORMS[form.min(FORMS.len() - 1)]));
        }
    }
    let prints = prints(source, main, made);
    let mut changes = None;
    // Only a hook that is called once in a session: then the session itself cannot notice the change.
    if has_leak && spec.hook == Hook::SessionEnded {
        main.line("        global COUNT");
        main.line("        COUNT += 1");
        changes = Some("main.COUNT".to_owned());
        made.parts.push("a global changes");
    }
    let body = bodies::body(source, main, helper, (spec, plugin_type, platform));
    made.parts.push(body.part);
    let expected = body.rules.into_iter().map(|rule| {
        let expected = ExpectedFinding::of(rule).hook(spec.hook);
        match &body.place {
            Some((file, line)) => expected.at(*file, *line),
            None => expected,
        }
    });
    made.hooks.push(GeneratedHook {
        hook: spec.hook,
        expected: expected.collect(),
        behaviour: body.behaviour,
        prints,
        changes,
    });
}

/// Sometimes writes a statement that prints, and returns its text on standard output and standard error.
fn prints(source: &mut Source<'_, '_>, main: &mut PythonFile, made: &mut GeneratedPlugin) -> (String, String) {
    let (statement, stdout, stderr) = match if source.chance(64) { 1 + source.below(7) } else { 0 } {
        1 => ("print('Qx out')", "Qx out\n".to_owned(), String::new()),
        2 => ("sys.stderr.write('Qx err\\n')", String::new(), "Qx err\n".to_owned()),
        3 => ("os.write(1, b'\\xff{\"format\": 1}\\n')", "\u{fffd}{\"format\": 1}\n".to_owned(), String::new()),
        4 => ("print('ünïcode 😀', file=sys.stderr)", String::new(), "ünïcode 😀\n".to_owned()),
        5 => ("os.write(2, b'Qx\\x1b[31m')", String::new(), "Qx\u{1b}[31m".to_owned()),
        6 => ("print('no end', end='')", "no end".to_owned(), String::new()),
        7 => ("os.write(1, b'x' * 3000)", "x".repeat(3000), String::new()),
        _ => return (String::new(), String::new()),
    };
    main.line(&format!("        {statement}"));
    made.parts.push("a hook prints");
    (stdout, stderr)
}
