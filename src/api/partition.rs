//! [`Partition`]: a part of a run that is divided among machines.

use std::str::FromStr;

/// A part of a run that is divided among machines, `2/8` for the second of eight. It is parsed from this form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// The number of the part, from 1.
    pub(crate) part: u64,
    /// The number of parts.
    pub(crate) of: u64,
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((part, of)) if (1..=of).contains(&part) => Ok(Self { part, of }),
            _ => Err(format!("`{text}` is not a part: write `2/8` for the second of eight")),
        }
    }
}

impl Partition {
    /// The members of `all` that are in this part. Every member is in exactly one part, and the sizes of the parts
    /// differ by at most one.
    pub(super) fn members<T>(self, all: Vec<T>) -> Vec<T> {
        let is_in = |index: usize| index as u64 % self.of == self.part - 1;
        all.into_iter().enumerate().filter(|(index, _)| is_in(*index)).map(|(_, one)| one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_lies_within_its_whole() {
        assert_eq!("2/8".parse(), Ok(Partition { part: 2, of: 8 }));
        for wrong in ["0/8", "9/8", "2", "a/b", "1/0"] {
            assert!(wrong.parse::<Partition>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_parts_of_a_list_are_the_whole_of_it_without_overlap() {
        let all: Vec<u32> = (0..10).collect();
        let parts: Vec<Vec<u32>> = (1..=4).map(|part| Partition { part, of: 4 }.members(all.clone())).collect();
        assert_eq!(parts[0], [0, 4, 8]);
        let mut together = parts.concat();
        together.sort();
        assert_eq!(together, all);
        assert!(Partition { part: 12, of: 12 }.members(all).is_empty());
    }
}
