//! The platform's services for plugins on the real SDK: a plugin gets what the case contains; what a call writes is
//! there for later calls of the session, in one process and in fresh ones; the next session sees nothing of it.

mod program;

use std::{sync::Arc, time::Duration};

use hookstorm::{
    case::{Call, Case, SERVICES, Session, SetOption, Value, check_services},
    contract::{Argument, Hook, Platform, PluginType},
    generate::{Domain, contract_violation},
    runtime::{Executor, Isolation, Limits, Network, Sandbox, Target, Worker, sandbox::Protection},
    trace::{Ending, LoadEnding, Loading, PluginTokens, Trace},
};

const BOTH: [Isolation; 2] = [Isolation::Persistent, Isolation::Isolated];

/// A key and a certificate of nobody's.
const KEY: &str = include_str!("../src/generate/services/key.pem");
const CERTIFICATE: &str = include_str!("../src/generate/services/certificate.pem");

/// A plugin on the SDK whose hooks return what `passwords` and `ended` give as cookies.
fn start(imports: &str, passwords: &str, ended: &str, configuration: &str) -> (Worker, Loading, tempfile::TempDir) {
    start_with(imports, passwords, ended, configuration, |_| ())
}

/// The same without imports and configuration, and with a changed target.
fn start_in(passwords: &str, ended: &str, change: impl Fn(&mut Target)) -> (Worker, Loading, tempfile::TempDir) {
    start_with("", passwords, ended, "", change)
}

fn start_with(
    imports: &str,
    passwords: &str,
    ended: &str,
    configuration: &str,
    change: impl Fn(&mut Target),
) -> (Worker, Loading, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let main = format!(
        "import os
from safeguard.sessions.plugin import *
{imports}

class Plugin(CredentialStorePlugin):
    def get_password_list(self, **kwargs):
        def seen():
            {passwords}
        return {{'cookie': {{'seen': seen()}}}}

    def authentication_completed(self, cookie, **kwargs):
        def seen():
            {ended}
        return {{'cookie': {{'first': cookie['seen'], 'seen': seen()}}}}
"
    );
    std::fs::write(folder.path().join("main.py"), main).unwrap();
    let mut target = Target {
        root: std::fs::canonicalize(folder.path()).unwrap(),
        entry_point: "main.py".into(),
        plugin_type: PluginType::CredentialStore,
        platform: Platform::newest(),
        configuration: configuration.into(),
        services: hookstorm::generate::configured_services(configuration),
        venv: Some(program::venv()),
        limits: Limits { timeout: Duration::from_secs(20), ..Limits::default() },
        network: Network::Closed,
        sandbox: Sandbox::default(),
        coverage: true,
        instrument: false,
    };
    change(&mut target);
    let (worker, loading) = Worker::start(&Arc::new(target)).unwrap();
    assert_eq!(loading.import, LoadEnding::Done, "{}", loading.output);
    assert_eq!(loading.constructor, Some(LoadEnding::Done), "{}", loading.output);
    (worker, loading, folder)
}

fn session(services: &str) -> Session {
    let id = || vec![(Argument::SessionId, Value::text("s-1"))];
    let services: Value = serde_json::from_str(services).unwrap();
    assert_eq!(check_services(&services), Ok(()));
    Session {
        services,
        ..Session::new(vec![Call::new(Hook::GetPasswordList, id()), Call::new(Hook::AuthenticationCompleted, id())])
    }
}

fn one(worker: &mut Worker, session: &Session, isolation: Isolation) -> Trace {
    worker.run(std::slice::from_ref(session), isolation).unwrap().pop().unwrap()
}

/// What the session showed in the end; the same in both ways of running, twice each, and no state is left behind.
#[track_caller]
fn shown(worker: &mut Worker, session: &Session) -> String {
    let mut all = Vec::new();
    for isolation in BOTH {
        for _ in 0..2 {
            let trace = one(worker, session, isolation);
            let ends: Vec<_> = trace.calls.iter().filter(|call| !matches!(call.ending, Ending::Returned(_))).collect();
            assert!(ends.is_empty(), "{ends:#?}");
            assert_eq!(trace.changes, [""; 0], "{isolation:?}");
            all.push(trace.cookie.to_string());
        }
    }
    assert!(all.iter().all(|one| *one == all[0]), "{all:#?}");
    all.swap_remove(0)
}

#[test]
fn the_memory_cache_keeps_what_a_call_put_in_until_the_session_ends() {
    let imports = "from safeguard.sessions.plugin.memory_cache import MemoryCache";
    let cache = "cache = MemoryCache.from_config(self.plugin_configuration, prefix='acme')";
    let put = format!(
        "{cache}; before = [cache.get('token'), cache.get('count'), cache.get_binary('raw')]; cache.set('token', {{'a': 'é'}}, \
         300); cache.set('count', (before[1] or 0) + 1); cache.set_binary('raw', b'\\xff\\x00'); cache.set('gone', 1, \
         ttl=-1); return before"
    );
    let get = format!("{cache}; return [cache.get('token'), cache.get('count'), list(cache.get_binary('raw'))]");
    let (mut worker, loading, _folder) = start(imports, &put, &get, "");
    assert_eq!(loading.tokens.services, ["memory_cache", "sdk"]);
    assert_eq!(shown(&mut worker, &session("{}")), r#"{"first":[null,null,null],"seen":[{"a":"é"},1,[255,0]]}"#);
    let filled = session(r#"{"memory_cache": {"acme:count": "41", "acme:token": "\"x\"", "count": "7"}}"#);
    assert_eq!(shown(&mut worker, &filled), r#"{"first":["x",41,null],"seen":[{"a":"é"},42,[255,0]]}"#);
    assert_eq!(shown(&mut worker, &session("{}")), r#"{"first":[null,null,null],"seen":[{"a":"é"},1,[255,0]]}"#);
}

#[test]
fn a_memory_cache_that_is_imported_in_a_call_is_the_same_one() {
    let import = "from safeguard.sessions.plugin.memory_cache import MemoryCache";
    let put = format!("{import}; MemoryCache.from_config(self.plugin_configuration).set('a', 1)");
    let get = format!("{import}; return MemoryCache.from_config(self.plugin_configuration).get('a')");
    let (mut worker, _, _folder) = start("", &put, &get, "");
    assert_eq!(shown(&mut worker, &session("{}")), r#"{"first":null,"seen":1}"#);
    let get = format!("{import}; return MemoryCache.from_config(self.plugin_configuration).get('b')");
    let (mut worker, _, _folder) = start("", "pass", &get, "");
    assert_eq!(shown(&mut worker, &session(r#"{"memory_cache": {"b": "2"}}"#)), r#"{"first":null,"seen":2}"#);
}

#[test]
fn an_option_written_as_a_dollar_comes_from_the_cases_store_by_its_section_and_name() {
    let configuration =
        "[credential_store]\nname = local\n[vault]\npassword = $\nuser_key = $\nother = $\n[tls]\nclient_cert = $\n";
    let get = "c = self.plugin_configuration; return [c.get('vault', 'password'), c.get_key('vault', 'user_key')['type'], \
               c.get_certificate('tls', 'client_cert')['cert'], c.get('vault', 'other')]";
    let (mut worker, _, _folder) = start("", get, get, configuration);
    let services = r#"{"credential_stores": {"local": {
        "password": {"vault": [{"type": "ssh-rsa", "key": "k"}, "p-1", "p-2"], "tls": ["no"]},
        "user_key": {"vault": ["no", {"type": "ssh-rsa", "key": "k"}]},
        "client_cert": {"tls": [{"type": "x509v3-sign-rsa", "key": "k", "cert": "c"}]}}}}"#;
    let seen = r#"["p-1","ssh-rsa","c",null]"#;
    assert_eq!(shown(&mut worker, &session(services)), format!(r#"{{"first":{seen},"seen":{seen}}}"#));

    // A session may name another store, and one that is not there is what the SDK says it is.
    let mut elsewhere = session(services);
    elsewhere.options =
        vec![SetOption { section: "credential_store".into(), name: "name".into(), value: "elsewhere".into() }];
    for isolation in BOTH {
        let trace = one(&mut worker, &elsewhere, isolation);
        let Ending::Raised(raised) = &trace.calls[0].ending else { panic!("{trace:?}") };
        assert!(raised.type_name.ends_with("LocalCredentialStoreNotFound"), "{raised:?}");
    }
}

#[test]
fn a_plugin_whose_constructor_reads_a_dollar_can_be_loaded() {
    let configuration =
        "[credential_store]\nname = local\n[https_proxy]\nserver = p.example\nusername = u\npassword = $\n";
    let get = "return os.environ['https_proxy']";
    let (mut worker, _, _folder) = start("", get, get, configuration);
    let services = r#"{"credential_stores": {"local": {"password": {"https_proxy": ["pw"]}}}}"#;
    let seen = "\"https://u:pw@p.example:3128\"";
    assert_eq!(shown(&mut worker, &session(services)), format!(r#"{{"first":{seen},"seen":{seen}}}"#));
}

#[test]
fn user_lists_and_the_directory_answer_from_the_case() {
    let put = "listed = lambda name, user: UserList.from_config(self.plugin_configuration, name=name).check_user(user); \
               return [listed('vip', 'alice'), listed('vip', 'Alice'), listed('all', 'bob')]";
    let get = "l = LDAPServer.from_config(self.plugin_configuration); return [l.get_user_string_attribute('ALICE'), \
               l.get_user_string_attributes('alice', ['UIDnumber', 'x']), l.filter_user_groups('Alice', ['DBA', 'wheel', 'z'])]";
    let (mut worker, loading, _folder) = start("", put, get, "[ldap_server]\nname = ad\nuser_attribute = mail\n");
    assert_eq!(loading.tokens.services, ["ldap", "sdk", "user_lists"]);
    let services = r#"{"user_lists": {"vip": {"allow": "no_user", "except": ["alice"]}, "all": {"allow": "all_users", "except": []}},
        "ldap": {"ad": {"users": {"alice": {"mail": ["a@b", "c@d"], "uidNumber": 1000}},
                        "groups": {"dba": ["alice"], "wheel": []}}}}"#;
    assert_eq!(
        shown(&mut worker, &session(services)),
        r#"{"first":[true,false,true],"seen":[["a@b","c@d"],{"UIDnumber":["1000"],"x":[]},["DBA"]]}"#
    );
    // Nobody of that name, and a server that is down.
    for (server, error) in [(r#"{"users": {}}"#, "LDAPUserNotFound"), ("{}", "LDAPOperationError")] {
        let services = services.replace(
            r#"{"ad": {"users": {"alice": {"mail": ["a@b", "c@d"], "uidNumber": 1000}},
                        "groups": {"dba": ["alice"], "wheel": []}}}"#,
            &format!(r#"{{"ad": {server}}}"#),
        );
        let trace = one(&mut worker, &session(&services), Isolation::Persistent);
        let Ending::Raised(raised) = &trace.calls[1].ending else { panic!("{trace:?}") };
        assert!(raised.type_name.ends_with(error), "{raised:?}");
    }
}

#[test]
fn a_list_of_trusted_authorities_is_found_by_its_name() {
    let get = "ca = self.plugin_configuration.get_ca_certificate('tls', 'ca_cert'); \
               return [len(ca['certs']), ca['name'], len(os.listdir(ca['location']))]";
    let (mut worker, _, _folder) = start("", get, get, "[tls]\nca_cert = $[corp]\n");
    let certs = Value::List(vec![CERTIFICATE.into()]);
    let services = Value::Dict(vec![(
        "trusted_ca_lists".into(),
        Value::Dict(vec![("corp".into(), Value::Dict(vec![("certs".into(), certs)]))]),
    )]);
    assert_eq!(shown(&mut worker, &session(&services.to_string())), r#"{"first":[1,"corp",1],"seen":[1,"corp",1]}"#);
    let trace = one(&mut worker, &session("{}"), Isolation::Isolated);
    let Ending::Raised(raised) = &trace.calls[0].ending else { panic!("{trace:?}") };
    assert!(raised.message.contains("Trusted CA list does not exist"), "{raised:?}");
}

#[test]
fn a_key_of_the_generator_is_one_that_libraries_read() {
    let get = "from cryptography.hazmat.primitives.serialization import load_pem_private_key; from cryptography import x509; \
               k = CredentialStore.from_config(self.plugin_configuration, name='a').get_certificates('h', 'u')[0]; \
               return x509.load_pem_x509_certificate(k['cert'].encode()).public_key() == \
               load_pem_private_key(k['key'].encode(), None).public_key()";
    let (mut worker, _, _folder) = start("", get, "pass", "");
    let services = format!(
        r#"{{"credential_stores": {{"a": {{"u": {{"h": [{{"type": "x509v3-sign-rsa", "key": {}, "cert": {}}}]}}}}}}}}"#,
        Value::text(KEY),
        Value::text(CERTIFICATE)
    );
    assert_eq!(shown(&mut worker, &session(&services)), r#"{"first":true,"seen":null}"#);
}

#[test]
fn files_of_the_state_folders_are_there_and_only_what_a_call_changed_is_left_by_it() {
    let folder = "p = os.environ['SCB_PLUGIN_STATE_DIRECTORY']; e = os.environ['EPHEMERAL_PLUGIN_STATE_DIRECTORY']";
    let put = format!(
        "{folder}; s = open(p + '/a/b').read() + open(e + '/c').read(); open(p + '/a/new', 'w').write('n'); return s"
    );
    let get = format!(
        "{folder}; open(e + '/c', 'a').write('!'); return [sorted(os.listdir(p + '/a')), open(e + '/c').read()]"
    );
    let (mut worker, loading, _folder) = start("", &put, &get, "");
    assert_eq!(loading.tokens.services, ["ephemeral", "sdk", "state"]);
    let session = session(r#"{"state": {"a/b": "one"}, "ephemeral": {"c": "two"}}"#);
    assert_eq!(shown(&mut worker, &session), r#"{"first":"onetwo","seen":[["b","new"],"two!"]}"#);
    for isolation in BOTH {
        let trace = one(&mut worker, &session, isolation);
        let left = |call: usize| trace.calls[call].files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>();
        assert_eq!((left(0), left(1)), (vec!["state/a/new"], vec!["ephemeral/c", "state/a/new"]));
    }
}

#[test]
fn the_box_configuration_is_what_the_case_says_and_none_without_it() {
    let get = "b = self.box_configuration; return [b.get_gateway_fqdn(), b.get_starling_join_credential_string(), \
               list(b.get_http_proxy()), b._query('/a/b'), 'error' in b._query('c'), os.environ.get('https_proxy')]";
    let (mut worker, loading, _folder) = start("", get, get, "");
    assert_eq!(loading.tokens.services, ["gateway_fqdn", "http_proxy", "sdk", "starling_join_credential_string"]);
    let services = r#"{"box_configuration": {
        "gateway_fqdn": "gw.example.com",
        "starling_join_credential_string": "joined-1",
        "http_proxy": {"enabled": true, "server": {"value": "p.example"}, "port": 3128,
                       "authentication": {"selection": "password", "username": "u", "password": "pw"}},
        "endpoints": {"a": {"b": [1, {"c": null}]}}}}"#;
    let seen = r#"["gw.example.com","joined-1",["p.example",3128,"u","pw"],[1,{"c":null}],true,"https://u:pw@p.example:3128"]"#;
    assert_eq!(shown(&mut worker, &session(services)), format!(r#"{{"first":{seen},"seen":{seen}}}"#));
    let none = r#"[null,null,[null,null,null,null],{"error":{"details":{"mount_point":"/","resource":"a"},"message":"Resource was not found","type":"ResourceNotFound"}},true,null]"#;
    assert_eq!(shown(&mut worker, &session("{}")), format!(r#"{{"first":{none},"seen":{none}}}"#));
}

#[test]
fn files_of_the_appliance_are_where_it_has_them_or_absent_with_and_without_mounts() {
    let read = "import json, pathlib, ctypes\n            join = pathlib.Path('/etc/spp/join.json')\n            \
                c = ctypes.CDLL(None)\n            \
                return [os.path.exists('/etc/spp/join.json'), join.is_file() and json.loads(join.read_text()), \
                sorted(os.listdir('/etc/spp')), os.path.isfile('/usr/share/zorp/dictionary'), \
                os.path.isdir('/etc/spp') and os.access('/etc/spp', os.R_OK), c.access(b'/etc/spp/join.json', 4) == 0]";
    let absent = "try:\n                open('/etc/spp/cluster_members.json')\n            \
                  except FileNotFoundError as error:\n                return [error.errno, error.filename]";
    let whole = r#"{"appliance_files": {"/etc/spp/join.json": "{\"spp_primary_ip\": \"192.0.2.1\"}",
        "/usr/share/zorp/dictionary": "ATTRIBUTE User-Name 1 string\n"}}"#;
    for is_off in [false, true] {
        let (mut worker, loading, _folder) = start_in(read, absent, |target| target.sandbox.is_off = is_off);
        assert_eq!(loading.tokens.services, ["/etc/spp", "/usr/share/zorp", "sdk"]);
        // Code in C sees the file too, if it is mounted.
        let by_c = !is_off && !worker.missing().has(Protection::Mounts);
        let seen = format!(r#"[true,{{"spp_primary_ip":"192.0.2.1"}},["join.json"],true,true,{by_c}]"#);
        let gone = r#"[2,"/etc/spp/cluster_members.json"]"#;
        assert_eq!(shown(&mut worker, &session(whole)), format!(r#"{{"first":{seen},"seen":{gone}}}"#), "{is_off}");
        let none = format!(r#"{{"first":[false,false,[],false,true,false],"seen":{gone}}}"#);
        assert_eq!(shown(&mut worker, &session("{}")), none, "{is_off}");
        // What the functions can do is what `os` says that they can.
        let can = "import shutil; return [os.stat in os.supports_follow_symlinks, os.scandir in os.supports_fd, shutil.rmtree.avoids_symlink_attacks]";
        let (mut other, ..) = start_in(can, "return '/etc/spp'", |target| target.sandbox.is_off = is_off);
        assert_eq!(shown(&mut other, &session("{}")), r#"{"first":[true,true,true],"seen":"/etc/spp"}"#);
        // A read of what is absent is no attempt.
        for isolation in BOTH {
            let trace = one(&mut worker, &session("{}"), isolation);
            assert!(trace.calls.iter().all(|call| call.attempts.is_empty()), "{trace:#?}");
        }
    }
}

#[test]
fn the_certificates_of_a_joined_node_are_those_that_openssl_reads() {
    let get = "import ssl; context = ssl.create_default_context(cafile='/etc/spp/server.crt'); \
               context.load_cert_chain('/etc/spp/client.crt', '/etc/spp/client.key'); return len(context.get_ca_certs())";
    let files = [("server.crt", CERTIFICATE), ("client.crt", CERTIFICATE), ("client.key", KEY)];
    let files = files.map(|(name, text)| (format!("/etc/spp/{name}"), Value::text(text)));
    let services = Value::Dict(vec![("appliance_files".into(), Value::Dict(files.to_vec()))]);
    for is_off in [false, true] {
        let (mut worker, _, _folder) = start_in(get, "return None", |target| target.sandbox.is_off = is_off);
        assert_eq!(shown(&mut worker, &session(&services.to_string())), r#"{"first":1,"seen":null}"#, "{is_off}");
    }
}

#[test]
fn a_plugin_that_reads_files_of_the_appliance_while_it_is_loaded_finds_them() {
    let imports = "import json\nJOIN = json.load(open('/etc/spp/join.json'))\nMEMBERS = json.load(open('/etc/spp/cluster_members.json'))\n\
                   assert 'ATTRIBUTE' in open('/usr/share/zorp/dictionary').read()";
    let get = "return [sorted(JOIN), [sorted(member) for member in MEMBERS]]";
    let (mut worker, _, _folder) = start(imports, get, "return None", "");
    let seen = r#"[["spp_primary_ip","sps_cluster_interface_ip"],[["Ipv4Address"]]]"#;
    assert_eq!(shown(&mut worker, &session("{}")), format!(r#"{{"first":{seen},"seen":null}}"#));
}

#[test]
fn every_service_is_documented_fuzzed_and_seen_by_a_plugin() {
    let page = include_str!("../docs/services.md");
    let own = include_str!("services.rs");
    let dictionary = include_str!("../fuzz/dictionaries/case.dict");
    for key in SERVICES {
        let has_row = page.lines().any(|line| line.starts_with("| `") && line.contains(&format!("`{key}`")));
        assert!(has_row, "docs/services.md has no row for `{key}`");
        assert!(own.contains(&format!("\"{key}\"")), "no test here fills `{key}` and shows what a plugin gets");
        assert!(dictionary.contains(&format!("\\\"{key}\\\"")), "fuzz/dictionaries/case.dict lacks `{key}`");
    }
}

#[test]
fn the_case_in_the_documentation_is_one() {
    let page = include_str!("../docs/services.md");
    let (_, rest) = page.split_once("```json\n").unwrap();
    let case = Case::from_json(rest.split_once("```").unwrap().0).unwrap();
    let domain = Domain::new(case.plugin_type, case.platform, Hook::ALL.to_vec(), PluginTokens::default());
    assert_eq!(contract_violation(&case.session, &domain), None);
    let services = case.session.services.as_dict().unwrap();
    for service in SERVICES {
        assert!(page.contains(&format!("`{service}`")), "{service} is not described");
    }
    assert!(services.len() >= 5);
}

#[test]
fn a_plugin_that_breaks_the_stand_ins_harms_no_other_session() {
    let put = "import safeguard.sessions.plugin_impl.user_list as u; u.user_lists = {'vip': {'allow': 'no_user', 'except': ['x']}}";
    let get = "return UserList.from_config(self.plugin_configuration, name='vip').check_user('x')";
    let (mut worker, _, _folder) = start("", put, get, "");
    let services = session(r#"{"user_lists": {"vip": {"allow": "no_user", "except": []}}}"#);
    let first = one(&mut worker, &services, Isolation::Persistent);
    assert_eq!(
        (first.cookie.to_string().as_str(), &first.changes[..]),
        (r#"{"first":null,"seen":true}"#, &["the platform's services".to_owned()][..])
    );
    let mut only_reads = services;
    only_reads.calls.remove(0);
    only_reads.cookie = Value::Dict(vec![("seen".into(), Value::Null)]);
    let next = one(&mut worker, &only_reads, Isolation::Persistent);
    assert_eq!(next.cookie.to_string(), r#"{"first":null,"seen":false}"#);
}
