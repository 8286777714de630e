//! Writes a ZIP archive byte by byte, so that each field can be wrong. It knows only the parts of the format that it
//! needs: stored entries, deflate with literals and long runs, ZIP64, data descriptors, prefixes. Timestamps are
//! constant.

/// An entry to write. A field that is `None` gets its true value.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    /// The name in the local header, if it differs.
    pub(super) local_name: Option<Vec<u8>>,
    pub(super) content: Content,
    pub(super) flags: u16,
    pub(super) method: Method,
    /// The number of an unknown method, in place of the real one.
    pub(super) wrong_method: Option<u16>,
    pub(super) crc: Option<u32>,
    pub(super) size: Option<u32>,
    pub(super) packed_size: Option<u32>,
    /// Unix mode in the upper half.
    pub(super) attributes: u32,
    pub(super) extra: Vec<u8>,
    pub(super) comment: Vec<u8>,
    pub(super) is_zip64: bool,
    /// Whether sizes and CRC follow the data, with zeros in the local header.
    pub(super) has_descriptor: bool,
    /// The number of the entry whose local header it points to instead of its own.
    pub(super) shares: Option<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Bytes(Vec<u8>),
    /// This number of zeros.
    Zeros(usize),
}

impl Default for Content {
    fn default() -> Self {
        Self::Bytes(Vec::new())
    }
}

impl Content {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Zeros(count) => vec![0; *count],
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Method {
    #[default]
    Stored,
    Deflate,
}

/// What surrounds the entries.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame {
    pub(super) prefix: Vec<u8>,
    /// Whether offsets count from the start of the file instead of the end of the prefix.
    pub(super) offsets_with_prefix: bool,
    pub(super) comment: Vec<u8>,
    /// What the end of the directory adds to the number of entries.
    pub(super) count_off: i16,
    pub(super) is_zip64: bool,
    /// Bytes between the entries and the directory.
    pub(super) gap: Vec<u8>,
}

pub(super) fn build(entries: &[Entry], frame: &Frame) -> Vec<u8> {
    let mut out = frame.prefix.clone();
    let base = if frame.offsets_with_prefix { 0 } else { out.len() };
    let mut offsets: Vec<u32> = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let bytes = entry.content.bytes();
        let packed = if entry.method == Method::Deflate { deflate(&bytes) } else { bytes.clone() };
        let header = Header::of(entry, &bytes, &packed);
        let shared = entry.shares.and_then(|other| offsets.get(other).copied());
        let offset = shared.unwrap_or_else(|| {
            let offset = small(out.len() - base);
            header.local(entry, &mut out);
            out.extend_from_slice(&packed);
            if entry.has_descriptor {
                out.extend_from_slice(b"PK\x07\x08");
                for number in [header.crc, header.packed_size, header.size] {
                    out.extend_from_slice(&number.to_le_bytes());
                }
            }
            offset
        });
        offsets.push(offset);
        header.central(entry, offset, &mut directory);
    }
    out.extend_from_slice(&frame.gap);
    let start = out.len() - base;
    out.extend_from_slice(&directory);
    end(&mut out, frame, entries.len(), directory.len(), start, base);
    out
}

/// Generated archives are far below 4 GB.
fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

struct Header {
    version: u16,
    flags: u16,
    method: u16,
    crc: u32,
    size: u32,
    packed_size: u32,
}

impl Header {
    fn of(entry: &Entry, bytes: &[u8], packed: &[u8]) -> Self {
        Self {
            version: if entry.is_zip64 { 45 } else { 20 },
            flags: entry.flags | u16::from(entry.has_descriptor) << 3,
            method: entry.wrong_method.unwrap_or(if entry.method == Method::Deflate { 8 } else { 0 }),
            crc: entry.crc.unwrap_or_else(|| crc32(bytes)),
            size: entry.size.unwrap_or(small(bytes.len())),
            packed_size: entry.packed_size.unwrap_or(small(packed.len())),
        }
    }

    /// Writes the fields that both kinds of header have, and returns the extra field, which follows the name.
    fn common(&self, entry: &Entry, is_local: bool, name: &[u8], out: &mut Vec<u8>) -> Vec<u8> {
        let hides = is_local && entry.has_descriptor;
        let mut extra = entry.extra.clone();
        if entry.is_zip64 {
            extra.extend_from_slice(&[1, 0, 16, 0]);
            extra.extend_from_slice(&u64::from(self.size).to_le_bytes());
            extra.extend_from_slice(&u64::from(self.packed_size).to_le_bytes());
        }
        for number in [self.version, self.flags, self.method, 0, 0x21] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let sizes = if entry.is_zip64 { [u32::MAX; 2] } else { [self.packed_size, self.size] };
        for number in [self.crc, sizes[0], sizes[1]] {
            out.extend_from_slice(&if hides { 0 } else { number }.to_le_bytes());
        }
        for length in [name.len(), extra.len()] {
            out.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
        }
        extra
    }

    fn local(&self, entry: &Entry, out: &mut Vec<u8>) {
        let name = entry.local_name.as_ref().unwrap_or(&entry.name);
        out.extend_from_slice(b"PK\x03\x04");
        let extra = self.common(entry, true, name, out);
        out.extend_from_slice(name);
        out.extend_from_slice(&extra);
    }

    fn central(&self, entry: &Entry, offset: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(b"PK\x01\x02");
        out.extend_from_slice(&[20, 3]);
        let extra = self.common(entry, false, &entry.name, out);
        out.extend_from_slice(&u16::try_from(entry.comment.len()).unwrap_or(u16::MAX).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&entry.attributes.to_le_bytes());
        out.extend_from_slice(&offset.to_le_bytes());
        out.extend_from_slice(&entry.name);
        out.extend_from_slice(&extra);
        out.extend_from_slice(&entry.comment);
    }
}

/// Writes the end of the directory, with that of ZIP64 before it if `frame` asks for it.
fn end(out: &mut Vec<u8>, frame: &Frame, count: usize, length: usize, start: usize, base: usize) {
    let count = u16::try_from(count).unwrap_or(u16::MAX).wrapping_add_signed(frame.count_off);
    if frame.is_zip64 {
        let at = out.len() - base;
        out.extend_from_slice(b"PK\x06\x06");
        out.extend_from_slice(&44_u64.to_le_bytes());
        out.extend_from_slice(&[45, 0, 45, 0]);
        out.extend_from_slice(&[0; 8]);
        for number in [usize::from(count), usize::from(count), length, start] {
            out.extend_from_slice(&(number as u64).to_le_bytes());
        }
        out.extend_from_slice(b"PK\x06\x07");
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&(at as u64).to_le_bytes());
        out.extend_from_slice(&1_u32.to_le_bytes());
    }
    out.extend_from_slice(b"PK\x05\x06");
    out.extend_from_slice(&[0; 4]);
    let (count, length, start) =
        if frame.is_zip64 { (u16::MAX, u32::MAX, u32::MAX) } else { (count, small(length), small(start)) };
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&start.to_le_bytes());
    out.extend_from_slice(&u16::try_from(frame.comment.len()).unwrap_or(u16::MAX).to_le_bytes());
    out.extend_from_slice(&frame.comment);
}

/// CRC-32, bit by bit: the content is small.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

/// Deflates with fixed codes: literals, and matches of the greatest length for runs of one byte.
pub(super) fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.low(1, 1);
    bits.low(1, 2);
    let mut at = 0;
    while at < bytes.len() {
        let run = bytes[at..].iter().take_while(|&&byte| byte == bytes[at]).count();
        bits.literal(bytes[at]);
        at += 1;
        let mut left = run - 1;
        while left >= 258 {
            // Length 258, distance 1.
            bits.high(0b1100_0101, 8);
            bits.high(0, 5);
            left -= 258;
            at += 258;
        }
    }
    bits.high(0, 7);
    bits.out
}

#[derive(Default)]
struct Bits {
    out: Vec<u8>,
    used: u32,
}

impl Bits {
    fn bit(&mut self, bit: u32) {
        if self.used.is_multiple_of(8) {
            self.out.push(0);
        }
        if let Some(last) = self.out.last_mut() {
            *last |= u8::try_from(bit & 1).unwrap_or(0) << (self.used % 8);
        }
        self.used += 1;
    }

    fn low(&mut self, number: u32, count: u32) {
        (0..count).for_each(|at| self.bit(number >> at));
    }

    fn high(&mut self, number: u32, count: u32) {
        (0..count).rev().for_each(|at| self.bit(number >> at));
    }

    fn literal(&mut self, byte: u8) {
        match byte {
            0..=143 => self.high(0x30 + u32::from(byte), 8),
            144.. => self.high(0x190 + u32::from(byte) - 144, 9),
        }
    }
}
