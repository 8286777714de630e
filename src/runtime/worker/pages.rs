//! Which pages of its memory a call uses, and fetching them before it begins.
//!
//! A forked child shares its parent's pages until it writes to them, and has no file's pages at all, so that a short call
//! spends most of its time in page faults, each of which costs more than the copy it makes. The first children tell which
//! pages they came to use; later ones fetch these in one go while they wait for their call.

use std::{fs::File, os::unix::fs::FileExt};

use hookstorm::runtime::shared::{PAGE_RANGES_LIMIT, PageRange, Shared};

/// How many calls are looked at. The first of each hook use other pages than the later ones.
pub(crate) const LEARN_FROM: u32 = 16;
/// Holes of this many pages are fetched along: a call to the kernel costs as much.
const HOLE: u64 = 1;
/// Holes in files are fetched along more freely, since nothing is copied.
const FILE_HOLE: u64 = 15;
/// The most pages of one range.
const RANGE_LIMIT: u32 = 512;

const PAGE: u64 = 4096;
/// Bits of an entry of `/proc/self/pagemap`.
const PRESENT: u64 = 1 << 63;
const OF_FILE: u64 = 1 << 61;
const EXCLUSIVE: u64 = 1 << 56;

/// Fetches what is known to be used. That it fails means nothing: the pages come when they are touched.
pub(crate) fn fetch(shared: &Shared) {
    for range in shared.page_ranges() {
        let advice = if range.written == 0 { libc::MADV_POPULATE_READ } else { libc::MADV_POPULATE_WRITE };
        let length = u64::from(range.pages.min(RANGE_LIMIT)) * PAGE;
        // SAFETY: populating changes no content: it maps or copies pages that a touch would map or copy, and refuses
        // addresses where nothing is.
        unsafe { libc::madvise(range.address as *mut libc::c_void, length as usize, advice) };
    }
}

/// The pages that this process has for itself or has mapped of files, which its parent's fork did not give it.
pub(crate) fn used() -> Vec<PageRange> {
    let (Ok(maps), Ok(pagemap)) = (std::fs::read_to_string("/proc/self/maps"), File::open("/proc/self/pagemap")) else {
        return Vec::new();
    };
    let mut ranges: Vec<PageRange> = Vec::new();
    for line in maps.lines() {
        let mut fields = line.split_whitespace();
        let (Some(addresses), Some(rights)) = (fields.next(), fields.next()) else { continue };
        // What is shared is ours, or of no concern; special mappings cannot be fetched.
        if !rights.starts_with('r') || !rights.ends_with('p') || line.ends_with(']') && !line.ends_with("[heap]") {
            continue;
        }
        let parse = |text: &str| u64::from_str_radix(text, 16).ok();
        let Some((Some(begin), Some(end))) = addresses.split_once('-').map(|(a, b)| (parse(a), parse(b))) else {
            continue;
        };
        let mut entries = vec![0_u8; ((end - begin) / PAGE * 8) as usize];
        if entries.len() > 16 << 20 || pagemap.read_exact_at(&mut entries, begin / PAGE * 8).is_err() {
            continue;
        }
        for (index, entry) in entries.as_chunks::<8>().0.iter().enumerate() {
            let entry = u64::from_le_bytes(*entry);
            let written = entry & OF_FILE == 0 && entry & EXCLUSIVE != 0;
            if entry & PRESENT == 0 || !(written || entry & OF_FILE != 0) {
                continue;
            }
            let address = begin + index as u64 * PAGE;
            let hole = if written { HOLE } else { FILE_HOLE };
            if let Some(last) = ranges.last_mut()
                && last.written == u32::from(written)
                && last.address >= begin
                && last.pages < RANGE_LIMIT - 16
                && address - (last.address + u64::from(last.pages) * PAGE) <= hole * PAGE
            {
                last.pages = ((address - last.address) / PAGE) as u32 + 1;
            } else if ranges.len() < PAGE_RANGES_LIMIT {
                ranges.push(PageRange { address, pages: 1, written: u32::from(written) });
            } else {
                return ranges;
            }
        }
    }
    ranges
}
