//! Why a bucket cannot be used. Two kinds are told apart, since the user must act on one and can wait for the other: the
//! bucket refuses us, or it cannot be reached.

use std::error::Error as _;

use object_store::Error;
use thiserror::Error;

use super::bucket_url::BucketUrl;

/// The most of what a server says that is repeated.
const SAID_CHARACTERS: usize = 200;

/// Why a bucket cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RemoteError {
    /// It is there, and does not let us in: more tries change nothing.
    #[error("`{place}` refuses: {said}")]
    Refused {
        /// The corpus.
        place: String,
        /// What the server says.
        said: String,
        /// What to do.
        hint: String,
    },
    /// It does not answer, or with an error of its own: it may later.
    #[error("`{place}` cannot be reached: {said}")]
    Unreachable {
        /// The corpus.
        place: String,
        /// What the system says.
        said: String,
    },
    /// The copy on this machine fails: the disk is full, for instance.
    #[error("{0}")]
    Copy(String),
}

impl RemoteError {
    /// What `error` means for who wanted to read or write in `place`.
    pub(super) fn new(place: &BucketUrl, error: &Error) -> Self {
        let (said, chain) = said(error);
        let variables = place.cloud.variables();
        let credentials =
            format!("set {variables}; see that they are right, current, and may list, read and write there");
        let is_nowhere = ["NoSuchBucket", "ContainerNotFound"].iter().any(|code| chain.contains(code));
        let hint = match error {
            _ if is_nowhere || matches!(error, Error::NotFound { .. }) => {
                Some(format!("make `{}` first, or see that {variables} are right", place.bucket))
            }
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => Some(credentials),
            // Servers also say so with other numbers; and where no credentials are given the cloud's own machines are asked.
            _ if REFUSALS.iter().any(|word| chain.contains(word)) => Some(credentials),
            _ => None,
        };
        let place = place.to_string();
        match hint {
            Some(hint) => Self::Refused { place, said, hint },
            None => Self::Unreachable { place, said },
        }
    }

    /// Settings of the environment from which no client can be made.
    pub(super) fn settings(place: &BucketUrl, error: &Error) -> Self {
        let hint = format!("credentials come from {}", place.cloud.variables());
        Self::Refused { place: place.to_string(), said: said(error).0, hint }
    }

    /// What to do, where that can be told.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Refused { hint, .. } => Some(hint),
            Self::Unreachable { .. } | Self::Copy(_) => None,
        }
    }

    /// Whether waiting may cure it.
    pub fn is_passing(&self) -> bool {
        !matches!(self, Self::Refused { .. })
    }
}

/// What stands in answers that mean wrong credentials or a wrong region, whatever their number.
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

/// What to repeat of an error, and all that it says. A server's answer is shortened to its code: it may repeat our key.
fn said(error: &Error) -> (String, String) {
    let mut chain = error.to_string();
    let mut deepest = chain.clone();
    let mut source = error.source();
    while let Some(error) = source {
        deepest = error.to_string();
        chain.push('\n');
        chain.push_str(&deepest);
        source = error.source();
    }
    let said = if ["169.254.169.254", "metadata.google.internal"].iter().any(|asked| chain.contains(asked)) {
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
    (said.chars().take(SAID_CHARACTERS).collect(), chain)
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let rest = &text[text.find(start)? + start.len()..];
    Some(&rest[..rest.find(end)?])
}

#[cfg(test)]
mod tests {
    use super::{super::bucket_url::CorpusLocation, *};

    fn told(error: &Error) -> RemoteError {
        let Ok(CorpusLocation::Bucket(place)) = CorpusLocation::parse("s3://nights/vault") else {
            panic!("it is a bucket")
        };
        RemoteError::new(&place, error)
    }

    fn generic(text: &str) -> Error {
        Error::Generic { store: "S3", source: text.into() }
    }

    #[test]
    fn a_refusal_is_told_apart_from_an_outage_and_says_what_to_set() {
        let body = "Server returned non-2xx status code: 403 Forbidden: <Error><Code>SignatureDoesNotMatch</Code>\
                    <StringToSign>AKIASECRET</StringToSign></Error>";
        let refused = told(&Error::PermissionDenied { path: "vault".into(), source: body.into() });
        assert_eq!(refused.to_string(), "`s3://nights/vault` refuses: SignatureDoesNotMatch");
        assert!(refused.hint().is_some_and(|hint| hint.contains("AWS_SECRET_ACCESS_KEY")) && !refused.is_passing());

        let expired = told(&generic("Server returned non-2xx status code: 400 Bad Request: <Code>ExpiredToken</Code>"));
        assert!(!expired.is_passing(), "{expired}");
        let nothing = told(&generic("Error performing PUT http://169.254.169.254/latest/api/token in 1.2s"));
        assert_eq!(nothing.to_string(), "`s3://nights/vault` refuses: there are no credentials");

        let nowhere = told(&generic("Server returned non-2xx status code: 404 Not Found: <Code>NoSuchBucket</Code>"));
        assert!(nowhere.hint().is_some_and(|hint| hint.starts_with("make `nights` first")), "{nowhere}");

        let busy = told(&generic("Server returned non-2xx status code: 503 Service Unavailable: SlowDown"));
        assert_eq!(busy.to_string(), "`s3://nights/vault` cannot be reached: 503 Service Unavailable");
        assert!(busy.is_passing());
    }

    #[test]
    fn an_outage_is_told_by_its_cause_and_not_by_what_lies_around_it() {
        let refused = std::io::Error::from_raw_os_error(111);
        let error = Error::Generic { store: "S3", source: Box::new(refused) };
        assert_eq!(told(&error).to_string(), "`s3://nights/vault` cannot be reached: connection refused");
    }
}
