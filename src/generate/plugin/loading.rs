//! What happens when a plugin is imported and constructed.

use super::{generated::GeneratedPlugin, python::PythonFile};
use crate::{
    finding::Rule,
    generate::{expect::ExpectedFinding, source::Source},
};

/// Writes what happens during the import: nothing, or fault number `broken`.
pub(super) fn import(main: &mut PythonFile, broken: usize, made: &mut GeneratedPlugin) {
    let failed = ExpectedFinding::of(Rule::ImportFailed);
    match broken {
        1 => {
            let line = main.line("raise ValueError('Qx import')");
            made.loading.push(failed.at("main.py", line).word("ValueError: Qx import"));
        }
        2 => {
            let line = main.line("def (:");
            made.loading.push(failed.at("main.py", line).word("SyntaxError"));
        }
        3 => {
            let line = main.line("sys.exit(3)");
            made.loading.push(failed.at("main.py", line).word("status 3"));
        }
        4 => {
            main.line("os._exit(5)");
            made.loading.push(failed.word("status 5"));
        }
        5 | 6 => made.loading.push(ExpectedFinding::of(Rule::PluginClassMissing)),
        7 => {
            // A memory fault, and not `os.kill`: the importing process is the first of its namespace, and the kernel
            // delivers no signal that it sends to itself.
            main.line("import ctypes");
            let line = main.line("ctypes.string_at(0)");
            made.loading.push(failed.at("main.py", line).word("signal 11"));
        }
        _ => {}
    }
    if broken > 0 {
        made.parts.push("the module does not load");
    }
}

/// Writes the constructor; it may fail if `may_break`.
pub(super) fn constructor(
    source: &mut Source<'_, '_>,
    main: &mut PythonFile,
    may_break: bool,
    made: &mut GeneratedPlugin,
) {
    const FORMS: [&str; 6] = [
        "    def __init__(self, configuration):",
        "    def __init__(self):",
        "    def __init__(self, configuration=None):",
        "    def __init__(self, *args, **kwargs):",
        "    def __init__(self, config, unused=None):",
        "    def __init__(self, *, configuration):",
    ];
    let form = source.below(5);
    main.line(FORMS[form]);
    let failed = ExpectedFinding::of(Rule::ConstructorFailed);
    let broken = if may_break && source.chance(16) { 1 + source.below(4) } else { 0 };
    match broken {
        1 => {
            let line = main.line("        raise Boom('Qx constructor')");
            made.loading.push(failed.at("main.py", line).word("main.Boom: Qx constructor"));
        }
        2 => {
            main.line("        sys.exit(3)");
            made.loading.push(failed.word("status 3"));
        }
        3 => {
            main.line("        os._exit(6)");
            made.loading.push(failed.word("status 6"));
        }
        4 => {
            let line = main.line("        faulthandler._sigsegv()");
            made.loading.push(failed.at("main.py", line).word("signal 11"));
        }
        _ => {
            main.line("        self.calls = 0");
        }
    }
    if broken > 0 {
        made.parts.push("the constructor fails");
    }
}
