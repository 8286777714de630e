//! Changes the context of the calls: cookies, the content of the platform's services, the options that are set.

use super::{
    mutator::{Change, MutationKind},
    text,
    value::{self, Parts},
};
use crate::{
    case::{Session, SetOption, Value},
    generate::{OptionChoice, cookies, domain::SHARED_KEYS, services},
};

/// The most options that a session sets.
const OPTIONS_LIMIT: usize = 64;

impl Change<'_, '_, '_> {
    /// Changes `session_cookie`, which other plugins may have filled.
    pub(super) fn session_cookie(&mut self, session: &mut Session) -> Option<MutationKind> {
        let dictionary = self.mutator.dictionary;
        match self.source.byte() {
            0..24 => session.session_cookie = cookies::session_cookie(self.source),
            // Plugins mostly share values in a dict one level deeper.
            24..110 => {
                let shared = self.source.text(&SHARED_KEYS[..1]).to_owned();
                let mut below = match session.session_cookie.get(&shared) {
                    Some(below @ Value::Dict(_)) => below.clone(),
                    _ => Value::empty_dict(),
                };
                let key = dictionary.key(self.source).map(str::to_owned);
                let key = key.unwrap_or_else(|| cookies::key(self.source));
                let word = text::token(self.source, dictionary).into_owned();
                below.set(&key, word.into());
                session.session_cookie.set(&shared, below);
            }
            110..130 => {
                let key = *self.source.pick(SHARED_KEYS);
                let word = text::token(self.source, dictionary).into_owned();
                session.session_cookie.set(key, word.into());
            }
            130.. => {
                let depth = cookies::DEPTH_LIMIT;
                value::change(&mut session.session_cookie, Parts::Any, self.source, dictionary, depth);
            }
        }
        Some(MutationKind::SessionCookie)
    }

    /// Changes the first call's `cookie`, which the plugin never returned.
    pub(super) fn cookie(&mut self, session: &mut Session) -> Option<MutationKind> {
        match self.source.byte() {
            0..90 => session.cookie = Value::empty_dict(),
            90..150 => session.cookie = cookies::foreign_cookie(self.source),
            150.. => {
                let depth = cookies::DEPTH_LIMIT;
                value::change(&mut session.cookie, Parts::Any, self.source, self.mutator.dictionary, depth);
            }
        }
        Some(MutationKind::Cookie)
    }

    /// Fills the platform's services again, or changes one text in one of them.
    pub(super) fn services(&mut self, session: &mut Session) -> Option<MutationKind> {
        if self.source.byte() < 140 {
            let filled = services::of_session(self.source, session, None);
            let is_changed = filled != session.services && !filled.is_empty_dict();
            if is_changed {
                session.services = filled;
            }
            return is_changed.then_some(MutationKind::Services);
        }
        // Policies keep their names: if the platform lacks a policy that the configuration names, no plugin is at
        // fault.
        let mut texts = Vec::new();
        for (service, content) in as_dict_mut(&mut session.services)? {
            let first = texts.len();
            free_texts(content, 0, &mut texts);
            // A changed certificate is no certificate, and what the appliance writes is never anything.
            if matches!(service.as_str(), "trusted_ca_lists" | "box_configuration" | "appliance_files") {
                texts.truncate(first);
            }
        }
        if texts.is_empty() {
            return None;
        }
        let at = self.source.below(texts.len());
        let text = &mut *texts[at];
        *text = match text.as_str() {
            "no_user" => "all_users".to_owned(),
            "all_users" => "no_user".to_owned(),
            text => text::changed(text, self.source, self.mutator.dictionary),
        };
        Some(MutationKind::Services)
    }

    /// Sets an option, changes it, or removes it. Fills the services again, so that they have the policies that the
    /// options name.
    pub(super) fn option(&mut self, session: &mut Session) -> Option<MutationKind> {
        let kind = self.set_option(session)?;
        let filled = services::of_session(self.source, session, None);
        if !filled.is_empty_dict() {
            session.services = filled;
        }
        Some(kind)
    }

    fn set_option(&mut self, session: &mut Session) -> Option<MutationKind> {
        let options = self.mutator.options;
        let count = session.options.len();
        if count > 0 && self.source.byte() < 56 {
            let dropped = session.options.remove(self.source.below(count));
            // An option that another one needs stays.
            let is_needed = session.options.iter().any(|option| needs(option) == Some(dropped.section.as_str()));
            if is_needed {
                session.options.push(dropped);
                return None;
            }
            return Some(MutationKind::OptionDropped);
        }
        if options.is_empty() {
            return None;
        }
        // An option may demand one of another section. Shrinking removes those that do not matter.
        if self.source.byte() < 24 {
            for choice in options {
                if session.options.iter().all(|option| !is_of(option, choice)) {
                    self.set(session, choice);
                }
            }
            return Some(MutationKind::Option);
        }
        // A section with one option set mostly needs another one.
        let own = (count > 0 && self.source.byte() < 100).then(|| &session.options[self.source.below(count)].section);
        let in_section = |option: &&OptionChoice| own.is_none_or(|section| option.section == *section);
        let fitting = options.iter().filter(in_section).count();
        let at = self.source.below(fitting);
        let choice = options.iter().filter(in_section).nth(at)?;
        self.set(session, choice)?;
        // A question without its key, or a list without its members, is incomplete.
        let is_whole = choice.section.starts_with("question") || choice.section.starts_with("whitelist");
        if is_whole || self.source.byte() < 70 {
            for other in options.iter().filter(|other| other.section == choice.section) {
                if session.options.iter().all(|option| !is_of(option, other)) {
                    self.set(session, other);
                }
            }
        }
        for at in 0..session.options.len() {
            let needed = needs(&session.options[at]).map(str::to_owned);
            let choice = needed.and_then(|section| options.iter().find(|choice| choice.section == section));
            if let Some(choice) = choice
                && choice.name == "name"
                && session.options.iter().all(|option| !is_of(option, choice))
            {
                self.set(session, choice);
            }
        }
        Some(MutationKind::Option)
    }

    /// Sets the option to one of its values. A plugin may refuse any other text.
    fn set(&mut self, session: &mut Session, choice: &OptionChoice) -> Option<()> {
        if choice.values.is_empty() {
            return None;
        }
        // The documented default comes first, and changes least.
        let first = usize::from(choice.values.len() > 1 && self.source.byte() < 220);
        let value = choice.values[first + self.source.below(choice.values.len() - first)].clone();
        // `configparser` strips blanks, so a case with them would show a value that the plugin never gets.
        let value = value.trim().to_owned();
        match session.options.iter().position(|option| is_of(option, choice)) {
            Some(at) => session.options[at].value = value,
            None if session.options.len() < OPTIONS_LIMIT => {
                session.options.push(SetOption { section: choice.section.clone(), name: choice.name.clone(), value });
            }
            None => return None,
        }
        Some(())
    }
}

/// The section with the name of the policy that `option` needs \[S\].
fn needs(option: &SetOption) -> Option<&'static str> {
    match () {
        () if option.value == "$" => Some("credential_store"),
        () if option.section.contains("source=ldap") => Some("ldap_server"),
        () => None,
    }
}

/// The texts in a service's content, except the parts of private keys.
fn free_texts<'v>(value: &'v mut Value, depth: usize, texts: &mut Vec<&'v mut String>) {
    match value {
        Value::Str(text) => texts.push(text),
        Value::List(items) if depth < 8 => items.iter_mut().for_each(|item| free_texts(item, depth + 1, texts)),
        Value::Dict(entries) if depth < 8 && entries.iter().all(|(key, _)| key != "key") => {
            entries.iter_mut().for_each(|(_, value)| free_texts(value, depth + 1, texts));
        }
        _ => {}
    }
}

fn as_dict_mut(value: &mut Value) -> Option<&mut Vec<(String, Value)>> {
    match value {
        Value::Dict(entries) => Some(entries),
        _ => None,
    }
}

fn is_of(option: &SetOption, choice: &OptionChoice) -> bool {
    option.section == choice.section && option.name == choice.name
}
