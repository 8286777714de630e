//! Whether a value has the shape that the contract gives to a documented key. What is wrong is said without the value
//! where that is a secret by its place. Tested with `result`, which tells it.

use super::{Context, message, private_key};
use crate::{contract::ResultShape, trace::Observed};

/// What is wrong with a value: where below its key, what is there, and what must be.
pub(super) struct Wrong {
    pub(super) path: String,
    pub(super) there: String,
    pub(super) must: String,
}

impl Wrong {
    fn new(path: impl Into<String>, there: impl Into<String>, must: impl Into<String>) -> Self {
        Self { path: path.into(), there: there.into(), must: must.into() }
    }

    fn below(mut self, step: &str) -> Self {
        self.path.insert_str(0, step);
        self
    }
}

/// Checks a value against the shape that the contract gives its key.
pub(super) fn check(context: &Context<'_>, shape: ResultShape, value: &Observed) -> Result<(), Wrong> {
    // What was not seen cannot be judged, and what contains itself is told as no JSON.
    if matches!(value, Observed::Truncated | Observed::Cycle) {
        return Ok(());
    }
    let is = |must: &str| Err(Wrong::new("", format!("is {}", context.shown(value)), must));
    match shape {
        ResultShape::AnyJson => Ok(()),
        ResultShape::Cookie => match value {
            Observed::Dict(_) => Ok(()),
            _ => is("must be a dict"),
        },
        ResultShape::Bool => match value {
            Observed::Bool(_) => Ok(()),
            _ => is("must be a bool"),
        },
        ResultShape::Text if is_text(value) => Ok(()),
        ResultShape::Text => is("must be a str"),
        ResultShape::OptionalText if is_text(value) || *value == Observed::None => Ok(()),
        ResultShape::OptionalText => is("must be a str or None"),
        ResultShape::Passwords => texts(value, "must be a list of str", &message::a_type),
        ResultShape::TextList | ResultShape::Groups => {
            texts(value, "must be a list of str", &|value| context.shown(value))
        }
        ResultShape::PrivateKeys => private_keys(context, value),
        ResultShape::TotpCodes => totp_codes(value),
        ResultShape::Verdict => match value {
            Observed::None => Ok(()),
            Observed::Str(verdict) if matches!(verdict.as_str(), "ACCEPT" | "DENY" | "NEEDINFO" | "NONE") => Ok(()),
            _ => is("must be `ACCEPT`, `DENY`, `NEEDINFO`, `NONE` or None"),
        },
        ResultShape::Question => question(context, value),
    }
}

/// Text with lone surrogates counts: that it is no JSON is told by another rule.
fn is_text(value: &Observed) -> bool {
    matches!(value, Observed::Str(_) | Observed::BrokenStr(_) | Observed::Truncated)
}

fn texts(value: &Observed, must: &str, shown: &dyn Fn(&Observed) -> String) -> Result<(), Wrong> {
    let Some(items) = value.items() else {
        return Err(Wrong::new("", format!("is {}", shown(value)), must));
    };
    match items.iter().position(|item| !is_text(item) && *item != Observed::Cycle) {
        None => Ok(()),
        Some(index) => Err(Wrong::new(format!("[{index}]"), format!("is {}", shown(&items[index])), "must be a str")),
    }
}

fn private_keys(context: &Context<'_>, value: &Observed) -> Result<(), Wrong> {
    const PAIR: &str = "must be a pair of type and PEM key";
    let Some(pairs) = value.items() else {
        return Err(Wrong::new("", format!("is {}", message::a_type(value)), "must be a list of (type, key) pairs"));
    };
    for (index, pair) in pairs.iter().enumerate() {
        let at = format!("[{index}]");
        match pair {
            Observed::Truncated | Observed::Cycle => {}
            _ => match pair.items() {
                Some([kind, key]) => {
                    key_type(context, kind).and_then(|()| key_text(key)).map_err(|wrong| wrong.below(&at))?;
                }
                Some(items) => {
                    return Err(Wrong::new(at, format!("has {}", message::counted(items.len(), "item")), PAIR));
                }
                None => return Err(Wrong::new(at, format!("is {}", message::a_type(pair)), PAIR)),
            },
        }
    }
    Ok(())
}

fn key_type(context: &Context<'_>, kind: &Observed) -> Result<(), Wrong> {
    const MUST: &str = "must be `ssh-rsa` or `ssh-dss`";
    match kind {
        Observed::BrokenStr(_) | Observed::Truncated => Ok(()),
        Observed::Str(kind) if matches!(kind.as_str(), "ssh-rsa" | "ssh-dss") => Ok(()),
        // Where type and key were taken for each other the key must not be shown.
        Observed::Str(name) if name.len() <= 32 && !name.contains(['\n', ' ']) => {
            Err(Wrong::new("[0]", format!("is {}", context.value(kind)), MUST))
        }
        _ => Err(Wrong::new("[0]", format!("is {}", message::a_type(kind)), MUST)),
    }
}

fn key_text(value: &Observed) -> Result<(), Wrong> {
    match value {
        Observed::BrokenStr(_) | Observed::Truncated => Ok(()),
        Observed::Str(pem) => private_key::check(pem).map_err(|(there, must)| Wrong::new("[1]", there, must)),
        _ => Err(Wrong::new("[1]", format!("is {}", message::a_type(value)), "must be a PEM key as str")),
    }
}

fn totp_codes(value: &Observed) -> Result<(), Wrong> {
    const MUST: &str = "must be a dict of unix_time, period and code";
    let Some(codes) = value.items() else {
        return Err(Wrong::new("", format!("is {}", message::a_type(value)), "must be a list of dicts"));
    };
    for (index, code) in codes.iter().enumerate() {
        if matches!(code, Observed::Truncated | Observed::Cycle) {
            continue;
        }
        if code.as_dict().is_none() {
            return Err(Wrong::new(format!("[{index}]"), format!("is {}", message::a_type(code)), MUST));
        }
        for (name, is_number) in [("unix_time", true), ("period", true), ("code", false)] {
            let Some(field) = code.get(name) else {
                return Err(Wrong::new(format!("[{index}]"), format!("has no `{name}`"), MUST));
            };
            let is_right = if is_number {
                matches!(field, Observed::Int(_) | Observed::BigInt(_) | Observed::Truncated)
            } else {
                is_text(field)
            };
            if !is_right {
                let must = if is_number { "must be an int" } else { "must be a str" };
                return Err(Wrong::new(format!("[{index}].{name}"), format!("is {}", message::a_type(field)), must));
            }
        }
    }
    Ok(())
}

fn question(context: &Context<'_>, value: &Observed) -> Result<(), Wrong> {
    const MUST: &str = "must be (key: str, prompt: str, disable_echo: bool)";
    match value {
        // Judged with the verdict.
        Observed::None => Ok(()),
        _ => match value.items() {
            Some([key, prompt, disable_echo]) => {
                let wrong = [(0, key, is_text(key)), (1, prompt, is_text(prompt))].into_iter().chain([(
                    2,
                    disable_echo,
                    matches!(disable_echo, Observed::Bool(_) | Observed::Truncated),
                )]);
                match wrong.into_iter().find(|(_, _, is_right)| !is_right) {
                    None => Ok(()),
                    Some((index, item, _)) => Err(Wrong::new(
                        format!("[{index}]"),
                        format!("is {}", context.shown(item)),
                        format!("and `question` {MUST}"),
                    )),
                }
            }
            Some(items) => Err(Wrong::new("", format!("has {}", message::counted(items.len(), "item")), MUST)),
            None => Err(Wrong::new("", format!("is {}", context.shown(value)), MUST)),
        },
    }
}
