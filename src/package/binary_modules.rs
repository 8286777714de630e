//! Extension modules in a package, and the Python that each of them fits. CPython writes that into the file's name:
//! `NAME.cpython-38-x86_64-linux-gnu.so` fits Python 3.8 alone, `NAME.abi3.so` and `NAME.so` fit any version.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
};

use super::files;
use crate::{
    contract::Platform,
    finding::{Finding, Location, Rule},
};

/// How many files a message names.
const NAMED: usize = 2;

/// What an extension module was built for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum BuiltFor {
    /// CPython of a minor version, `3.8`, on Linux.
    Python(String),
    /// Another interpreter or another system: `PyPy`, `Windows`, `macOS`.
    Other(&'static str),
}

impl fmt::Display for BuiltFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Python(version) => write!(f, "Python {version}"),
            Self::Other(name) => f.write_str(name),
        }
    }
}

/// An extension module that one version of Python alone can import.
#[derive(Clone, Debug, PartialEq, Eq)]
struct BinaryModule {
    /// Its path inside the package.
    file: String,
    /// The last part of its name, as an import statement has it.
    name: String,
    built_for: BuiltFor,
}

/// The extension modules of a package that not every Python can import.
#[derive(Clone, Debug, Default)]
pub(crate) struct BinaryModules(Vec<BinaryModule>);

/// Why a module could not be imported: it is a binary module for another Python.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NeedsPython {
    /// The module's path inside the package.
    pub(crate) file: String,
    /// The Python that it needs: `3.12`.
    pub(crate) python: String,
}

impl BinaryModules {
    /// The extension modules below `root`. A module that has another form beside it, which other versions can import,
    /// is left out.
    pub(super) fn find(root: &Path) -> Self {
        let mut forms: BTreeMap<String, Vec<(String, Option<BuiltFor>)>> = BTreeMap::new();
        for file in files::below(root) {
            if let Some((module, built_for)) = read_name(&file) {
                forms.entry(module).or_default().push((file, built_for));
            }
        }
        let mut found = Vec::new();
        for (module, forms) in forms {
            if forms.iter().any(|(_, built_for)| built_for.is_none()) {
                continue;
            }
            let name = module.rsplit('/').next().unwrap_or_default().to_owned();
            found.extend(forms.into_iter().filter_map(|(file, built_for)| {
                Some(BinaryModule { file, name: name.clone(), built_for: built_for? })
            }));
        }
        Self(found)
    }

    /// The modules of which no form fits the platform: a finding for each Python that they were built for.
    pub(super) fn check(&self, platform: &Platform) -> Vec<Finding> {
        let mut groups: BTreeMap<&BuiltFor, Vec<&BinaryModule>> = BTreeMap::new();
        for module in self.without(platform.python) {
            groups.entry(&module.built_for).or_default().push(module);
        }
        groups.into_iter().map(|(built_for, modules)| mismatch(built_for, &modules, platform)).collect()
    }

    /// The module that an import of `name` looks for, if no form of it fits the Python `version` (`3.11.7`).
    pub(crate) fn needed(&self, name: &str, version: &str) -> Option<NeedsPython> {
        let minor: Vec<&str> = version.split('.').take(2).collect();
        let name = name.rsplit('.').next().unwrap_or(name);
        self.without(&minor.join(".")).find(|module| module.name == name).map(|module| NeedsPython {
            file: module.file.clone(),
            python: module.built_for.to_string().trim_start_matches("Python ").to_owned(),
        })
    }

    /// The modules of which no form fits `python` (`3.8`).
    fn without<'a>(&'a self, python: &str) -> impl Iterator<Item = &'a BinaryModule> + use<'a> {
        let place = |module: &BinaryModule| module.file.rsplit_once('/').map_or(String::new(), |(at, _)| at.to_owned());
        let fits = BuiltFor::Python(python.to_owned());
        let fitting: BTreeSet<(String, String)> = self
            .0
            .iter()
            .filter(|module| module.built_for == fits)
            .map(|module| (place(module), module.name.clone()))
            .collect();
        self.0.iter().filter(move |module| !fitting.contains(&(place(module), module.name.clone())))
    }
}

fn mismatch(built_for: &BuiltFor, modules: &[&BinaryModule], platform: &Platform) -> Finding {
    let mut named: Vec<String> =
        modules.iter().take(NAMED).map(|module| format!("`{}`", module.file.escape_debug())).collect();
    let more = modules.len() - named.len();
    let (is, them) = if modules.len() == 1 { ("is", "the package") } else { ("are", "the packages") };
    if more > 0 {
        named.push(format!("{more} more"));
    }
    let last = named.pop().unwrap_or_default();
    let names = if named.is_empty() { last } else { format!("{} and {last}", named.join(", ")) };
    let python = platform.python;
    let text = format!("{names} {is} built for {built_for}, and platform {platform} runs Python {python} on Linux");
    let other = |one: &&Platform| BuiltFor::Python(one.python.to_owned()) == *built_for;
    let hint = match Platform::all().iter().rfind(other) {
        Some(other) => format!(
            "pack {them} built for Python {python}; if the plugin is for platform {other}, name that platform with \
             `--platform {other}`"
        ),
        None => format!("pack {them} built for Python {python} on Linux"),
    };
    Finding::draft(Rule::BinaryModuleMismatch, text)
        .detail(built_for.to_string())
        .at(Some(Location::in_file(&modules[0].file, 0, 0)))
        .hint(hint)
        .finish()
}

/// The module of a file, as its path without the tag, and what it was built for; `None` for it if any Python of Linux
/// may import the file. `None` as a whole if the file is no module.
fn read_name(file: &str) -> Option<(String, Option<BuiltFor>)> {
    let (folder, name) = file.rsplit_once('/').map_or(("", file), |(folder, name)| (folder, name));
    let module = |name: &str| format!("{folder}/{name}");
    if let Some(name) = name.strip_suffix(".py") {
        return Some((module(name), None));
    }
    if let Some(rest) = name.strip_suffix(".pyd") {
        return Some((module(rest.split('.').next()?), Some(BuiltFor::Other("Windows"))));
    }
    let rest = name.strip_suffix(".so")?;
    let (name, tag) = match rest.split_once('.') {
        None => return Some((module(rest), None)),
        Some(parts) => parts,
    };
    let built_for = if tag == "abi3" {
        None
    } else if tag.ends_with("-darwin") {
        Some(BuiltFor::Other("macOS"))
    } else if tag.starts_with("pypy") {
        Some(BuiltFor::Other("PyPy"))
    } else {
        let digits: String =
            tag.strip_prefix("cpython-")?.chars().take_while(|character| character.is_ascii_digit()).collect();
        let (major, minor) = digits.split_at_checked(1)?;
        minor.starts_with(|first: char| first.is_ascii_digit()).then_some(())?;
        Some(BuiltFor::Python(format!("{major}.{minor}")))
    };
    Some((module(name), built_for))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn modules(files: &[&str]) -> BinaryModules {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        BinaryModules::find(folder.path())
    }

    fn found(files: &[&str], platform: &str) -> Vec<String> {
        let findings = modules(files).check(Platform::named(platform).unwrap());
        findings.into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn a_module_for_another_python_is_named_with_both_versions() {
        let file = "vendor/_x.cpython-38-x86_64-linux-gnu.so";
        let findings = modules(&[file]).check(Platform::newest());
        assert_eq!(
            findings[0].message,
            format!("`{file}` is built for Python 3.8, and platform 9.0 runs Python 3.12 on Linux")
        );
        assert!(findings[0].hint.as_ref().unwrap().ends_with("`--platform 8.0`"), "{findings:?}");
        assert_eq!(found(&[file], "8.0"), [] as [String; 0]);
        assert_eq!(found(&["a.cpython-36m-x86_64-linux-gnu.so"], "6.7"), [] as [String; 0]);
    }

    #[test]
    fn what_the_platform_can_import_is_silent() {
        for files in [
            &["x.abi3.so"][..],
            &["x.so"],
            &["x.cpython-312-x86_64-linux-gnu.so"],
            &["x.cpython-38-x86_64-linux-gnu.so", "x.cpython-312-x86_64-linux-gnu.so"],
            &["x.cpython-38-x86_64-linux-gnu.so", "x.py"],
            &["x.cpython-312-x86_64-linux-gnu.so", "x.cp312-win_amd64.pyd"],
            &["libx.1.so", "lib.so.cpython-38"],
            &["env/pyvenv.cfg", "env/x.cpython-38-x86_64-linux-gnu.so"],
        ] {
            assert_eq!(found(files, "9.0"), [] as [String; 0], "{files:?}");
        }
    }

    #[test]
    fn other_systems_and_many_files_are_one_finding_for_each() {
        let files = [
            "a/x.cpython-311-x86_64-linux-gnu.so",
            "a/y.cpython-311-x86_64-linux-gnu.so",
            "b/x.cpython-311-x86_64-linux-gnu.so",
            "b/z.cp312-win_amd64.pyd",
            "b/w.cpython-312-darwin.so",
            "b/v.pypy310-pp73-x86_64-linux-gnu.so",
        ];
        let found = found(&files, "9.0");
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(
            found[0].contains("y.cpython-311-x86_64-linux-gnu.so` and 1 more are built for Python 3.11"),
            "{found:?}"
        );
        for other in ["Windows", "macOS", "PyPy"] {
            assert!(found.iter().any(|text| text.contains(&format!("is built for {other}, "))), "{other}: {found:?}");
        }
    }

    #[test]
    fn a_failed_import_is_led_back_to_its_file() {
        let modules = modules(&["v/_x.cpython-312-x86_64-linux-gnu.so"]);
        let needs = NeedsPython { file: "v/_x.cpython-312-x86_64-linux-gnu.so".into(), python: "3.12".into() };
        assert_eq!(modules.needed("v._x", "3.11.7"), Some(needs));
        assert_eq!(modules.needed("_x", "3.12.1"), None);
        assert_eq!(modules.needed("_y", "3.11.7"), None);
    }
}
