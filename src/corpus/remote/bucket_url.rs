//! [`CorpusLocation`]: a folder or a bucket. A URL is read strictly. Credentials come from the environment, from the
//! variables that each cloud's own tools read, and never from the URL, because URLs end up in logs.
//!
//! Only this file, `client` and `error` know which kinds of buckets there are.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// The longest bucket name, and the longest prefix, that the three clouds allow.
const NAME_BYTES: usize = 256;

/// A kind of bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cloud {
    /// S3, or a server with the same protocol.
    S3,
    /// Google Cloud Storage.
    Google,
    /// Azure Blob Storage.
    Azure,
}

/// A bucket and a prefix in it: `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketUrl {
    pub(super) cloud: Cloud,
    pub(super) bucket: String,
    /// Without slashes at its ends; empty if the corpus is the whole bucket.
    pub(super) prefix: String,
}

/// The value of `--corpus`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorpusLocation {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket.
    Bucket(BucketUrl),
}

impl CorpusLocation {
    /// Reads the value: a URL if it has `://`, else the path of a folder. A `file://` URL is a folder.
    ///
    /// # Errors
    /// The problem, and what to do.
    pub fn parse(text: &str) -> Result<Self, (String, String)> {
        let Some((scheme, rest)) = text.split_once("://") else { return Ok(Self::Folder(text.into())) };
        let cloud = match scheme {
            "s3" => Cloud::S3,
            "gs" => Cloud::Google,
            "az" => Cloud::Azure,
            "file" => {
                let folder = reqwest::Url::parse(text).ok().and_then(|url| url.to_file_path().ok());
                return folder.map(Self::Folder).ok_or_else(|| {
                    (
                        format!("`{text}` does not name a folder"),
                        "write `file:///path/to/folder`, or the path itself".to_owned(),
                    )
                });
            }
            _ => {
                let problem = format!("`{text}`: `{scheme}` is not a kind of corpus");
                let hint =
                    "use `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX` or the path of a folder";
                return Err((problem, hint.to_owned()));
            }
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_end_matches('/');
        if bucket.contains(['@', ':']) {
            let problem = format!("`{scheme}://…` has more than the name of a bucket");
            return Err((problem, format!("credentials and servers come from the environment: {}", cloud.variables())));
        }
        let is_plain = |name: &str| {
            !name.is_empty()
                && name.len() <= NAME_BYTES
                && !name.starts_with('.')
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        if !is_plain(bucket) || !(prefix.is_empty() || prefix.split('/').all(is_plain)) {
            let problem = format!("`{text}` does not name a bucket and a folder in it");
            let hint = format!("write `{scheme}://BUCKET/PREFIX` with letters, digits, `.`, `_` and `-`");
            return Err((problem, hint));
        }
        Ok(Self::Bucket(BucketUrl { cloud, bucket: bucket.to_owned(), prefix: prefix.to_owned() }))
    }
}

impl Cloud {
    const fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Google => "gs",
            Self::Azure => "az",
        }
    }

    /// The variables that have the credentials.
    pub(super) const fn variables(self) -> &'static str {
        match self {
            Self::S3 => {
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (with AWS_SESSION_TOKEN for temporary ones), AWS_REGION, \
                 and AWS_ENDPOINT_URL for a server other than Amazon's"
            }
            Self::Google => "GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT, a file with the account's key",
            Self::Azure => "AZURE_STORAGE_ACCOUNT_NAME, and AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_KEY",
        }
    }
}

impl BucketUrl {
    /// The folder in `caches` for the copy of this corpus. Every bucket and prefix has its own.
    pub fn cache_in(&self, caches: &Path) -> PathBuf {
        // A prefix cannot have a `=`, so no two copies have the same name.
        let prefix = self.prefix.replace('/', "=");
        caches.join("hookstorm").join("corpora").join(format!("{}={}={prefix}", self.cloud.scheme(), self.bucket))
    }
}

impl fmt::Display for BucketUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.cloud.scheme(), self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(text: &str) -> BucketUrl {
        match CorpusLocation::parse(text) {
            Ok(CorpusLocation::Bucket(url)) => url,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_url_names_a_bucket_and_everything_else_a_folder() {
        assert_eq!(bucket("s3://nights/vault/9.0/").to_string(), "s3://nights/vault/9.0");
        assert_eq!(bucket("gs://nights").to_string(), "gs://nights");
        assert_eq!(bucket("az://nights/a").cloud, Cloud::Azure);
        for (text, folder) in
            [("corpora", "corpora"), ("../s3:/x", "../s3:/x"), ("file:///srv/my%20corpus", "/srv/my corpus")]
        {
            assert_eq!(CorpusLocation::parse(text), Ok(CorpusLocation::Folder(folder.into())), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_bucket_is_refused_with_an_example_of_one() {
        for text in
            ["s3://", "s3:///x", "s3://a/../b", "s3://a//b", "s3://a/b?x=1", "gs://ä", "az://a/.b", "file://host/x"]
        {
            assert!(CorpusLocation::parse(text).is_err(), "{text}");
        }
        let (problem, hint) = CorpusLocation::parse("http://host/x").unwrap_err();
        assert_eq!(problem, "`http://host/x`: `http` is not a kind of corpus");
        assert!(hint.contains("s3://BUCKET/PREFIX"), "{hint}");
    }

    #[test]
    fn credentials_in_a_url_are_not_repeated() {
        let (problem, hint) = CorpusLocation::parse("s3://AKIA:s3cr3t@bucket/x").unwrap_err();
        assert!(!problem.contains("s3cr3t") && hint.contains("AWS_SECRET_ACCESS_KEY"), "{problem} {hint}");
    }

    #[test]
    fn every_bucket_and_prefix_has_a_copy_of_its_own() {
        let caches = Path::new("/c");
        let copy = |text| bucket(text).cache_in(caches);
        assert_eq!(copy("s3://nights/a/b"), Path::new("/c/hookstorm/corpora/s3=nights=a=b"));
        assert_ne!(copy("s3://nights/a-b"), copy("s3://nights/a/b"));
        assert_ne!(copy("gs://nights/a"), copy("s3://nights/a"));
    }
}
