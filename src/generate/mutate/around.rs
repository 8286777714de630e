//! Changes what stands around the calls: what other plugins left, what the platform's services hold, which options are
//! set.

use super::{
    Change, Kind, text,
    value::{self, Parts},
};
use crate::{
    case::{Session, SetOption, Value},
    generate::{OptionChoice, cookies, domain::SHARED_KEYS, services},
};

/// The most options that a session sets.
const OPTIONS_LIMIT: usize = 12;

impl Change<'_, '_, '_> {
    /// Changes what other plugins left in `session_cookie`.
    pub(super) fn session_cookie(&mut self, session: &mut Session) -> Option<Kind> {
        let dictionary = self.mutator.dictionary;
        match self.choices.byte() {
            0..24 => session.session_cookie = cookies::session_cookie(self.choices),
            // What plugins share lies one dict deeper, most often.
            24..110 => {
                let shared = self.choices.text(&SHARED_KEYS[..1]).to_owned();
                let mut below = match session.session_cookie.get(&shared) {
                    Some(below @ Value::Dict(_)) => below.clone(),
                    _ => Value::empty_dict(),
                };
                let key = dictionary.key(self.choices).map(str::to_owned);
                let key = key.unwrap_or_else(|| cookies::key(self.choices));
                let word = text::word(self.choices, dictionary).into_owned();
                below.set(&key, word.into());
                session.session_cookie.set(&shared, below);
            }
            110..130 => {
                let key = *self.choices.pick(SHARED_KEYS);
                let word = text::word(self.choices, dictionary).into_owned();
                session.session_cookie.set(key, word.into());
            }
            130.. => {
                let depth = cookies::DEPTH_LIMIT;
                value::change(&mut session.session_cookie, Parts::Any, self.choices, dictionary, depth);
            }
        }
        Some(Kind::SessionCookie)
    }

    /// Gives the first call a cookie that the plugin never returned, or another one.
    pub(super) fn cookie(&mut self, session: &mut Session) -> Option<Kind> {
        match self.choices.byte() {
            0..90 => session.cookie = Value::empty_dict(),
            90..150 => session.cookie = cookies::foreign_cookie(self.choices),
            150.. => {
                let depth = cookies::DEPTH_LIMIT;
                value::change(&mut session.cookie, Parts::Any, self.choices, self.mutator.dictionary, depth);
            }
        }
        Some(Kind::Cookie)
    }

    /// Changes what one of the platform's services holds: filled anew, or one text in it.
    pub(super) fn services(&mut self, session: &mut Session) -> Option<Kind> {
        if self.choices.byte() < 140 {
            let filled = services::of_session(self.choices, session, None);
            let is_changed = filled != session.services && !filled.is_empty_dict();
            if is_changed {
                session.services = filled;
            }
            return is_changed.then_some(Kind::Services);
        }
        // Policies keep their names: one that the configuration names and the platform lacks is nobody's defect.
        let mut texts = Vec::new();
        for (service, held) in as_dict_mut(&mut session.services)? {
            let first = texts.len();
            free_texts(held, 0, &mut texts);
            // The parts of a key fit each other.
            if matches!(service.as_str(), "trusted_ca_lists") {
                texts.truncate(first);
            }
        }
        if texts.is_empty() {
            return None;
        }
        let at = self.choices.below(texts.len());
        let text = &mut *texts[at];
        *text = match text.as_str() {
            "no_user" => "all_users".to_owned(),
            "all_users" => "no_user".to_owned(),
            text => text::changed(text, self.choices, self.mutator.dictionary),
        };
        Some(Kind::Services)
    }

    /// Sets an option, sets it to something else, or leaves it to the configuration again. The services are filled anew, so
    /// that what the options name is there.
    pub(super) fn option(&mut self, session: &mut Session) -> Option<Kind> {
        let kind = self.set_option(session)?;
        let filled = services::of_session(self.choices, session, None);
        if !filled.is_empty_dict() {
            session.services = filled;
        }
        Some(kind)
    }

    fn set_option(&mut self, session: &mut Session) -> Option<Kind> {
        let options = self.mutator.options;
        let count = session.options.len();
        if count > 0 && self.choices.byte() < 56 {
            let dropped = session.options.remove(self.choices.below(count));
            // What is named by others stays.
            let is_needed = session.options.iter().any(|option| needs(option) == Some(dropped.section.as_str()));
            if is_needed {
                session.options.push(dropped);
                return None;
            }
            return Some(Kind::OptionDropped);
        }
        if options.is_empty() {
            return None;
        }
        // A section that something is set in wants more, most often.
        let own = (count > 0 && self.choices.byte() < 100).then(|| &session.options[self.choices.below(count)].section);
        let in_section = |option: &&OptionChoice| own.is_none_or(|section| option.section == *section);
        let fitting = options.iter().filter(in_section).count();
        let at = self.choices.below(fitting);
        let choice = options.iter().filter(in_section).nth(at)?;
        self.set(session, choice)?;
        // A question without its key, or a list without its members, is half an option.
        let is_whole = choice.section.starts_with("question") || choice.section.starts_with("whitelist");
        if is_whole || self.choices.byte() < 70 {
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
        Some(Kind::Option)
    }

    /// Sets the option to one of its values. Any other text may be nonsense, which a plugin is right to refuse.
    fn set(&mut self, session: &mut Session, choice: &OptionChoice) -> Option<()> {
        if choice.values.is_empty() {
            return None;
        }
        // The documented default comes first, and changes the least.
        let first = usize::from(choice.values.len() > 1 && self.choices.byte() < 220);
        let value = choice.values[first + self.choices.below(choice.values.len() - first)].clone();
        // `configparser` strips them, and so a case would say what is not so.
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

/// The section that names the policy which `option` wants \[S\].
fn needs(option: &SetOption) -> Option<&'static str> {
    match () {
        () if option.value == "$" => Some("credential_store"),
        () if option.section.contains("source=ldap") => Some("ldap_server"),
        () => None,
    }
}

/// The texts in what a service holds, but for the parts of keys.
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
