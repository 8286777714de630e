//! How long it takes to read a MANIFEST, which every command begins with: one as people write it, and one full of
//! mistakes.

mod quick;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hookstorm::{contract::Platform, package::Manifest};

const PLAIN: &[u8] = include_bytes!("plugins/small/MANIFEST");
const FAULTY: &[u8] =
    b"api: 2.10\ntype: credentialstor\nname: on\nversion: 1.10\nentry_point: ../main.py\nauthor_email: nobody\n";

fn read(criterion: &mut Criterion) {
    let platform = Platform::newest();
    let mut group = criterion.benchmark_group("manifest");
    for (name, text, is_clean) in [("plain", PLAIN, true), ("faulty", FAULTY, false)] {
        assert_eq!(Manifest::read(text, platform).1.is_empty(), is_clean, "{name}");
        group.bench_function(name, |bencher| bencher.iter(|| Manifest::read(black_box(text), platform)));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = quick::criterion();
    targets = read
}
criterion_main!(benches);
