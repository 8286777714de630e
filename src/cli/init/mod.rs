//! `hookstorm init`: writes the files with which a plugin's repository is tested in every pull request and every night:
//! hookstorm.toml, a folder for cases, jobs for GitHub Actions or GitLab CI.
//!
//! It overwrites a file only with `--force`, and never changes an existing `.gitlab-ci.yml`. `facts` reads the
//! repository, `templates` makes the texts, `command` writes them and says what remains to do.

mod command;
mod facts;
mod templates;

pub(super) use command::{InitArguments, run};
