//! [`BucketUrl::store`]: the client for a bucket, with limits for every request.

use std::{
    env,
    sync::{Arc, Once},
    time::Duration,
};

use object_store::{
    BackoffConfig, ClientConfigKey, ClientOptions, ObjectStore, RetryConfig, aws::AmazonS3Builder,
    azure::MicrosoftAzureBuilder, gcp::GoogleCloudStorageBuilder,
};

use super::{
    bucket_url::{BucketUrl, Cloud},
    error::RemoteError,
};

/// How long it may take to connect.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a server may pause in the middle of an answer.
const SILENCE_LIMIT: Duration = Duration::from_secs(10);
/// How long one request may take. An object is small.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// How often a request is tried again before the bucket counts as unreachable. The next synchronization tries again.
const RETRIES: usize = 2;

impl BucketUrl {
    /// The client. To make it needs no network.
    pub(super) fn store(&self) -> Result<Arc<dyn ObjectStore>, RemoteError> {
        static CRYPTOGRAPHY: Once = Once::new();
        CRYPTOGRAPHY.call_once(|| {
            // Fails only if a provider is installed already, which is as good.
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

/// The variables of the environment with this prefix, with the names that the builders give them.
fn variables(prefix: &'static str) -> impl Iterator<Item = (String, String)> {
    env::vars_os().filter_map(move |(key, value)| {
        let (key, value) = (key.into_string().ok()?, value.into_string().ok()?);
        (key.starts_with(prefix) && !value.is_empty()).then(|| (key.to_ascii_lowercase(), value))
    })
}

/// The limits of every request. If the user names a server with `http://`, the connection is not encrypted.
fn options(endpoints: &[&str]) -> ClientOptions {
    let endpoint = endpoints.iter().find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()));
    let is_http = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
    ClientOptions::new()
        .with_connect_timeout(CONNECT_LIMIT)
        .with_read_timeout(SILENCE_LIMIT)
        .with_timeout(REQUEST_LIMIT)
        .with_allow_http(is_http)
        .with_config(ClientConfigKey::UserAgent, concat!("hookstorm/", env!("CARGO_PKG_VERSION")))
}

fn retry() -> RetryConfig {
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(200), max_backoff: Duration::from_secs(2), base: 3.0 };
    RetryConfig { backoff, max_retries: RETRIES, retry_timeout: REQUEST_LIMIT }
}
