//! How long it takes to open a package: an archive of 20 files, unpacked and checked, and the same files as a folder.

mod quick;

use std::{fs, io::Write};

use criterion::{Criterion, criterion_group, criterion_main};
use hookstorm::{
    contract::Platform,
    package::{ArchiveLimits, Package},
};
use zip::{ZipWriter, write::SimpleFileOptions};

/// The files of a plugin that brings a library along.
fn files() -> Vec<(String, Vec<u8>)> {
    let mut files = vec![
        ("MANIFEST".to_owned(), include_bytes!("plugins/small/MANIFEST").to_vec()),
        ("main.py".to_owned(), include_bytes!("plugins/small/main.py").to_vec()),
    ];
    for number in 0..18 {
        let text = format!("def function_{number}(value):\n    return value + {number}\n\n\n").repeat(100);
        files.push((format!("lib/module_{number}.py"), text.into_bytes()));
    }
    files
}

fn open(criterion: &mut Criterion) {
    let scratch = tempfile::tempdir().expect("a folder can be made");
    let (archive, folder) = (scratch.path().join("plugin.zip"), scratch.path().join("plugin"));
    let mut writer = ZipWriter::new(fs::File::create(&archive).expect("the archive can be made"));
    fs::create_dir_all(folder.join("lib")).expect("a folder can be made");
    for (name, bytes) in files() {
        writer.start_file(&name, SimpleFileOptions::default()).expect("a name is free");
        writer.write_all(&bytes).expect("the archive can be written");
        fs::write(folder.join(&name), bytes).expect("the file can be written");
    }
    writer.finish().expect("the archive can be written");

    let limits = ArchiveLimits::default();
    let mut group = criterion.benchmark_group("open");
    for (name, path) in [("archive of 20 files", &archive), ("folder of 20 files", &folder)] {
        let open = || Package::open(path, Platform::newest(), &limits).expect("it is there");
        assert!(open().findings.is_empty(), "{name}");
        group.bench_function(name, |bencher| bencher.iter(open));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = quick::criterion();
    targets = open
}
criterion_main!(benches);
