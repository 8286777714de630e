//! Whether a plugin had another reason to write a text than that it is a secret: a session passed it in as a value that
//! is no secret, or it is a word of the plugin's own code. More tests are in `secret_leak`, which asks.
//!
//! For a secret that hookstorm passes in, only the text itself counts here. Whether the plugin made the text of another
//! value, the engine decides: it runs the session again with another secret and the same inputs. A secret that a hook
//! returned cannot be replaced. So it is compared with the inputs in every form that they may have.

use super::{
    canary::{self, Canary, SecretKind},
    decoding,
    run::Run,
};
use crate::{
    case::{Value, secrets_of_services},
    contract::Argument,
};

/// The fewest characters of a form of a returned secret that is searched for inside of the inputs. A shorter one must
/// be a whole input.
const FORM_SHORTEST: usize = 4;

/// Whether the plugin may have had another reason to write this text: it is in an argument that is no secret, in a
/// cookie of the session, in the plugin's own text, or combined from such parts.
pub(super) fn is_known_otherwise(run: Run<'_>, canary: &Canary<'_>) -> bool {
    let canary_text = canary.text.trim();
    let inputs = open_inputs(run);
    if inputs.iter().any(|text| text.contains(canary_text)) {
        return true;
    }
    // The configuration's `example.com` after an `@` is no leak of an answer `@example`. A secret of the configuration
    // may well be made of words that its other options have too.
    let own = match canary.kind {
        SecretKind::Configuration => &run.plugin.own_words[..],
        kind if kind.is_passed_in() => &run.plugin.known_text[..],
        _ => &[],
    };
    let combined = if canary.kind == SecretKind::Configuration { &[] } else { own };
    if is_combined(canary_text, &|| inputs.iter().copied().chain(combined.iter().map(String::as_str))) {
        return true;
    }
    if canary.kind.is_passed_in() {
        let core = canary::core(canary_text);
        return own.iter().any(|known| known.contains(core));
    }
    // A returned password may be part of the gateway password; if that one leaks, it is reported.
    let gateway = run.session.calls.iter().filter_map(|call| call.argument(Argument::GatewayPassword)?.as_str());
    if gateway.into_iter().any(|password| password.contains(canary_text)) {
        return true;
    }
    // A password in the code is hard-coded and still secret, because the session did not pass it.
    let is_known = |known: &String| known.contains(canary_text) && known.len() > canary_text.len();
    (run.plugin.known_text.iter().any(is_known) && !is_hard_coded(run, canary)) || is_made_of_inputs(canary, &inputs)
}

/// Whether every alphanumeric part of a text is such a part of one of the `known` texts.
fn is_combined<'t, T: Iterator<Item = &'t str>>(text: &str, known: &dyn Fn() -> T) -> bool {
    pieces(text).all(|piece| known().any(|text| pieces(text).any(|other| other == piece)))
}

/// Whether a returned secret is a value of the session in another form: decoded, encoded, in other letters or digits.
fn is_made_of_inputs(canary: &Canary<'_>, inputs: &[&str]) -> bool {
    if canary.kind == SecretKind::PrivateKey {
        return false;
    }
    if canary.text.len() > decoding::TEXT_LIMIT {
        // Nobody knows what it is made of, and no account has such a password.
        return true;
    }
    let known: Vec<String> = inputs.iter().flat_map(|input| decoding::forms(input)).collect();
    decoding::forms(canary.text.trim()).iter().any(|form| {
        let is_long = form.chars().nth(FORM_SHORTEST - 1).is_some();
        known.iter().any(|text| text == form || is_long && text.contains(form.as_str()))
            // Python writes an argument that is None so.
            || is_long && is_combined(form, &|| known.iter().map(String::as_str).chain(["None"]))
    })
}

/// The alphanumeric parts of a text.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric()).filter(|piece| !piece.is_empty())
}

fn is_hard_coded(run: Run<'_>, canary: &Canary<'_>) -> bool {
    let text = canary.text.trim();
    run.plugin.known_text.iter().any(|known| match canary.kind {
        SecretKind::Password => known.trim() == text,
        SecretKind::PrivateKey => known.contains(" PRIVATE KEY-----") && known.contains(text),
        _ => false,
    })
}

/// Every text that the session passes to the plugin and that is no secret.
fn open_inputs<'a>(run: Run<'a>) -> Vec<&'a str> {
    fn collect<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
        match value {
            Value::Str(text) => texts.push(text),
            Value::List(items) => items.iter().for_each(|item| collect(item, texts)),
            Value::Dict(entries) => {
                for (key, value) in entries {
                    texts.push(key);
                    collect(value, texts);
                }
            }
            _ => {}
        }
    }
    let mut texts = Vec::new();
    collect(&run.session.services, &mut texts);
    let secrets = secrets_of_services(&run.session.services);
    texts.retain(|text| !secrets.contains(text));
    collect(&run.session.cookie, &mut texts);
    collect(&run.session.session_cookie, &mut texts);
    let has_one_time_password = canary::has_one_time_password(run);
    for (argument, value) in run.session.calls.iter().flat_map(|call| &call.arguments) {
        match (argument, value) {
            (Argument::GatewayPassword, _) => {}
            (Argument::KeyValuePairs, Value::Dict(entries)) => {
                for (key, value) in entries {
                    texts.push(key);
                    if key != canary::OTP || !has_one_time_password {
                        collect(value, &mut texts);
                    }
                }
            }
            _ => collect(value, &mut texts),
        }
    }
    for (index, seen) in run.trace.calls.iter().enumerate() {
        texts.extend(canary::answer(run, index).filter(|_| !seen.answer_is_secret));
    }
    texts
}

#[cfg(test)]
mod tests {
    use crate::{
        contract::{Argument, Hook},
        oracle::{
            PluginUnderTest,
            testing::{Played, dict, list, store, text},
        },
        trace::Observed,
    };

    /// A hook that returned and logged `password`.
    fn returned(password: &str) -> Played {
        Played::returned(Hook::GetPasswordList, dict([("passwords", list([text(password)]))]))
            .with(Argument::ServerUsername, "Wörter-17 alice")
            .with(Argument::ServerHostname, "srv1.example.com")
            .stderr(password)
    }

    #[test]
    fn a_returned_value_that_the_session_passed_in_is_no_secret_in_any_encoding() {
        for password in [
            "V8O2cnRlci0xNyBhbGljZQ==",                     // base64
            "V8O2cnRlci0xNyBhbGljZTpzcnYxLmV4YW1wbGUuY29t", // base64 of both, with a colon
            "57c3b6727465722d313720616c696365",             // hexadecimal digits
            "W%C3%B6rter-17%20alice",                       // percent
            "WÖRTER-17",                                    // a part of it, in capitals
            "alice@srv1.example.com",                       // combined
        ] {
            returned(password).silent(&store());
        }
        // A long one too.
        let name = "Wörter:17 ".repeat(900);
        let log = |text: &str| returned(text).with(Argument::ServerUsername, name.as_str());
        log(&name.replace("ö", "%C3%B6").replace(':', "%3A").replace(' ', "%20")).silent(&store());
        returned("Ivory-Lantern-17").only(&store());
    }

    #[test]
    fn a_secret_of_the_configuration_is_one_unless_it_is_a_word_of_the_code() {
        let log = Played::returned(Hook::GetPasswordList, Observed::None).stderr("using vault-corp-77");
        let mut plugin = PluginUnderTest { configuration_secrets: vec!["vault-corp-77".into()], ..store() };
        // The words of other options do not make it known.
        plugin.known_text.push("[vault]\nhost = corp\nport = 77".into());
        log.only(&plugin);
        plugin.own_words.push("the default is vault-corp-77".into());
        log.silent(&plugin);
    }
}
