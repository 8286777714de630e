//! Turns bytes into a whole package with known content and behaviour: a MANIFEST, a configuration and a plugin, as a
//! folder or as an archive. The same bytes give the same package.

use arbitrary::Unstructured;

use super::{
    archive::{GeneratedArchive, archive},
    expect::{ExpectedFinding, ExpectedFindings},
    manifest::{GeneratedManifest, WantedPlugin, any_manifest, any_platform, valid_manifest},
    plugin::{GeneratedPlugin, plugin},
    source::Source,
};
use crate::{
    contract::{Platform, PluginType},
    finding::Rule,
};

/// How many bytes a numbered package is made from.
pub(crate) const PACKAGE_BYTES: usize = 1024;

/// A package and what is expected of it.
#[derive(Clone, Debug)]
pub(crate) struct GeneratedPackage {
    /// Its files before the archive changes them: paths and contents.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// The archive; `None` if the package is a folder.
    pub(crate) archive: Option<GeneratedArchive>,
    /// The plugin type of its hooks.
    pub(crate) plugin_type: PluginType,
    /// The platform that it is made for.
    pub(crate) platform: &'static Platform,
    /// The findings that opening it must give.
    pub(crate) expect: ExpectedFindings,
    /// Whether `expect` is certain.
    pub(crate) is_known: bool,
    /// Whether it can be loaded; `None` if not known.
    pub(crate) is_runnable: Option<bool>,
    /// Whether all files of the plugin are there, so that its behaviour is known.
    pub(crate) is_whole: bool,
    /// Its plugin.
    pub(crate) plugin: GeneratedPlugin,
    /// What is special about it, in words.
    pub(crate) parts: Vec<&'static str>,
}

/// Configurations, each with the lines that are not INI.
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
pub(crate) fn package(u: &mut Unstructured<'_>) -> GeneratedPackage {
    any_package(&mut Source::new(u), WantedPlugin::default())
}

/// As [`package`], from a source and with fewer choices.
pub(super) fn any_package(source: &mut Source<'_, '_>, wanted: WantedPlugin) -> GeneratedPackage {
    let any = any_platform(source);
    let platform = wanted.platform.unwrap_or(any);
    let any = if source.chance(100) { PluginType::Aa } else { PluginType::CredentialStore };
    let plugin_type = wanted.plugin_type.unwrap_or(any);
    let mut parts = Vec::new();
    let may_be_invalid = source.chance(32);
    let configuration = if source.chance(80) { Some(*source.pick(CONFIGURATIONS)) } else { None };
    let left_out = if source.chance(20) { 1 + source.below(3) } else { 0 };
    let is_folder = source.chance(96);
    let mut text =
        if may_be_invalid { any_manifest(source, wanted) } else { valid_manifest(source, plugin_type, platform) };
    // The findings of a MANIFEST are known for its own platform only.
    let platform = text.platform;
    let plugin = plugin(source, plugin_type, platform);
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
    let archive = (!is_folder).then(|| archive(source, &files));
    if left_out > 0 {
        parts.push(["MANIFEST is misnamed", "there is no MANIFEST", "there is no main.py"][left_out - 1]);
    }
    parts.extend(archive.iter().flat_map(|archive| archive.parts.iter().copied()));
    let lines = configuration.map_or(&[][..], |(_, lines)| lines);
    let known = KnownParts { manifest: &text, may_be_invalid, lines };
    let (expect, is_runnable) = known.expect(&files, archive.as_ref());
    let unpacked = archive.as_ref().map_or(&files, |archive| &archive.unpacked);
    let is_whole = plugin.files.iter().all(|(path, _)| unpacked.iter().any(|(known, _)| known == path));
    GeneratedPackage {
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

/// What the findings of a package depend on, besides its archive.
struct KnownParts<'a> {
    manifest: &'a GeneratedManifest,
    /// Whether the MANIFEST may be invalid.
    may_be_invalid: bool,
    /// The lines of default.cfg that are not INI.
    lines: &'a [u32],
}

impl KnownParts<'_> {
    /// The findings that opening must give, and whether the package can be loaded.
    fn expect(
        &self,
        files: &[(String, Vec<u8>)],
        archive: Option<&GeneratedArchive>,
    ) -> (ExpectedFindings, Option<bool>) {
        let mut expect = archive.map(|archive| archive.expect.clone()).unwrap_or_default();
        let unpacked = archive.map_or(files, |archive| &archive.unpacked);
        let is_there = |name: &str| unpacked.iter().any(|(path, _)| path == name);
        let is_lost = |name: &str| archive.is_some_and(|archive| archive.lost.iter().any(|path| path == name));
        if archive.is_some_and(|archive| !archive.is_opened) {
            return (expect, Some(false));
        }
        let is_read = is_there("MANIFEST");
        if is_read {
            expect.findings.extend(self.manifest.expect.findings.iter().cloned());
            expect.may.extend(self.manifest.expect.may.iter().copied());
        } else if !is_lost("MANIFEST") {
            expect.findings.push(ExpectedFinding::of(Rule::ManifestMissing));
        }
        // The configuration must be INI because main.py imports configparser.
        if is_there("default.cfg") && is_there("main.py") {
            let at = |line: &u32| ExpectedFinding::of(Rule::ConfigUnreadable).at("default.cfg", *line);
            expect.findings.extend(self.lines.iter().map(at));
        }
        if self.may_be_invalid {
            // It may name another module than main.py.
            expect.may.push(Rule::EntryPointMissing);
            return (expect, None);
        }
        if is_read && !is_there("main.py") && !is_lost("main.py") {
            expect.findings.push(ExpectedFinding::of(Rule::EntryPointMissing));
        }
        (expect, Some(is_read && is_there("main.py")))
    }
}
