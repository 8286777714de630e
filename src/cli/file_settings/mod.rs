//! `hookstorm.toml`, which is beside MANIFEST in a plugin's folder and sets the same options as the command line.

mod load;
mod reader;
mod settings;

#[cfg(test)]
pub(super) use self::settings::KEYS;
pub(super) use self::{
    load::LoadTable,
    settings::{FileSettings, NAME},
};
