//! Which values of a configuration are secrets, and whether it sets the log level to debug.

use super::read::{meaningful, read};

/// Whether `[logging] log_level` is `debug` \[S\].
pub fn logs_debug(text: &str) -> bool {
    read(text).live.iter().any(|live| {
        live.section == "logging"
            && live.name == "log_level"
            && live.lines.join("").trim().eq_ignore_ascii_case("debug")
    })
}

/// Words that mean a secret at the end of an option's name.
const SECRET_WORDS: [&str; 15] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "passwort",
    "pass",
    "pwd",
    "secret",
    "token",
    "apikey",
    "pin",
    "credential",
    "credentials",
    "apitoken",
    "secretkey",
];
/// Words that mean a secret somewhere before a final `key`.
const KEY_WORDS: [&str; 16] = [
    "api",
    "private",
    "secret",
    "access",
    "auth",
    "encryption",
    "signing",
    "user",
    "ssh",
    "shared",
    "client",
    "account",
    "integration",
    "master",
    "hmac",
    "token",
];
/// Words with which an option says whether, which or where, and does not contain the secret itself.
const ABOUT_WORDS: [&str; 18] = [
    "use", "reuse", "ask", "is", "has", "enable", "disable", "require", "allow", "public", "check", "show", "send",
    "no", "with", "store", "which", "prompt",
];
/// Values that are never secrets.
const TRIVIAL_VALUES: [&str; 40] = [
    "true",
    "false",
    "none",
    "null",
    "enabled",
    "disabled",
    "default",
    "explicit",
    "gateway",
    "auto",
    "automatic",
    "manual",
    "always",
    "never",
    "required",
    "optional",
    "prompt",
    "plain",
    "basic",
    "bearer",
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "totp",
    "hotp",
    "push",
    "credential",
    "credentials",
    "private_key",
    "api_key",
    "username",
    "certificate",
    "ldap",
    "local",
    "user",
    "test",
    "undefined",
];

/// The values of the options of `text` that are named like secrets: canaries. References to a credential store,
/// placeholders and common words are left out, because a canary that is a word of every log line would be a false
/// alarm.
pub fn secrets(text: &str) -> Vec<String> {
    let mut secrets: Vec<String> = Vec::new();
    for SecretOption { value, .. } in secret_options(text) {
        // `configparser` reads `%%` as a percent sign.
        let value = value.replace("%%", "%");
        if !secrets.contains(&value) {
            secrets.push(value);
        }
    }
    secrets
}

/// An option that contains a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretOption {
    /// Its section.
    pub section: String,
    /// Its name, in lower case.
    pub name: String,
    /// Its value as the text has it.
    pub value: String,
}

/// The options of `text` that contain the [`secrets`].
pub fn secret_options(text: &str) -> Vec<SecretOption> {
    let parsed = read(text);
    let mut secrets = Vec::new();
    for live in &parsed.live {
        let joined = live.lines.join("\n");
        let value = joined.trim();
        let is_private_key = value.contains("PRIVATE KEY-----");
        if !is_private_key && !is_secret_name(&live.name) {
            continue;
        }
        let is_documented = parsed.commented.iter().any(|(_, option)| {
            option.section == live.section && option.name == live.name && option.value.as_deref() == Some(value)
        }) || (!value.contains(char::is_whitespace) && has_word(&live.prose, value));
        if is_documented || is_trivial(value, &live.name) {
            continue;
        }
        // `configparser` reads `%(name)s` as another option's value.
        if value.contains("%(") {
            continue;
        }
        let (section, name, value) = (live.section.clone(), live.name.clone(), value.to_owned());
        secrets.push(SecretOption { section, name, value });
    }
    secrets
}

fn is_secret_name(name: &str) -> bool {
    let words: Vec<&str> =
        name.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let Some((last, before)) = words.split_last() else { return false };
    if before.iter().any(|word| ABOUT_WORDS.contains(word)) {
        return false;
    }
    let last = last.trim_end_matches(|character: char| character.is_ascii_digit());
    SECRET_WORDS.contains(&last) || (last == "key" && before.iter().any(|word| KEY_WORDS.contains(word)))
}

fn is_trivial(value: &str, name: &str) -> bool {
    let lower = value.to_lowercase();
    value.chars().count() < 4
        // References to the credential store or a list of certificates, and a literal dollar \[S\].
        || matches!(value.as_bytes(), [b'$'] | [b'$', b'$' | b'[' | b'{', ..])
        || meaningful(value).is_none()
        || TRIVIAL_VALUES.contains(&lower.as_str())
        || name == lower
        || name.split('_').any(|word| word == lower)
}

/// Whether `prose` contains `word` as a whole word.
fn has_word(prose: &str, word: &str) -> bool {
    !word.is_empty()
        && prose
            .split(|character: char| character.is_whitespace() || ",;:'\"`()".contains(character))
            .any(|known| known == word || known.trim_end_matches('.') == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_passwords_tokens_and_keys_are_secrets() {
        let text = "[a]\npassword = hunter2-x\nldap_bind_passwd: s3cr=t\napi_key=A1B2C3\nclient-secret=zz%%top\n\
                    backup_password2=winter24\npin=4711\n\
                    [b]\nuser_key =\n -----BEGIN RSA PRIVATE KEY-----\n abcd\n -----END RSA PRIVATE KEY-----\n";
        assert_eq!(
            secrets(text),
            [
                "hunter2-x",
                "s3cr=t",
                "A1B2C3",
                "zz%top",
                "winter24",
                "4711",
                "-----BEGIN RSA PRIVATE KEY-----\nabcd\n-----END RSA PRIVATE KEY-----"
            ]
        );
    }

    #[test]
    fn options_about_secrets_contain_none() {
        let text = "[a]\nuse_credential=gateway\npassword_field=password\nsecrets_path=secret/users\nkey_field=keyfield\n\
                    key=ticket_number\nask_pass=maybe\nreuse_gateway_password=sometimes\nserver_public_key=AAAAE2Vj\n\
                    token_url=https://example.com\ndefault_type=secret\npin_length=1234\nsecret_type=something\n";
        assert_eq!(secrets(text), [] as [&str; 0]);
    }

    #[test]
    fn placeholders_store_references_and_documented_choices_are_no_secrets() {
        let text = "[a]\npassword=$\nother_password=$$\ncert_password=$[list]\nadmin_password=<$-or-password>\nsql_pass=yes\n\
                    token=%(other)s\n# One of: hardware, software.\notp_token=hardware\n; web_token=builtin\nweb_token=builtin\n";
        assert_eq!(secrets(text), [] as [&str; 0]);
        assert_eq!(secrets("[a]\npassword=$ecret1\n"), ["$ecret1"]);
    }

    #[test]
    fn the_log_level_counts_only_where_it_is_set() {
        assert!(logs_debug("[logging]\nlog_level = DEBUG\n"));
        assert!(!logs_debug("[logging]\n; log_level=debug\n"));
        assert!(!logs_debug("[other]\nlog_level=debug\n"));
    }
}
