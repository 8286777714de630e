//! Choices drawn from bytes. A zero, and every byte after the last, gives the plainest choice, so that cutting bytes off
//! or lowering them makes a session plainer; nothing here can fail for lack of bytes.

use arbitrary::Unstructured;

use crate::generate::Domain;

/// How far a session strays from the everyday.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mood {
    /// How many of 256 values are unusual.
    odd: u8,
    /// How many of 256 values that may be None are.
    none: u8,
    /// Whether calls, cookies and answers may leave the everyday path.
    pub(super) strays: bool,
}

impl Mood {
    /// Everything plain and present.
    pub(super) const ORDINARY: Self = Self { odd: 0, none: 0, strays: false };

    /// Most sessions have one or two oddities, so that what lies behind the first check is reached as well; in some
    /// nearly everything is odd.
    const ALL: [Self; 5] = [
        Self { odd: 10, none: 12, strays: true },
        Self { odd: 30, none: 24, strays: true },
        Self { odd: 80, none: 40, strays: true },
        Self { odd: 140, none: 64, strays: true },
        Self { odd: 220, none: 100, strays: true },
    ];
}

/// Bytes, with the domain that they choose from.
pub(super) struct Choices<'c, 'u> {
    bytes: &'c mut Unstructured<'u>,
    /// Whose words are used.
    pub(super) domain: &'c Domain,
    /// How far the session strays.
    pub(super) mood: Mood,
}

impl<'c, 'u> Choices<'c, 'u> {
    /// Choices whose mood is the first of them.
    pub(super) fn new(bytes: &'c mut Unstructured<'u>, domain: &'c Domain) -> Self {
        let mut choices = Self { bytes, domain, mood: Mood::ORDINARY };
        choices.mood = Mood::ALL[choices.below(Mood::ALL.len())];
        choices
    }

    /// Choices that stay ordinary.
    pub(super) const fn ordinary(bytes: &'c mut Unstructured<'u>, domain: &'c Domain) -> Self {
        Self { bytes, domain, mood: Mood::ORDINARY }
    }

    /// The next byte, or 0.
    #[inline]
    pub(super) fn byte(&mut self) -> u8 {
        let mut one = [0];
        self.fill(&mut one);
        one[0]
    }

    /// The next bytes, or zeros.
    #[inline]
    pub(super) fn fill(&mut self, buffer: &mut [u8]) {
        // `Unstructured` pads with zeros and has no other way to fail.
        let _ = self.bytes.fill_buffer(buffer);
    }

    /// A number of two bytes.
    #[inline]
    pub(super) fn two_bytes(&mut self) -> u16 {
        let mut two = [0; 2];
        self.fill(&mut two);
        u16::from_be_bytes(two)
    }

    /// A number below `count`; 0 where `count` is 0. Numbers beyond 65,536 are never chosen.
    #[inline]
    pub(super) fn below(&mut self, count: usize) -> usize {
        match count {
            0 | 1 => 0,
            2..=256 => (usize::from(self.byte()) * count) >> 8,
            _ => (usize::from(self.two_bytes()) * count.min(1 << 16)) >> 16,
        }
    }

    /// True `of_256` times of 256; false for a zero.
    #[inline]
    pub(super) fn chance(&mut self, of_256: u8) -> bool {
        u16::from(self.byte()) + u16::from(of_256) >= 256
    }

    /// One of `items`, which are never empty.
    #[inline]
    pub(super) fn pick<'i, T>(&mut self, items: &'i [T]) -> &'i T {
        &items[self.below(items.len())]
    }

    /// One of `texts`, which are never empty.
    #[inline]
    pub(super) fn text<'i>(&mut self, texts: &'i [impl AsRef<str>]) -> &'i str {
        self.pick(texts).as_ref()
    }

    /// Whether the next value is unusual.
    #[inline]
    pub(super) fn is_odd(&mut self) -> bool {
        let odd = self.mood.odd;
        self.chance(odd)
    }

    /// Whether the next value that may be None is.
    #[inline]
    pub(super) fn is_none(&mut self) -> bool {
        let none = self.mood.none;
        self.chance(none)
    }

    /// Whether the session leaves the everyday path here.
    #[inline]
    pub(super) fn strays(&mut self, of_256: u8) -> bool {
        self.mood.strays && self.chance(of_256)
    }
}
