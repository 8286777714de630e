//! Turns bytes into a whole package of which everything is known: a MANIFEST, a configuration and a plugin, as a folder or
//! as an archive. The same bytes, the same package.

use arbitrary::Unstructured;

use super::{
    archive::{ArchiveMade, archive},
    dice::Dice,
    expect::{Expect, Expected},
    manifest::{ManifestText, Wanted, manifest, valid_manifest},
    plugin::{PluginSource, plugin},
};
use crate::{
    contract::{Platform, PluginType},
    finding::Rule,
};

/// How many bytes a numbered package is made from.
pub const PACKAGE_BYTES: usize = 1024;

/// A package and what is known of it.
#[derive(Clone, Debug)]
pub struct PackageMade {
    /// Its files as they were meant: paths and contents.
    pub files: Vec<(String, Vec<u8>)>,
    /// The archive; `None` where it is a folder.
    pub archive: Option<ArchiveMade>,
    /// The type of plugin that its hooks are of.
    pub plugin_type: PluginType,
    /// The platform that is played.
    pub platform: &'static Platform,
    /// What opening it must bring.
    pub expect: Expect,
    /// Whether all of that is known.
    pub is_known: bool,
    /// Whether it must be possible to load it; `None` where that is not known.
    pub is_runnable: Option<bool>,
    /// Whether all files of the plugin are there, so that what it does is known.
    pub is_whole: bool,
    /// Its plugin.
    pub plugin: PluginSource,
    /// What was built, in words.
    pub parts: Vec<&'static str>,
}

/// Configurations, and the lines at which they are no INI.
const CONFIGURATIONS: &[(&str, &[u32])] = &[
    ("[vault]\naddress = vault.example.com\n; port=8200\n", &[]),
    ("", &[]),
    ("# only a comment\n", &[]),
    ("[a]\nx: 1\n  2\n\n  3\n[b]\ny\n", &[7]),
    ("x=1\n", &[1]),
    ("[a]\nx=1\nx=2\n[a]\n", &[3, 4]),
    ("[a]\nnothing\n", &[2]),
];

/// A package.
pub fn package(u: &mut Unstructured<'_>) -> PackageMade {
    let mut dice = Dice(u);
    let platform = match dice.below(8) {
        1 => Platform::named("5.10"),
        2 => Platform::named("6.7"),
        _ => None,
    };
    let platform = platform.unwrap_or(Platform::newest());
    let plugin_type = if dice.chance(100) { PluginType::Aa } else { PluginType::CredentialStore };
    let mut parts = Vec::new();
    let any_manifest = dice.chance(32);
    let configuration = if dice.chance(80) { Some(*dice.pick(CONFIGURATIONS)) } else { None };
    let left_out = if dice.chance(20) { 1 + dice.below(3) } else { 0 };
    let is_folder = dice.chance(96);
    let mut text = if any_manifest {
        manifest(dice.0)
    } else {
        valid_manifest(dice.0, Wanted { plugin_type: plugin_type.name(), platform })
    };
    // Of any MANIFEST only its own findings are known, and those for its own platform.
    let platform = text.platform;
    let plugin = plugin(dice.0, plugin_type, platform);
    parts.append(&mut text.parts);
    parts.extend(plugin.parts.iter().copied());
    let mut files = vec![("MANIFEST".to_owned(), text.bytes.clone())];
    files.extend(plugin.files.iter().map(|(path, text)| (path.clone(), text.clone().into_bytes())));
    if let Some((text, _)) = configuration {
        files.push(("default.cfg".to_owned(), text.as_bytes().to_vec()));
    }
    match left_out {
        1 => files[0].0 = "Manifest.yml".into(),
        2 => drop(files.remove(0)),
        3 => drop(files.remove(1)),
        _ => {}
    }
    let archive = (!is_folder).then(|| archive(dice.0, &files));
    if left_out > 0 {
        parts.push(["MANIFEST is misnamed", "there is no MANIFEST", "there is no main.py"][left_out - 1]);
    }
    parts.extend(archive.iter().flat_map(|archive| archive.parts.iter().copied()));
    let lines = configuration.map_or(&[][..], |(_, lines)| lines);
    let known = Known { text: &text, any_manifest, lines };
    let (expect, is_runnable) = known.expect(&files, archive.as_ref());
    let unpacked = archive.as_ref().map_or(&files, |archive| &archive.unpacked);
    let is_whole = plugin.files.iter().all(|(path, _)| unpacked.iter().any(|(known, _)| known == path));
    PackageMade {
        is_whole,
        is_known: archive.as_ref().is_none_or(|archive| archive.is_known),
        files,
        archive,
        plugin_type,
        platform,
        expect,
        is_runnable,
        plugin,
        parts,
    }
}

struct Known<'a> {
    text: &'a ManifestText,
    any_manifest: bool,
    /// The lines of default.cfg that are no INI.
    lines: &'a [u32],
}

impl Known<'_> {
    /// What opening must bring, and whether the package can be loaded.
    fn expect(&self, files: &[(String, Vec<u8>)], archive: Option<&ArchiveMade>) -> (Expect, Option<bool>) {
        let mut expect = archive.map(|archive| archive.expect.clone()).unwrap_or_default();
        let unpacked = archive.map_or(files, |archive| &archive.unpacked);
        let is_there = |name: &str| unpacked.iter().any(|(path, _)| path == name);
        let is_lost = |name: &str| archive.is_some_and(|archive| archive.lost.iter().any(|path| path == name));
        if archive.is_some_and(|archive| !archive.is_opened) {
            return (expect, Some(false));
        }
        let is_read = is_there("MANIFEST");
        if is_read {
            expect.findings.extend(self.text.expect.findings.iter().cloned());
            expect.may.extend(self.text.expect.may.iter().copied());
        } else if !is_lost("MANIFEST") {
            expect.findings.push(Expected::of(Rule::ManifestMissing));
        }
        if is_there("default.cfg") {
            let at = |line: &u32| Expected::of(Rule::ConfigUnreadable).at("default.cfg", *line);
            expect.findings.extend(self.lines.iter().map(at));
        }
        if self.any_manifest {
            // Whatever it names as its module.
            expect.may.push(Rule::EntryPointMissing);
            return (expect, None);
        }
        if is_read && !is_there("main.py") && !is_lost("main.py") {
            expect.findings.push(Expected::of(Rule::EntryPointMissing));
        }
        (expect, Some(is_read && is_there("main.py")))
    }
}
