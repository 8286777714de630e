//! Whether a value has the shape that the contract requires for a documented key. The description of a problem contains
//! no value that is a secret (passwords, keys, codes). Tested with `result`, which reports it.

use super::{context::Context, message, private_key};
use crate::{contract::ResultShape, trace::Observed};

/// What is wrong with a value: where below its key, what is there, and what must be there.
pub(super) struct ShapeProblem {
    pub(super) path: String,
    pub(super) there: String,
    pub(super) must: String,
}

impl ShapeProblem {
    fn new(path: impl Into<String>, there: impl Into<String>, must: impl Into<String>) -> Self {
        Self { path: path.into(), there: there.into(), must: must.into() }
    }

    fn below(mut self, step: &str) -> Self {
        self.path.insert_str(0, step);
        self
    }
}

/// Checks whether a value has the shape of its key.
pub(super) fn check(context: &Context<'_>, shape: ResultShape, value: &Observed) -> Result<(), ShapeProblem> {
    // What the runtime did not read cannot be judged; what contains itself is reported as `not-json`.
    if matches!(value, Observed::Truncated | Observed::Cycle) {
        return Ok(());
    }
    let is = |must: &str| Err(ShapeProblem::new("", format!("is {}", context.typed_value(value)), must));
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
        ResultShape::Groups => texts(value, "must be a list of str", &|value| context.typed_value(value)),
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

/// Text with lone surrogates counts as text, because `not-json` reports it.
fn is_text(value: &Observed) -> bool {
    matches!(value, Observed::Str(_) | Observed::BrokenStr(_) | Observed::Truncated)
}

fn texts(value: &Observed, must: &str, shown: &dyn Fn(&Observed) -> String) -> Result<(), ShapeProblem> {
    let Some(items) = value.items() else {
        return Err(ShapeProblem::new("", format!("is {}", shown(value)), must));
    };
    match items.iter().position(|item| !is_text(item) && *item != Observed::Cycle) {
        None => Ok(()),
        Some(index) => {
            Err(ShapeProblem::new(format!("[{index}]"), format!("is {}", shown(&items[index])), "must be a str"))
        }
    }
}

fn private_keys(context: &Context<'_>, value: &Observed) -> Result<(), ShapeProblem> {
    const PAIR: &str = "must be a pair of type and PEM key";
    let Some(pairs) = value.items() else {
        return Err(ShapeProblem::new(
            "",
            format!("is {}", message::a_type(value)),
            "must be a list of (type, key) pairs",
        ));
    };
    for (index, pair) in pairs.iter().enumerate() {
        let at = format!("[{index}]");
        match pair {
            Observed::Truncated | Observed::Cycle => {}
            _ => match pair.items() {
                Some([key_type, key]) => {
                    check_key_type(context, key_type)
                        .and_then(|()| check_key(key))
                        .map_err(|problem| problem.below(&at))?;
                }
                Some(items) => {
                    return Err(ShapeProblem::new(at, format!("has {}", message::counted(items.len(), "item")), PAIR));
                }
                None => return Err(ShapeProblem::new(at, format!("is {}", message::a_type(pair)), PAIR)),
            },
        }
    }
    Ok(())
}

fn check_key_type(context: &Context<'_>, key_type: &Observed) -> Result<(), ShapeProblem> {
    const MUST: &str = "must be `ssh-rsa` or `ssh-dss`";
    match key_type {
        Observed::BrokenStr(_) | Observed::Truncated => Ok(()),
        Observed::Str(name) if matches!(name.as_str(), "ssh-rsa" | "ssh-dss") => Ok(()),
        // If the plugin confused type and key, the message must not show the key.
        Observed::Str(name) if name.len() <= 32 && !name.contains(['\n', ' ']) => {
            Err(ShapeProblem::new("[0]", format!("is {}", context.value(key_type)), MUST))
        }
        _ => Err(ShapeProblem::new("[0]", format!("is {}", message::a_type(key_type)), MUST)),
    }
}

fn check_key(value: &Observed) -> Result<(), ShapeProblem> {
    match value {
        Observed::BrokenStr(_) | Observed::Truncated => Ok(()),
        Observed::Str(pem) => private_key::check(pem).map_err(|(there, must)| ShapeProblem::new("[1]", there, must)),
        _ => Err(ShapeProblem::new("[1]", format!("is {}", message::a_type(value)), "must be a PEM key as str")),
    }
}

fn totp_codes(value: &Observed) -> Result<(), ShapeProblem> {
    const MUST: &str = "must be a dict of unix_time, period and code";
    let Some(codes) = value.items() else {
        return Err(ShapeProblem::new("", format!("is {}", message::a_type(value)), "must be a list of dicts"));
    };
    for (index, code) in codes.iter().enumerate() {
        if matches!(code, Observed::Truncated | Observed::Cycle) {
            continue;
        }
        if code.as_dict().is_none() {
            return Err(ShapeProblem::new(format!("[{index}]"), format!("is {}", message::a_type(code)), MUST));
        }
        for (name, is_number) in [("unix_time", true), ("period", true), ("code", false)] {
            let Some(field) = code.get(name) else {
                return Err(ShapeProblem::new(format!("[{index}]"), format!("has no `{name}`"), MUST));
            };
            let is_right = if is_number {
                matches!(field, Observed::Int(_) | Observed::BigInt(_) | Observed::Truncated)
            } else {
                is_text(field)
            };
            if !is_right {
                let must = if is_number { "must be an int" } else { "must be a str" };
                return Err(ShapeProblem::new(
                    format!("[{index}].{name}"),
                    format!("is {}", message::a_type(field)),
                    must,
                ));
            }
        }
    }
    Ok(())
}

fn question(context: &Context<'_>, value: &Observed) -> Result<(), ShapeProblem> {
    const MUST: &str = "must be (key: str, prompt: str, disable_echo: bool)";
    match value {
        // `judge_question` checks it together with the verdict.
        Observed::None => Ok(()),
        _ => match value.items() {
            Some([key, prompt, disable_echo]) => {
                let is_bool = matches!(disable_echo, Observed::Bool(_) | Observed::Truncated);
                let items = [
                    (key, is_text(key), "must be a str"),
                    (prompt, is_text(prompt), "must be a str"),
                    (disable_echo, is_bool, "must be a bool"),
                ];
                match items.into_iter().enumerate().find(|(_, (_, is_right, _))| !is_right) {
                    None => Ok(()),
                    Some((index, (item, _, must))) => {
                        let there = format!("is {}", context.typed_value(item));
                        Err(ShapeProblem::new(format!("[{index}]"), there, must))
                    }
                }
            }
            Some(items) => Err(ShapeProblem::new("", format!("has {}", message::counted(items.len(), "item")), MUST)),
            None => Err(ShapeProblem::new("", format!("is {}", context.typed_value(value)), MUST)),
        },
    }
}
