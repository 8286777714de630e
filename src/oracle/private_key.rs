//! Whether a text is a private key that the platform accepts: a PEM block, PKCS#1 or PKCS#8, with its headers and lines
//! of at most 64 characters \[G\]. Reports what is wrong without any part of the key.
//!
//! Allowed on purpose: blanks and line feeds around the block, and the headers of an encrypted key. A CR is not: lines
//! end with LF alone \[G\].

/// The most characters of a line of the block.
const LINE_LIMIT: usize = 64;
/// PKCS#1, its counterpart for DSA, PKCS#8 plain and encrypted.
const LABELS: [&str; 4] = ["RSA PRIVATE KEY", "DSA PRIVATE KEY", "PRIVATE KEY", "ENCRYPTED PRIVATE KEY"];

/// What is there, and what must be there.
type KeyProblem = (String, &'static str);

const MUST: &str = "must be a PEM block, PKCS#1 or PKCS#8";

pub(super) fn check(pem: &str) -> Result<(), KeyProblem> {
    let has_cr = pem.contains('\r');
    let pem = pem.trim();
    if pem.is_empty() {
        return Err(("is empty".into(), MUST));
    }
    let Some((label, rest)) = pem.strip_prefix("-----BEGIN ").and_then(|rest| rest.split_once("-----")) else {
        return Err(("does not begin with a line `-----BEGIN … PRIVATE KEY-----`".into(), MUST));
    };
    let Some(known) = LABELS.into_iter().find(|known| *known == label) else {
        // Something other than a label may be a secret.
        let is_label = label.len() <= 40 && label.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b' ');
        let shown = if is_label { format!("is a block of `{label}`") } else { "is a block of another kind".into() };
        return Err((shown, MUST));
    };
    let Some(body) = rest.strip_suffix(&format!("-----END {known}-----")) else {
        return Err((format!("does not end with the line `-----END {known}-----`"), MUST));
    };
    if has_cr {
        return Err(("contains a carriage return".into(), "must have lines that end with LF alone"));
    }
    if body.contains("\\n") {
        return Err(("has a backslash and an `n` instead of line ends".into(), "must have real line ends"));
    }
    if !body.starts_with('\n') || !body.ends_with('\n') {
        return Err(("has its headers on the same line as the key".into(), "must have them on separate lines"));
    }
    let mut has_data = false;
    for line in body.lines() {
        let length = line.chars().count();
        if length > LINE_LIMIT {
            return Err((format!("has a line of {length} characters"), "must have at most 64 in a line"));
        }
        let is_header = line.contains(": ");
        has_data |= !is_header && !line.trim().is_empty();
        if !is_header
            && !line.trim().bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
        {
            return Err(("has a line that is not base64".into(), MUST));
        }
    }
    if has_data { Ok(()) } else { Err(("has nothing between its headers".into(), MUST)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(label: &str, body: &str) -> String {
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----")
    }

    fn there(pem: &str) -> String {
        check(pem).expect_err("a key that the platform refuses").0
    }

    #[test]
    fn keys_of_both_standards_pass() {
        let line = "M".repeat(64);
        for label in LABELS {
            let pem = block(label, &format!("{line}\n{line}\nab=="));
            assert_eq!(check(&pem), Ok(()));
            assert_eq!(check(&format!("{pem}\n")), Ok(()));
        }
        let encrypted = format!("Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A0B\n\n{line}");
        assert_eq!(check(&block("RSA PRIVATE KEY", &encrypted)), Ok(()));
    }

    #[test]
    fn what_the_platform_refuses_is_reported_without_the_key() {
        let rsa = |body: &str| block("RSA PRIVATE KEY", body);
        assert_eq!(there(""), "is empty");
        assert_eq!(there("MIIEow"), "does not begin with a line `-----BEGIN … PRIVATE KEY-----`");
        assert_eq!(there(&block("OPENSSH PRIVATE KEY", "ab")), "is a block of `OPENSSH PRIVATE KEY`");
        assert_eq!(there(&block("s3cret", "ab")), "is a block of another kind");
        assert_eq!(there(&rsa(&"M".repeat(65))), "has a line of 65 characters");
        assert_eq!(there(&rsa("ab").replace('\n', "\\n")), "has a backslash and an `n` instead of line ends");
        assert_eq!(there(&rsa("ab").replace('\n', " ")), "has its headers on the same line as the key");
        for cr in [rsa("ab").replace('\n', "\r\n"), rsa("ab").replace('\n', "\r"), rsa("ab") + "\r\n", rsa("a\rb")] {
            assert_eq!(there(&cr), "contains a carriage return");
        }
        assert_eq!(there(&rsa("a!b")), "has a line that is not base64");
        assert_eq!(there(&rsa("")), "has nothing between its headers");
        assert_eq!(
            there(rsa("ab").trim_end_matches('-')),
            "does not end with the line `-----END RSA PRIVATE KEY-----`"
        );
    }
}
