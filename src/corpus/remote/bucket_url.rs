//! Where a corpus lies that many hosts share: an URL, read strictly, and the client that speaks to it. Credentials come from
//! the environment, in the variables that the tools of each cloud use, and never from the URL: URLs end up in logs.
//!
//! This file and [`super::trouble`] are the only ones that know what kinds of buckets there are.

use std::{
    env, fmt,
    path::{Path, PathBuf},
    sync::{Arc, Once},
    time::Duration,
};

use object_store::{
    BackoffConfig, ClientConfigKey, ClientOptions, ObjectStore, RetryConfig, aws::AmazonS3Builder,
    azure::MicrosoftAzureBuilder, gcp::GoogleCloudStorageBuilder,
};

use super::error::RemoteError;

/// How long a connection may take to come about.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a server may say nothing in the middle of an answer.
const SILENCE_LIMIT: Duration = Duration::from_secs(10);
/// How long one request may take. An object is small.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// How often a request is tried again before the bucket counts as unreachable. The step is tried again later anyway.
const RETRIES: usize = 2;
/// The longest bucket name and the longest prefix of those that the three clouds allow.
const NAME_BYTES: usize = 256;

/// A kind of bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cloud {
    /// S3, or whatever speaks like it.
    S3,
    /// Google Cloud Storage.
    Google,
    /// Azure Blob Storage.
    Azure,
}

/// Where a shared corpus lies: `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketUrl {
    pub(super) cloud: Cloud,
    pub(super) bucket: String,
    /// Without slashes at its ends; empty where the corpus is the whole bucket.
    pub(super) prefix: String,
}

/// What `--corpus` may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorpusLocation {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket.
    Bucket(BucketUrl),
}

impl CorpusLocation {
    /// Reads what the user wrote: an URL where it has `://`, else the path of a folder. A `file://` URL is a folder.
    ///
    /// # Errors
    /// What is wrong, and what to do.
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
                        format!("`{text}` names no folder"),
                        "write `file:///path/to/folder`, or the path itself".to_owned(),
                    )
                });
            }
            _ => {
                let problem = format!("`{text}`: `{scheme}` is no kind of corpus");
                let hint = "there are `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX` and folders";
                return Err((problem, hint.to_owned()));
            }
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_end_matches('/');
        if bucket.contains(['@', ':']) {
            let problem = format!("`{scheme}://…` holds more than a bucket's name");
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

    /// The variables that credentials come from.
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
    /// The folder in `caches` that copies the corpus: readable, and its own for each location.
    pub fn cache_in(&self, caches: &Path) -> PathBuf {
        // A prefix may hold no `=`, so that no two locations have one name.
        let prefix = self.prefix.replace('/', "=");
        caches.join("hookstorm").join("corpora").join(format!("{}={}={prefix}", self.cloud.scheme(), self.bucket))
    }

    /// The client. It is made without a word to the network.
    pub(super) fn store(&self) -> Result<Arc<dyn ObjectStore>, RemoteError> {
        static CRYPTOGRAPHY: Once = Once::new();
        CRYPTOGRAPHY.call_once(|| {
            // Fails only where one is installed already, which serves as well.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let store = match self.cloud {
            Cloud::S3 => {
                let builder =
                    AmazonS3Builder::new().with_client_options(options(&["AWS_ENDPOINT_URL", "AWS_ENDPOINT"]));
                let builder = variables("AWS_").fold(builder, |builder, (key, value)| match key.parse() {
                    Ok(key) => builder.with_config(key, value),
                    Err(_) => builder,
                });
                let builder = builder.with_bucket_name(&self.bucket).with_retry(retry());
                builder.build().map(|store| Arc::new(store) as Arc<dyn ObjectStore>)
            }
            Cloud::Google => {
                let builder = GoogleCloudStorageBuilder::new().with_client_options(options(&["GOOGLE_BASE_URL"]));
                let builder = variables("GOOGLE_").fold(builder, |builder, (key, value)| match key.parse() {
                    Ok(key) => builder.with_config(key, value),
                    Err(_) => builder,
                });
                let builder = builder.with_bucket_name(&self.bucket).with_retry(retry());
                builder.build().map(|store| Arc::new(store) as Arc<dyn ObjectStore>)
            }
            Cloud::Azure => {
                let builder = MicrosoftAzureBuilder::new()
                    .with_client_options(options(&["AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"]));
                let builder = variables("AZURE_").fold(builder, |builder, (key, value)| match key.parse() {
                    Ok(key) => builder.with_config(key, value),
                    Err(_) => builder,
                });
                let builder = builder.with_container_name(&self.bucket).with_retry(retry());
                builder.build().map(|store| Arc::new(store) as Arc<dyn ObjectStore>)
            }
        };
        store.map_err(|error| RemoteError::settings(self, &error))
    }
}

impl fmt::Display for BucketUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.cloud.scheme(), self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

/// The variables of the environment that begin so, as the builders name their settings.
fn variables(beginning: &'static str) -> impl Iterator<Item = (String, String)> {
    env::vars_os().filter_map(move |(key, value)| {
        let (key, value) = (key.into_string().ok()?, value.into_string().ok()?);
        (key.starts_with(beginning) && !value.is_empty()).then(|| (key.to_ascii_lowercase(), value))
    })
}

/// The limits of every request. A server that the user names with `http://` is spoken to in the clear.
fn options(endpoints: &[&str]) -> ClientOptions {
    let endpoint = endpoints.iter().find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()));
    let in_the_clear = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
    ClientOptions::new()
        .with_connect_timeout(CONNECT_LIMIT)
        .with_read_timeout(SILENCE_LIMIT)
        .with_timeout(REQUEST_LIMIT)
        .with_allow_http(in_the_clear)
        .with_config(ClientConfigKey::UserAgent, concat!("hookstorm/", env!("CARGO_PKG_VERSION")))
}

fn retry() -> RetryConfig {
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(200), max_backoff: Duration::from_secs(2), base: 3.0 };
    RetryConfig { backoff, max_retries: RETRIES, retry_timeout: REQUEST_LIMIT }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(text: &str) -> BucketUrl {
        match CorpusLocation::parse(text) {
            Ok(CorpusLocation::Bucket(location)) => location,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn an_url_names_a_bucket_and_everything_else_a_folder() {
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
    fn what_is_no_bucket_is_refused_with_what_would_be_one() {
        for text in
            ["s3://", "s3:///x", "s3://a/../b", "s3://a//b", "s3://a/b?x=1", "gs://ä", "az://a/.b", "file://host/x"]
        {
            assert!(CorpusLocation::parse(text).is_err(), "{text}");
        }
        let (problem, hint) = CorpusLocation::parse("http://host/x").unwrap_err();
        assert_eq!(problem, "`http://host/x`: `http` is no kind of corpus");
        assert!(hint.contains("s3://BUCKET/PREFIX"), "{hint}");
    }

    #[test]
    fn credentials_in_an_url_are_not_repeated() {
        let (problem, hint) = CorpusLocation::parse("s3://AKIA:s3cr3t@bucket/x").unwrap_err();
        assert!(!problem.contains("s3cr3t") && hint.contains("AWS_SECRET_ACCESS_KEY"), "{problem} {hint}");
    }

    #[test]
    fn every_location_has_a_copy_of_its_own() {
        let caches = Path::new("/c");
        let copy = |text| bucket(text).cache_in(caches);
        assert_eq!(copy("s3://nights/a/b"), Path::new("/c/hookstorm/corpora/s3=nights=a=b"));
        assert_ne!(copy("s3://nights/a-b"), copy("s3://nights/a/b"));
        assert_ne!(copy("gs://nights/a"), copy("s3://nights/a"));
    }
}
