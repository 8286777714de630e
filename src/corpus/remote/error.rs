//! [`RemoteError`]: why a bucket cannot be used. There are two main kinds, because the user must act on one and can
//! wait for the end of the other: the bucket refuses access, or it cannot be reached.

use std::error::Error as _;

use object_store::Error;
use thiserror::Error;

use super::bucket_url::BucketUrl;
use crate::corpus::{CorpusError, CorpusRemedy};

/// How much of a server's message is repeated.
const MESSAGE_CHARACTERS: usize = 200;

/// Why a bucket cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RemoteError {
    /// It is reachable and refuses access. To try again does not help.
    #[error("`{bucket}` refuses: {message}")]
    Refused {
        /// The bucket's URL.
        bucket: String,
        /// The server's message.
        message: String,
        /// What to do.
        hint: String,
    },
    /// It does not answer, or answers with an error of its own. Later it may answer.
    #[error("`{bucket}` cannot be reached: {message}")]
    Unreachable {
        /// The bucket's URL.
        bucket: String,
        /// The system's message.
        message: String,
    },
    /// The copy on this machine fails: for example, the disk is full.
    #[error("{message}")]
    Copy {
        /// What failed.
        message: String,
        /// What to do about the folder, if that is known.
        remedy: Option<CorpusRemedy>,
    },
}

impl RemoteError {
    /// The meaning of an `error` of reading or writing in `bucket`.
    pub(super) fn new(bucket: &BucketUrl, error: &Error) -> Self {
        let (message, chain) = message(error);
        let variables = bucket.cloud.variables();
        let credentials = format!(
            "set {variables}; check that they are correct and current, and allow to list, read and write there"
        );
        let is_missing = ["NoSuchBucket", "ContainerNotFound"].iter().any(|code| chain.contains(code));
        let hint = match error {
            _ if is_missing || matches!(error, Error::NotFound { .. }) => {
                Some(format!("make `{}` first, or check {variables}", bucket.bucket))
            }
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => Some(credentials),
            // Servers say so with other codes too. Without credentials, the client asks the cloud's metadata servers.
            _ if REFUSALS.iter().any(|word| chain.contains(word)) => Some(credentials),
            _ => None,
        };
        let bucket = bucket.to_string();
        match hint {
            Some(hint) => Self::Refused { bucket, message, hint },
            None => Self::Unreachable { bucket, message },
        }
    }

    /// An error of the copy on this machine.
    pub(super) fn copy(error: &CorpusError) -> Self {
        Self::Copy { message: error.to_string(), remedy: error.remedy() }
    }

    /// The environment has settings that make no client.
    pub(super) fn settings(bucket: &BucketUrl, error: &Error) -> Self {
        let hint = format!("credentials come from {}", bucket.cloud.variables());
        Self::Refused { bucket: bucket.to_string(), message: message(error).0, hint }
    }

    /// What to do about the bucket, if that is known.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Refused { hint, .. } => Some(hint),
            Self::Unreachable { .. } | Self::Copy { .. } => None,
        }
    }

    /// What to do about the copy on this machine, if that is known.
    pub const fn remedy(&self) -> Option<CorpusRemedy> {
        match self {
            Self::Copy { remedy, .. } => *remedy,
            Self::Refused { .. } | Self::Unreachable { .. } => None,
        }
    }

    /// Whether the error may end by itself.
    pub fn is_passing(&self) -> bool {
        !matches!(self, Self::Refused { .. })
    }
}

/// Parts of answers that mean wrong credentials or a wrong region. Their status codes differ.
const REFUSALS: [&str; 11] = [
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "AccessDenied",
    "AuthenticationFailed",
    "AuthorizationHeaderMalformed",
    "invalid_grant",
    "without LOCATION",
    "169.254.169.254",
    "metadata.google.internal",
];

/// The message to show for an error, and the error's whole text. Of a server's answer only the code is shown, because
/// the answer may repeat the user's key.
fn message(error: &Error) -> (String, String) {
    let mut chain = error.to_string();
    let mut deepest = chain.clone();
    let mut source = error.source();
    while let Some(error) = source {
        deepest = error.to_string();
        chain.push('\n');
        chain.push_str(&deepest);
        source = error.source();
    }
    let message = if ["169.254.169.254", "metadata.google.internal"].iter().any(|server| chain.contains(server)) {
        "there are no credentials".to_owned()
    } else if let Some(code) = between(&chain, "<Code>", "</Code>") {
        code.to_owned()
    } else if let Some(status) = between(&chain, "status code: ", ":") {
        status.to_owned()
    } else {
        let text = deepest.split(" (os error").next().unwrap_or(&deepest);
        let line = text.lines().next().unwrap_or_default();
        let mut characters = line.chars();
        characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
    };
    (message.chars().take(MESSAGE_CHARACTERS).collect(), chain)
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let rest = &text[text.find(start)? + start.len()..];
    Some(&rest[..rest.find(end)?])
}

#[cfg(test)]
mod tests {
    use super::{super::bucket_url::CorpusLocation, *};

    fn remote(error: &Error) -> RemoteError {
        let Ok(CorpusLocation::Bucket(bucket)) = CorpusLocation::parse("s3://nights/vault") else {
            panic!("it is a bucket")
        };
        RemoteError::new(&bucket, error)
    }

    fn generic(text: &str) -> Error {
        Error::Generic { store: "S3", source: text.into() }
    }

    #[test]
    fn a_refusal_is_not_an_outage_and_says_what_to_set() {
        let body = "Server returned non-2xx status code: 403 Forbidden: <Error><Code>SignatureDoesNotMatch</Code>\
                    <StringToSign>AKIASECRET</StringToSign></Error>";
        let refused = remote(&Error::PermissionDenied { path: "vault".into(), source: body.into() });
        assert_eq!(refused.to_string(), "`s3://nights/vault` refuses: SignatureDoesNotMatch");
        assert!(refused.hint().is_some_and(|hint| hint.contains("AWS_SECRET_ACCESS_KEY")) && !refused.is_passing());

        let expired =
            remote(&generic("Server returned non-2xx status code: 400 Bad Request: <Code>ExpiredToken</Code>"));
        assert!(!expired.is_passing(), "{expired}");
        let nothing = remote(&generic("Error performing PUT http://169.254.169.254/latest/api/token in 1.2s"));
        assert_eq!(nothing.to_string(), "`s3://nights/vault` refuses: there are no credentials");

        let nowhere = remote(&generic("Server returned non-2xx status code: 404 Not Found: <Code>NoSuchBucket</Code>"));
        assert!(nowhere.hint().is_some_and(|hint| hint.starts_with("make `nights` first")), "{nowhere}");

        let busy = remote(&generic("Server returned non-2xx status code: 503 Service Unavailable: SlowDown"));
        assert_eq!(busy.to_string(), "`s3://nights/vault` cannot be reached: 503 Service Unavailable");
        assert!(busy.is_passing());
    }

    #[test]
    fn an_outage_is_described_by_its_cause_alone() {
        let refused = std::io::Error::from_raw_os_error(111);
        let error = Error::Generic { store: "S3", source: Box::new(refused) };
        assert_eq!(remote(&error).to_string(), "`s3://nights/vault` cannot be reached: connection refused");
    }
}
