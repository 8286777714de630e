//! The documents agree with the program: the page of rules comes from the registry, every option of a command is on the
//! command's page, every form is described, and links lead to files. `make rules` writes the page of rules.

mod program;

use std::{collections::BTreeSet, fs, path::Path};

use hookstorm::finding::{Phase, Rule};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The page of rules as the registry has it: a table, then each explanation one heading deeper.
fn page_of_rules() -> String {
    let mut page = String::from(
        "# Rules\n\nMade from the registry by `make rules`; do not edit. `hookstorm explain RULE` shows one in the \
         terminal. An error ends\na run with exit status 1, a warning does not. `--rule ID=error|warning|off` changes \
         a rule's level, and so does\n`[rules]` in `hookstorm.toml`.\n",
    );
    for (phase, title) in [
        (Phase::Package, "Found in the package, without running Python"),
        (Phase::Loading, "Found by importing the module and constructing Plugin"),
        (Phase::Calling, "Found by running hooks"),
    ] {
        page.push_str(&format!("\n## {title}\n\n| rule | level | what it says |\n| --- | --- | --- |\n"));
        for rule in Rule::ALL.iter().filter(|rule| rule.phase() == phase) {
            page.push_str(&format!("| [{rule}](#{rule}) | {} | {} |\n", rule.severity(), rule.summary()));
        }
    }
    for &rule in Rule::ALL {
        let mut in_code = false;
        page.push('\n');
        for line in rule.explanation().trim().lines() {
            in_code ^= line.starts_with("```");
            let deeper = if line.starts_with('#') && !in_code { "#" } else { "" };
            page.push_str(&format!("{deeper}{line}\n"));
        }
    }
    page
}

#[test]
fn the_page_of_rules_is_what_the_registry_says() {
    let path = Path::new(ROOT).join("docs/rules.md");
    let page = page_of_rules();
    if std::env::var_os("HOOKSTORM_UPDATE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    let first = page.lines().zip(written.lines()).find(|(ours, theirs)| ours != theirs);
    assert!(page == written, "docs/rules.md is not what the registry says: run `make rules`; first at {first:?}");
}

#[test]
fn every_option_of_a_command_is_on_its_page_and_no_other_is() {
    for command in [
        "check",
        "run",
        "test",
        "fuzz",
        "load",
        "replay",
        "minimize",
        "report",
        "init",
        "selftest",
        "generate",
        "rules",
        "explain",
        "doctor",
        "schema",
        "completions",
    ] {
        let help =
            std::process::Command::new(env!("CARGO_BIN_EXE_hookstorm")).args([command, "--help"]).output().unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        // What all commands take stands on a page of its own.
        let common = options(&page("options"));
        let own = options(&page(command));
        let real = options(help.split("Examples:").next().unwrap());
        let missing: Vec<_> =
            real.iter().filter(|option| !own.contains(*option) && !common.contains(*option)).collect();
        assert!(missing.is_empty(), "docs/{command}.md lacks {missing:?}");
        let invented: Vec<_> = own.iter().filter(|option| !real.contains(*option)).collect();
        assert!(invented.is_empty(), "docs/{command}.md names {invented:?}, which `{command}` does not take");
    }
}

#[test]
fn every_form_of_a_report_is_documented() {
    let (options, report) = (page("options"), page("report"));
    let row = options.lines().find(|line| line.starts_with("| `--format ")).expect("it has a row");
    let forms = program::forms("test");
    for form in &forms {
        assert!(
            row.replace('\\', "").split(['|', ' ', '`']).any(|word| word == form),
            "docs/options.md lacks `{form}`"
        );
        // Events come while a run lasts, so no report can be turned into them.
        let is_described = report.contains(&format!("\n| {form} |")) || form == "ndjson";
        assert!(is_described, "docs/report.md does not say what `{form}` is for");
    }
    let of_reports: Vec<String> = forms.into_iter().filter(|form| form != "ndjson").collect();
    assert_eq!(program::forms("report"), of_reports, "`report` writes the forms that the commands write");
}

fn page(name: &str) -> String {
    let path = Path::new(ROOT).join(format!("docs/{name}.md"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()))
}

/// The long options that have a line in `text`, be it a table's or the help's.
fn options(text: &str) -> BTreeSet<String> {
    let is_about_one = |line: &&str| line.starts_with("| `-") || line.trim_start().starts_with('-');
    let text = text.lines().filter(is_about_one).collect::<Vec<_>>().join("\n");
    let words = text.split(|c: char| !c.is_ascii_lowercase() && c != '-');
    words
        .filter(|word| word.starts_with("--") && word.len() > 2 && !word[2..].starts_with('-'))
        .filter(|word| !["--help", "--version"].contains(word))
        .map(|word| word.trim_end_matches('-').to_owned())
        .collect()
}

#[test]
fn the_readme_is_short() {
    let lines = fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap().lines().count();
    assert!(lines <= 120, "README.md has {lines} lines: move figures to docs/figures.md, details to a page of docs/");
}

#[test]
fn every_page_has_a_title_and_its_links_lead_to_files() {
    let outside =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md", "fuzz/README.md"];
    let mut pages: Vec<_> = outside.map(|name| Path::new(ROOT).join(name)).to_vec();
    pages.push(Path::new(ROOT).join("benches/peers/README.md"));
    pages.extend(fs::read_dir(Path::new(ROOT).join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    for path in pages {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# "), "{}: a page begins with its title", path.display());
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            if file.is_empty() || link.contains("://") {
                continue;
            }
            assert!(path.parent().unwrap().join(file).exists(), "{}: `{link}` leads nowhere", path.display());
        }
    }
}
