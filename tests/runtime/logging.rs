//! What a plugin's records of `logging` write, and that logging behaves as it does without hookstorm.

use hookstorm::trace::{CallTrace, Ending};

use crate::plugin::*;

/// The first call of a session whose `get_password_list` does this, after `import logging, sys` and with `log`, which
/// writes to standard error.
fn first_call(body: &str) -> Vec<CallTrace> {
    let body: String = body.lines().map(|line| format!("        {line}\n")).collect();
    let folder = Folder::new(&format!(
        "import logging, sys\nlog = logging.getLogger('mine')\nlog.addHandler(logging.StreamHandler())\n\
         log.setLevel(10)\n{STORE}\n    def get_password_list(self, session_id):\n{body}"
    ));
    let (mut worker, _) = start(folder.target());
    BOTH.map(|isolation| one(&mut worker, &store_session(), isolation).calls.swap_remove(0)).into()
}

#[test]
fn each_record_has_its_part_of_standard_error_its_level_and_its_line() {
    let body = "print('before', file=sys.stderr)\nlog.info('first %s', session_id)\nsys.stderr.write('between')\n\
                def deep():\n    log.error('\\u00fcber')\ndeep()\nlog.handle(record=logging.LogRecord(\n    \
                'mine', 30, '/lib/other.py', 7, 'by %s', ('hand',), None, 'f'))\nlog.debug(7)";
    for call in first_call(body) {
        let records: Vec<_> = call.stderr.records.iter().collect();
        let text = |at: usize| &call.stderr.text[records[at].start as usize..records[at].end as usize];
        assert_eq!(
            (0..records.len()).map(text).collect::<Vec<_>>(),
            ["first session_id\n", "über\n", "by hand\n", "7\n"]
        );
        let levels: Vec<_> = records.iter().map(|record| (record.level, record.template.as_str())).collect();
        assert_eq!(levels, [(20, "first %s"), (40, "über"), (30, "by %s"), (10, "")]);
        let first = records[0].frame.line;
        let places: Vec<_> =
            records.iter().map(|record| (record.frame.function.as_str(), record.frame.line - first)).collect();
        // The third record names a file that is not the plugin's, so the line that handles it counts.
        assert_eq!(
            (places[0], places[1], places[3]),
            (("get_password_list", 0), ("deep", 3), ("get_password_list", 7)),
            "{records:?}"
        );
        assert!(places[2].0 == "get_password_list" && (5..7).contains(&places[2].1), "{records:?}");
    }
}

#[test]
fn what_a_filter_or_a_handler_raises_reaches_the_plugin() {
    let body = "def fails(record):\n    print('seen', file=sys.stderr)\n    raise KeyError(record.msg)\n\
                log.addFilter(fails)\nlog.info('told')";
    for call in first_call(body) {
        let Ending::Raised(exception) = &call.ending else { panic!("{call:?}") };
        assert_eq!((exception.type_name.as_str(), exception.message.as_str()), ("KeyError", "'told'"));
        assert_eq!(call.stderr.records.len(), 1, "{call:?}");
    }
}

#[test]
fn logging_behaves_as_always() {
    let body = "import inspect\nclass Loud(logging.Logger):\n    def handle(self, record):\n        \
                record.msg = str(record.msg).upper()\n        super().handle(record)\n\
                loud = Loud('loud')\nloud.addHandler(log.handlers[0])\nloud.info('text')\n\
                try:\n    log.handle()\nexcept TypeError:\n    pass\n\
                names = str(inspect.signature(logging.Logger.handle)), logging.Logger.handle.__name__\n\
                log.info('%d', 'x')\nreturn {'cookie': {'names': names}}";
    for call in first_call(body) {
        let Ending::Returned(result) = &call.ending else { panic!("{call:?}") };
        let names = result.get("cookie").unwrap().to_string();
        assert_eq!(names, "{'names': ('(self, /, record)', 'handle')}");
        let text = &call.stderr.text;
        assert!(text.starts_with("TEXT\n--- Logging error ---\n"), "{text}");
        // The stack ends where the plugin logs, as without hookstorm.
        let stack = text.split("Call stack:\n").nth(1).unwrap_or_default();
        let frames: Vec<&str> = stack.lines().filter(|line| line.starts_with("  File ")).collect();
        assert!(frames.last().is_some_and(|frame| frame.ends_with("in get_password_list")), "{text}");
    }
}

#[test]
fn records_beyond_the_limit_and_a_closed_standard_error_cost_nothing_else() {
    for call in first_call("for number in range(300):\n    log.info('%d', number)") {
        assert_eq!(call.stderr.records.len(), 256);
        assert!(call.stderr.text.ends_with("\n299\n"));
    }
    for call in first_call("import os\nos.close(2)\nlog.info('lost')\nreturn {'cookie': {'still': 'here'}}") {
        assert!(matches!(call.ending, Ending::Returned(_)), "{call:?}");
        assert_eq!(call.stderr.records.len(), 0, "{call:?}");
    }
}
