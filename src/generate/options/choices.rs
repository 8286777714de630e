//! The options that may be set, with the values that each may have.

use super::{comments, names};
use crate::package::configuration::ConfigOption;

/// The most values of one option.
const VALUES_LIMIT: usize = 24;
/// The longest value, in bytes.
const VALUE_BYTES_LIMIT: usize = 1024;

/// An option that may be set, with the values that it may be set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionChoice {
    /// Its section.
    pub section: String,
    /// Its name, in lower case.
    pub name: String,
    /// Its possible values, the documented default first; never empty. Each is safe in an INI file.
    pub values: Vec<String>,
}

/// The options of `documented`, the options of default.cfg, in its order, except those that `given`, the configuration
/// in use, sets: a value that the user or the package set stays.
///
/// ```
/// use hookstorm::{generate::option_choices, package::configuration};
///
/// let text = "[vault]\n# One of: ldap, userpass.\n; method=<method>\n; port=8200\n; host=<host>\n";
/// let documented = configuration::options(text);
/// let given = configuration::options("[vault]\nhost = 10.0.0.1\n");
/// let choices = option_choices(&documented, &given);
/// assert_eq!(choices[0].values[..2], ["ldap", "userpass"]);
/// assert_eq!((choices[1].name.as_str(), choices[1].values[0].as_str()), ("port", "8200"));
/// assert_eq!(choices.len(), 2);
/// ```
pub fn option_choices(documented: &[ConfigOption], given: &[ConfigOption]) -> Vec<OptionChoice> {
    let mut choices: Vec<OptionChoice> = Vec::new();
    let mut choose = |section: &str, name: &str, values: Vec<String>| {
        let is_given = given.iter().any(|known| !known.commented && known.section == section && known.name == name);
        if section.is_empty() || is_given {
            return;
        }
        let at = choices.iter().position(|choice| choice.section == section && choice.name == name);
        let at = at.unwrap_or_else(|| {
            let choice = OptionChoice { section: section.to_owned(), name: name.to_owned(), values: Vec::new() };
            choices.push(choice);
            choices.len() - 1
        });
        let known = &mut choices[at].values;
        for value in values {
            let value = safe(&value);
            if known.len() < VALUES_LIMIT && value.len() <= VALUE_BYTES_LIMIT && !known.contains(&value) {
                known.push(value);
            }
        }
    };
    for option in documented {
        match names::of_placeholder(&option.name) {
            Some((name, words)) => {
                let named = ConfigOption { name: words, ..option.clone() };
                choose(&option.section, &name, values(&named, documented));
            }
            None => choose(&option.section, &option.name, values(option, documented)),
        }
    }
    // In this section users are the names of options, and default.cfg documents none.
    if documented.iter().any(|option| option.section.starts_with("usermapping ")) {
        for user in ["alice", "root"] {
            choose("usermapping source=explicit", user, ["alice.ext", "bob", ""].map(str::to_owned).to_vec());
        }
    }
    choices.retain(|choice| !choice.values.is_empty());
    choices
}

/// `value` on one line.
fn safe(value: &str) -> String {
    let value = value.replace(['\r', '\n', '\0'], " ");
    value.trim().to_owned()
}

/// The possible values of `option`, the likeliest first.
fn values(option: &ConfigOption, documented: &[ConfigOption]) -> Vec<String> {
    if let Some(names) = of_platform(option) {
        return names.iter().map(|&name| name.to_owned()).collect();
    }
    // default.cfg doubles `%` already.
    let mut values: Vec<String> = option.value.iter().cloned().collect();
    let listed = comments::choices(&option.prose);
    let mentioned = comments::mentioned(&option.prose, |word| {
        word == option.name || documented.iter().any(|other| other.name == word)
    });
    let mut add = |more: &[&str]| values.extend(more.iter().map(|value| value.replace('%', "%%")));
    // At log level debug a secret in the log is only a warning, so `debug` comes last.
    let is_debug = |value: &&str| *value == "debug";
    let texts = |texts: &[String]| -> Vec<String> {
        let (late, first): (Vec<&str>, Vec<&str>) = texts.iter().map(String::as_str).partition(is_debug);
        first.into_iter().chain(late).map(str::to_owned).collect()
    };
    let (listed, mentioned) = (texts(&listed), texts(&mentioned));
    add(&listed.iter().map(String::as_str).collect::<Vec<_>>());
    add(&mentioned.iter().map(String::as_str).collect::<Vec<_>>());
    let is_switch = |text: &str| ["yes", "no", "true", "false", "on", "off"].contains(&text);
    let default = option.value.as_deref().unwrap_or_default();
    if is_switch(default) || listed.iter().chain(&mentioned).any(|value| is_switch(value)) {
        add(&["yes", "no"]);
    } else if let Ok(number) = default.parse::<u32>() {
        let is_port = option.name.contains("port");
        add(&["1", &number.saturating_add(1).to_string()]);
        add(if is_port { &["65535"] } else { &["0", "5"] });
        if number > 1 {
            add(&[&(number - 1).to_string()]);
        }
    } else if listed.is_empty() {
        by_name(option, &mut add);
    }
    values
}

/// The values of options that name policies of the platform, or of which the SDK accepts only these \[S\].
fn of_platform(option: &ConfigOption) -> Option<&'static [&'static str]> {
    match (option.name.as_str(), option.section.as_str()) {
        ("name", "credential_store") => Some(&["credentials"]),
        ("name", "ldap_server") => Some(&["directory"]),
        ("name", "whitelist source=user_list") => Some(&["users"]),
        ("allow", "whitelist source=ldap_server_group") => Some(&["no_user", "all_users"]),
        _ => None,
    }
}

/// Adds the possible values of an option with this name. The last word of the name says most.
fn by_name(option: &ConfigOption, add: &mut impl FnMut(&[&str])) {
    let words: Vec<&str> = option.name.split(|character: char| !character.is_alphanumeric()).collect();
    let last = &words[words.len() - 1..];
    if !by_words(last, words.len() > 1, add) && !by_words(&words, false, add) && option.value.is_none() {
        add(&["yes", "1", "a", "admin"]);
    }
}

/// Adds the possible values of an option with one of `words` in its name. Returns whether it knows any of the words.
fn by_words(words: &[&str], is_last_of_more: bool, add: &mut impl FnMut(&[&str])) -> bool {
    let has = |known: &[&str]| words.iter().any(|word| known.contains(word));
    match () {
        () if has(&["port"]) => add(&["8200", "1", "65535"]),
        () if has(&["url", "uri", "endpoint"]) => {
            add(&["https://127.0.0.1:8200/", "http://localhost", "https://vault.example.com/v1"]);
        }
        () if has(&["address", "addresses", "host", "hosts", "server", "servers", "hostname", "ip", "fqdn"]) => {
            add(&[
                "127.0.0.1",
                "vault.example.com",
                "10.0.0.1,10.0.0.2",
                "::1",
                "localhost:8200",
                "vault.example.com.",
            ]);
        }
        // Nobody can guess a certificate that the plugin accepts, and it may refuse any other.
        () if has(&["cert", "certs", "certificate", "ca"]) => {}
        () if has(&["password", "passwd", "secret", "token", "apikey", "passphrase", "credential", "pin"])
            || is_last_of_more && has(&["key"]) =>
        {
            add(&["$", "tin-saddle-4711", "$$"]);
        }
        () if has(&["domain", "realm", "suffix"]) => add(&["example.com", "CORP", "@example.com"]),
        () if has(&["user", "username", "login", "account"]) => add(&["admin", "alice", "$", "CORP\\svc_backup"]),
        () if has(&["group", "groups", "except", "allow", "deny", "users"]) => {
            add(&["admins", "admins,Domain Users", "alice, root", "*"]);
        }
        () if has(&["limit", "timeout", "count", "size", "max", "min", "ttl", "length", "retries", "interval"]) => {
            add(&["1", "0", "5", "90"]);
        }
        () if has(&["path", "file", "dir", "directory", "folder"]) => add(&["secret/users", "/", "a/b/"]),
        () if has(&["prompt", "message", "text", "banner"]) => add(&["Password: ", "", "Ticket, 100% sure?"]),
        () if has(&["echo", "enable", "enabled", "disable", "disabled", "use", "ask", "verify", "require"]) => {
            add(&["yes", "no"]);
        }
        () if has(&["regex", "pattern", "format", "template"]) => add(&["^(\\w+)$", ".*"]),
        () if has(&["attribute"]) => add(&["description", "cn", "mail"]),
        () if has(&["key", "field"]) => add(&["ticket", "password", "description"]),
        () => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{case::SetOption, package::configuration};

    fn choices(text: &str) -> Vec<OptionChoice> {
        option_choices(&configuration::options(text), &[])
    }

    fn of<'c>(choices: &'c [OptionChoice], name: &str) -> &'c [String] {
        &choices.iter().find(|choice| choice.name == name).unwrap_or_else(|| panic!("{name}: {choices:#?}")).values
    }

    #[test]
    fn what_the_comments_list_is_chosen_from_behind_the_default() {
        let text = "[a]\n\
            # The authentication method to use. The value\n# can be one of the following: ldap or userpass.\n; method=<method>\n\n\
            # To configure the log level, enter one of the following values:\n# 'debug', 'info', 'warning'\n; log_level=info\n\n\
            # Optional: a choice of dns or tpam, default is tpam\n; resolver = tpam\n\n\
            # Optional: set the method\n# gateway means that it is enough\n# approval means that it checks\n; authorization = gateway\n\n\
            # To disable TLS, enter no as the value of this parameter.\n; enabled = yes\n\n\
            # type|of|key\n; kind = <kind>\n";
        let choices = choices(text);
        assert_eq!(of(&choices, "method"), ["ldap", "userpass"]);
        assert_eq!(of(&choices, "log_level")[..3], ["info", "warning", "debug"]);
        assert_eq!(of(&choices, "resolver")[..2], ["tpam", "dns"]);
        assert_eq!(of(&choices, "authorization")[..2], ["gateway", "approval"]);
        assert_eq!(of(&choices, "enabled"), ["yes", "no"]);
        assert_eq!(of(&choices, "kind")[..3], ["type", "of", "key"]);
    }

    #[test]
    fn a_name_tells_what_an_option_holds_where_the_comments_do_not() {
        let text = "[a]\n; address=<address>\n; port=8200\n; password=<$-or-password>\n; limit=0\n; ca_cert=<ca>\n\
            ; password_field=password\n; server_user=cli\n\
            [credential_store]\n# Name 'Allow' there.\n; name=<name-of-policy>\n";
        let choices = choices(text);
        assert!(of(&choices, "address").contains(&"10.0.0.1,10.0.0.2".to_owned()));
        assert_eq!(of(&choices, "port")[..4], ["8200", "1", "8201", "65535"]);
        assert_eq!(of(&choices, "password")[0], "$");
        assert!(of(&choices, "limit").contains(&"1".to_owned()));
        assert_eq!(of(&choices, "name"), ["credentials"]);
        assert!(!of(&choices, "password_field").contains(&"$".to_owned()), "the name of a field is no secret");
        assert!(!of(&choices, "server_user").contains(&"127.0.0.1".to_owned()), "a user is no server");
    }

    #[test]
    fn a_placeholder_for_a_name_is_filled_with_a_name_of_the_sessions() {
        let text = "[suffixes]\n; <domain_1>=<suffix_1>\n; <domain_2>=<suffix_2>\n[pins]\n; <user>=<pin>\n\
            [other]\n; <thing>=<value>\n";
        let choices = choices(text);
        let names: Vec<&str> = choices.iter().map(|choice| choice.name.as_str()).collect();
        assert_eq!(names, ["example.com", "corp", "alice", "a"]);
        assert!(choices.iter().all(|choice| !choice.values.is_empty()));
    }

    #[test]
    fn what_the_user_set_is_left_alone_and_one_name_in_two_use_cases_is_one_option() {
        let documented =
            "[w]\n; allow=no_user\n; except=<group-1>\n\n; allow=all_users\n; except=<group-1>\n; mine=1\n";
        let given = configuration::options("[w]\nmine = 2\n; allow=x\n");
        let choices = option_choices(&configuration::options(documented), &given);
        let names: Vec<&str> = choices.iter().map(|choice| choice.name.as_str()).collect();
        assert_eq!(names, ["allow", "except"]);
        assert_eq!(of(&choices, "allow")[0], "no_user");
        assert!(of(&choices, "allow").contains(&"all_users".to_owned()));
    }

    #[test]
    fn every_value_is_on_one_line_and_comes_back_as_it_was_set() {
        let text = "[a]\n# One of 'x%y', 'z'.\n; b=100%%\nprompt = two\n  lines\n; message=<text>\n";
        for choice in choices(text) {
            for value in &choice.values {
                assert!(!value.contains('\n') && value.trim() == value, "{value:?}");
                assert!(!value.replace("%%", "").contains('%'), "{value:?}");
                let option =
                    SetOption { section: choice.section.clone(), name: choice.name.clone(), value: value.clone() };
                let text = configuration::with_options(text, [option.assignment()]);
                let set = configuration::options(&text)
                    .into_iter()
                    .find(|option| !option.commented && option.name == choice.name);
                assert_eq!(set.unwrap().value.unwrap_or_default(), *value);
            }
        }
    }
}
