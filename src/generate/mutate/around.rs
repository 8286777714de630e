//! Changes what stands around the calls: what other plugins left, what the platform's services hold, which options are
//! set.

use super::{
    Change, Kind,
    place::{as_option_value, is_option_value},
    text,
    value::{self, Parts},
};
use crate::{
    case::{Session, SetOption, Value},
    generate::{cookies, domain::SHARED_KEYS},
};

/// The most options that a session sets.
const OPTIONS_LIMIT: usize = 6;

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

    /// Changes what one of the platform's services holds.
    pub(super) fn services(&mut self, session: &mut Session) -> Option<Kind> {
        let Value::Dict(services) = &mut session.services else { return None };
        if services.is_empty() {
            return None;
        }
        let at = self.choices.below(services.len());
        let (depth, dictionary) = (cookies::DEPTH_LIMIT, self.mutator.dictionary);
        value::change(&mut services[at].1, Parts::Any, self.choices, dictionary, depth);
        Some(Kind::Services)
    }

    /// Sets an option, sets it to something else, or leaves it to the configuration again.
    pub(super) fn option(&mut self, session: &mut Session) -> Option<Kind> {
        let options = self.mutator.options;
        let count = session.options.len();
        if count > 0 && self.choices.byte() < 56 {
            session.options.remove(self.choices.below(count));
            return Some(Kind::OptionDropped);
        }
        if options.is_empty() {
            return None;
        }
        // A section that something is set in wants more, most often.
        let own = (count > 0 && self.choices.byte() < 100).then(|| &session.options[self.choices.below(count)].section);
        let in_section = |option: &&super::OptionChoice| own.is_none_or(|section| option.section == *section);
        let fitting = options.iter().filter(in_section).count();
        let at = self.choices.below(fitting);
        let choice = options.iter().filter(in_section).nth(at)?;
        let value = match self.choices.byte() {
            0..200 if !choice.values.is_empty() => {
                // The documented default comes first, and changes the least.
                let first = usize::from(choice.values.len() > 1 && self.choices.byte() < 220);
                choice.values[first + self.choices.below(choice.values.len() - first)].clone()
            }
            200..236 => {
                let old = session.options.iter().find(|option| is_of(option, choice));
                let old = old.map(|option| option.value.as_str()).or(choice.values.first().map(String::as_str));
                as_option_value(&text::changed(old.unwrap_or_default(), self.choices, self.mutator.dictionary))
            }
            _ => as_option_value(&text::word(self.choices, self.mutator.dictionary)),
        };
        // `configparser` strips them, and so a case would say what is not so.
        let value = value.trim().to_owned();
        if !is_option_value(&value) {
            return None;
        }
        match session.options.iter_mut().find(|option| is_of(option, choice)) {
            Some(option) => option.value = value,
            None if count < OPTIONS_LIMIT => {
                session.options.push(SetOption { section: choice.section.clone(), name: choice.name.clone(), value });
            }
            None => return None,
        }
        Some(Kind::Option)
    }
}

fn is_of(option: &SetOption, choice: &super::OptionChoice) -> bool {
    option.section == choice.section && option.name == choice.name
}
