//! Removes from hints what the user has done already: a hint that cannot help sends the reader the wrong way.

use super::PluginOptions;
use crate::finding::Finding;

/// The finding with a hint that the user has not followed yet.
pub(super) fn without_followed(mut finding: Finding, options: &PluginOptions) -> Finding {
    let Some(hint) = &finding.hint else { return finding };
    if hint.contains("`--venv`")
        && let Some(venv) = &options.venv
    {
        finding.hint = Some(format!(
            "put the package into the archive, or install it into the virtual environment in use, `{}`",
            venv.display()
        ));
    } else if hint.contains("`--config") && options.configuration.is_some() {
        finding.hint = None;
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Rule;

    #[test]
    fn a_hint_that_was_followed_is_replaced_or_removed() {
        let hint = |hint: &str, options: PluginOptions| {
            let finding = Finding::draft(Rule::ImportFailed, "E").hint(Some(hint.to_owned())).finish();
            without_followed(finding, &options).hint
        };
        let (venv, config) = ("name the virtual environment with `--venv`", "pass it with `--config FILE`");
        assert_eq!(hint(venv, PluginOptions::new()).as_deref(), Some(venv));
        assert!(hint(venv, PluginOptions::new().venv("/v")).unwrap().ends_with("the virtual environment in use, `/v`"));
        assert_eq!(hint(config, PluginOptions::new()).as_deref(), Some(config));
        assert_eq!(hint(config, PluginOptions::new().configuration("[a]\n")), None);
        assert_eq!(hint(config, PluginOptions::new().venv("/v")).as_deref(), Some(config));
    }
}
