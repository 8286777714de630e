//! Plugins that read what the appliance has: generated sessions have it or have it not, a case keeps it, and a replay
//! shows the same.

mod program;

use program::Desk;
use serde_json::{Value, json};

/// A plugin without the SDK. Its first hook is `body`.
fn plugin(body: &str) -> String {
    format!(
        "#!/usr/bin/env pluginwrapper3
import json, os

class Plugin:
    def __init__(self, configuration=None):
        pass

    def get_password_list(self, session_id, cookie, session_cookie):
        {}

    def get_private_key_list(self, session_id, cookie, session_cookie):
        return {{'cookie': cookie, 'session_cookie': session_cookie}}

    def authentication_completed(self, session_id, cookie, session_cookie):
        return {{'cookie': cookie, 'session_cookie': session_cookie}}

    def session_ended(self, session_id, cookie, session_cookie):
        pass
",
        body.replace('\n', "\n        ")
    )
}

const MANIFEST: &str = "api: '1.9'\ntype: credentialstore\nname: Reader\nversion: '1.0'\ndescription: Reads what the appliance has\nentry_point: main.py\nauthor_name: n\nauthor_email: n@example.com\n";

fn desk(body: &str) -> Desk {
    let desk = Desk::new();
    desk.write("plugin/MANIFEST", MANIFEST);
    desk.write("plugin/main.py", plugin(body));
    desk
}

/// The cases in the corpus.
fn cases(desk: &Desk) -> Vec<Value> {
    let folder = std::fs::read_dir(desk.path("corpora/Reader")).unwrap().flatten();
    let files = folder.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|name| name == "json"));
    files.map(|path| serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()).collect()
}

#[test]
fn a_plugin_that_can_do_without_its_files_has_no_finding() {
    let body = "def read(path):
    try:
        with open(path) as file:
            return json.load(file)
    except FileNotFoundError:
        return None
join = read('/etc/spp/join.json')
nodes = read('/etc/spp/cluster_members.json') or []
assert (join is None) == (not nodes)
with open('/tmp/nodes', 'w') as file:
    json.dump(nodes, file)
os.remove('/tmp/nodes')
return {'cookie': {**cookie, 'nodes': [node['Ipv4Address'] for node in nodes], 'primary': join and join['spp_primary_ip']}, 'session_cookie': session_cookie}";
    let desk = desk(body);
    let ran = desk.run(&["test", "plugin", "--runs", "600", "--seed", "1", "--format", "json"]);
    assert_eq!((ran.status, ran.rules()), (Some(0), vec![]), "{ran:?}");
}

#[test]
fn a_node_that_is_not_joined_breaks_a_plugin_that_needs_the_file_and_the_case_shows_that() {
    let desk = desk(
        "with open('/etc/spp/join.json') as file:\n    json.load(file)\nreturn {'cookie': cookie, 'session_cookie': session_cookie}",
    );
    let ran = desk.run(&["test", "plugin", "--runs", "600", "--seed", "1", "--format", "json"]);
    assert_eq!((ran.status, ran.rules()), (Some(1), vec!["uncaught-exception".to_owned()]), "{ran:?}");
    assert!(ran.stdout.contains("No such file or directory: '/etc/spp/join.json'"), "{ran:?}");
    let cases = cases(&desk);
    assert!(cases.len() == 1 && cases[0].get("services").is_none(), "{cases:#?}");
    let replayed = desk.run(&["replay", "plugin"]);
    assert_eq!(replayed.status, Some(1), "{replayed:?}");
}

#[test]
fn a_finding_that_needs_a_file_has_it_in_its_case_and_nothing_else_of_the_appliance() {
    let body =
        "found = os.path.exists('/etc/spp/cluster_members.json') and json.load(open('/etc/spp/cluster_members.json'))
os.path.exists('/etc/spp/join.json') and os.path.exists('/usr/share/zorp/dictionary')
if found and len(found) > 1:
    raise LookupError('more than one node')
return {'cookie': cookie, 'session_cookie': session_cookie}";
    let desk = desk(body);
    let ran = desk.run(&["test", "plugin", "--runs", "600", "--seed", "1", "--format", "json"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    let case = cases(&desk).into_iter().find(|case| case["found"]["message"] == "LookupError: more than one node");
    let case = case.unwrap_or_else(|| panic!("{ran:?}"));
    let files = case["services"]["appliance_files"].as_object().unwrap();
    assert_eq!(files.keys().collect::<Vec<_>>(), ["/etc/spp/cluster_members.json"], "{case:#}");
    for _ in 0..2 {
        let replayed = desk.run(&["replay", "plugin"]);
        assert_eq!(replayed.status, Some(1), "{replayed:?}");
    }
    // With one node less it is silent.
    let mut fixed = case.clone();
    fixed["services"]["appliance_files"]["/etc/spp/cluster_members.json"] = json!("[{\"Ipv4Address\": \"192.0.2.1\"}]");
    desk.write("one.json", fixed.to_string());
    let ran = desk.run(&["run", "plugin", "--case", "one.json"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
}

#[test]
fn a_case_with_an_impossible_file_is_wrong_use_and_names_the_place() {
    let desk = desk("return {'cookie': cookie, 'session_cookie': session_cookie}");
    let case = |services: Value| {
        let arguments = json!({"session_id": "s-1"});
        json!({"format": 1, "type": "credentialstore", "platform": "9.0", "configuration": null, "session_cookie": {},
            "cookie": {}, "services": services, "calls": [{"hook": "session_ended", "arguments": arguments}]})
        .to_string()
    };
    for (services, place, problem) in [
        (json!({"appliance_files": {"/etc/passwd": ""}}), "`appliance_files`, `/etc/passwd`", "is not a file"),
        (json!({"appliance_files": {"/etc/spp/join.json": "x"}}), "`appliance_files`, `/etc/spp/join.json`", "JSON"),
        (json!({"box_configuration": {"joined": true}}), "`box_configuration`", "`joined` is not known here"),
    ] {
        desk.write("case.json", case(services));
        let ran = desk.run(&["run", "plugin", "--case", "case.json"]);
        assert_eq!(ran.status, Some(2), "{ran:?}");
        assert!(ran.stderr.contains(place) && ran.stderr.contains(problem), "{ran:?}");
    }
}

#[test]
fn a_hook_that_is_run_by_itself_finds_what_its_code_names() {
    let desk =
        desk("print(open('/etc/spp/join.json').read())\nreturn {'cookie': cookie, 'session_cookie': session_cookie}");
    let ran = desk.run(&["run", "plugin", "--hook", "get_password_list"]);
    assert!(ran.status == Some(0) && ran.stdout.contains("sps_cluster_interface_ip"), "{ran:?}");
}

#[test]
fn one_plugin_leaves_nothing_in_tmp_for_its_next_session() {
    let body = "seen = os.listdir('/tmp')\nopen('/tmp/cache', 'w').write(session_id)\nreturn {'cookie': {**cookie, 'seen': [name for name in seen if name == 'cache' and not cookie]}, 'session_cookie': session_cookie}";
    let desk = desk(body);
    let ran = desk.run(&["test", "plugin", "--runs", "300", "--seed", "1", "--format", "json"]);
    // The file is reported as one that is left behind, and the next session does not depend on it.
    assert_eq!(ran.rules(), ["resource-leak"], "{ran:?}");
}
