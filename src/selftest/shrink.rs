//! Makes the bytes of a difference fewer and lower, which makes the generated input plainer.

/// Shrinks `bytes` while `shows` returns true: the difference is still there. It calls `shows` less than `tries` times.
pub(super) fn shrink(mut bytes: Vec<u8>, mut tries: usize, mut shows: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let mut ask = |candidate: &[u8]| {
        tries = tries.saturating_sub(1);
        tries > 0 && shows(candidate)
    };
    // Bytes at the end that the generator may not have drawn.
    let mut size = bytes.len() / 2;
    while size > 0 {
        let end = bytes.len() - size;
        if ask(&bytes[..end]) {
            bytes.truncate(end);
            size = size.min(bytes.len() / 2);
        } else {
            size /= 2;
        }
    }
    // A zero is the plainest choice, and a lower byte mostly a plainer one.
    let mut size = (bytes.len() / 2).next_power_of_two();
    while size > 0 {
        for at in (0..bytes.len()).step_by(size) {
            let end = (at + size).min(bytes.len());
            if bytes[at..end].iter().any(|&byte| byte != 0) {
                let mut candidate = bytes.clone();
                candidate[at..end].fill(0);
                if ask(&candidate) {
                    bytes = candidate;
                }
            }
        }
        size /= 2;
    }
    for at in 0..bytes.len() {
        let mut low = 0;
        while low + 1 < bytes[at] {
            let mut candidate = bytes.clone();
            candidate[at] = low + (bytes[at] - low) / 2;
            if ask(&candidate) {
                bytes = candidate;
            } else {
                low += (bytes[at] - low) / 2;
            }
        }
    }
    while bytes.last() == Some(&0) && ask(&bytes[..bytes.len() - 1]) {
        bytes.pop();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_bytes_that_matter_stay_and_the_number_of_tries_is_bounded() {
        let bytes: Vec<u8> = (0..200).map(|number| number as u8 | 1).collect();
        let small = shrink(bytes.clone(), 10_000, |bytes| bytes.get(17).is_some_and(|&byte| byte >= 10));
        assert_eq!(small.len(), 18);
        assert_eq!((small[17], small[..17].iter().all(|&byte| byte == 0)), (10, true));
        let mut asked = 0;
        shrink(bytes, 7, |_| {
            asked += 1;
            false
        });
        assert!(asked <= 7);
    }
}
