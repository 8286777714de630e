//! Hosts that share a bucket, sync by sync and without a clock.

use std::{fs, path::Path, sync::atomic::Ordering, time::Duration};

use super::{
    background::{BackgroundSync, SyncEvent, SyncScope},
    error::RemoteError,
    testing::{Bucket, BucketState, block_on, case, run},
};
use crate::corpus::{Corpus, read_case};

fn write(folder: &Path, calls: usize, fingerprint: Option<&str>) {
    Corpus::open(folder.join("Vault")).unwrap().write(&case(calls, fingerprint)).unwrap();
}

fn calls(folder: &Path, name: &str) -> usize {
    read_case(&folder.join(name)).unwrap().session.calls.len()
}

#[test]
fn what_one_host_finds_reaches_the_others_and_is_new_there_once() {
    let (bucket, one, two) = (Bucket::new(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ((mut first, _), (mut second, news)) = (bucket.host(one.path()), bucket.host(two.path()));
    write(one.path(), 2, Some("abc"));
    Corpus::open(one.path().join("Vault")).unwrap().seeds().write_beside(&case(1, None)).unwrap();
    run(&mut first).unwrap();
    run(&mut second).unwrap();
    let new = news.take_new();
    assert_eq!(new.len(), 2);
    assert!(new.contains(&two.path().join("Vault/abc.json")), "{new:?}");
    assert_eq!(calls(two.path(), "Vault/abc.json"), 2);
    assert_eq!(Corpus::open(two.path().join("Vault")).unwrap().seeds().read_all().unwrap().len(), 1);
    run(&mut second).unwrap();
    assert!(news.take_new().is_empty());
    assert_eq!(news.count().given, 0, "what came from the bucket is not sent back");
}

#[test]
fn the_smaller_case_of_a_finding_ends_on_every_host_whoever_is_first() {
    for order in [[3, 1], [1, 3]] {
        let (bucket, one, two) = (Bucket::new(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let ((mut first, _), (mut second, _)) = (bucket.host(one.path()), bucket.host(two.path()));
        write(one.path(), order[0], Some("abc"));
        write(two.path(), order[1], Some("abc"));
        run(&mut first).unwrap();
        run(&mut second).unwrap();
        run(&mut first).unwrap();
        assert_eq!([calls(one.path(), "Vault/abc.json"), calls(two.path(), "Vault/abc.json")], [1, 1]);
        assert_eq!(block_on(bucket.all()).len(), 1);
    }
}

#[test]
fn a_case_that_grew_smaller_later_is_exchanged_again() {
    let (bucket, one, two) = (Bucket::new(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ((mut first, _), (mut second, news)) = (bucket.host(one.path()), bucket.host(two.path()));
    write(one.path(), 3, Some("abc"));
    run(&mut first).unwrap();
    run(&mut second).unwrap();
    write(one.path(), 1, Some("abc"));
    run(&mut first).unwrap();
    run(&mut second).unwrap();
    assert_eq!(calls(two.path(), "Vault/abc.json"), 1);
    assert_eq!(news.take_new().len(), 2);
}

#[test]
fn a_bucket_without_conditions_serves_as_well() {
    let (bucket, one) = (Bucket::new(), tempfile::tempdir().unwrap());
    bucket.is(BucketState::Plain);
    let (mut sync, _) = bucket.host(one.path());
    write(one.path(), 3, Some("abc"));
    run(&mut sync).unwrap();
    write(one.path(), 1, Some("abc"));
    run(&mut sync).unwrap();
    assert_eq!(block_on(bucket.all()), [("Vault/abc.json".to_owned(), case(1, Some("abc")).to_file().into_bytes())]);
}

#[test]
fn nothing_is_lost_while_the_bucket_is_away_and_a_later_start_sends_it() {
    let (bucket, one) = (Bucket::new(), tempfile::tempdir().unwrap());
    let (mut sync, shared) = bucket.host(one.path());
    write(one.path(), 1, Some("abc"));
    bucket.is(BucketState::Away);
    assert!(matches!(run(&mut sync), Err(RemoteError::Unreachable { .. })));
    assert_eq!(shared.count().waiting, 1);
    // Killed here. The next start knows nothing but the folder.
    drop(sync);
    bucket.is(BucketState::Well);
    let (mut sync, shared) = bucket.host(one.path());
    run(&mut sync).unwrap();
    assert_eq!((shared.count().given, shared.count().waiting), (1, 0));
    assert_eq!(block_on(bucket.all()).len(), 1);
}

#[test]
fn a_step_that_is_broken_off_goes_on_from_there() {
    let (bucket, one) = (Bucket::new(), tempfile::tempdir().unwrap());
    for number in 0..40 {
        write(one.path(), 1, Some(&format!("abc{number}")));
    }
    let (mut sync, shared) = bucket.host(one.path());
    bucket.is(BucketState::Fails(1));
    assert!(run(&mut sync).is_err(), "the listing failed");
    run(&mut sync).unwrap();
    assert_eq!((block_on(bucket.all()).len(), shared.count().waiting), (40, 0));
    for number in 40..80 {
        write(one.path(), 1, Some(&format!("abc{number}")));
    }
    // The listing succeeds, and one of the objects fails.
    block_on(async {
        let half = sync.sync_once();
        let _ = tokio::time::timeout(Duration::ZERO, half).await;
    });
    run(&mut sync).unwrap();
    assert_eq!((block_on(bucket.all()).len(), shared.count().waiting), (80, 0));
}

#[test]
fn an_unchanged_corpus_costs_a_listing_and_seeds_are_known_by_name() {
    let (bucket, one) = (Bucket::new(), tempfile::tempdir().unwrap());
    let (mut sync, _) = bucket.host(one.path());
    write(one.path(), 1, None);
    write(one.path(), 2, None);
    run(&mut sync).unwrap();
    run(&mut sync).unwrap();
    let (mut later, _) = bucket.host(one.path());
    run(&mut later).unwrap();
    assert_eq!(bucket.gets.load(Ordering::Relaxed), 0);
}

#[test]
fn where_nothing_may_be_written_others_are_read_all_the_same() {
    let (bucket, one) = (Bucket::new(), tempfile::tempdir().unwrap());
    block_on(bucket.plant("Vault/def.json", case(1, Some("def")).to_json().as_bytes()));
    bucket.is(BucketState::RefusesWrites);
    let (mut sync, shared) = bucket.host(one.path());
    write(one.path(), 1, Some("abc"));
    let error = run(&mut sync).unwrap_err();
    assert!(!error.is_passing() && error.hint().is_some(), "{error}");
    assert_eq!(calls(one.path(), "Vault/def.json"), 1);
    assert_eq!(shared.count().waiting, 1);
}

#[test]
fn hostile_objects_are_skipped_counted_and_left_where_they_are() {
    let (bucket, one) = (Bucket::new(), tempfile::tempdir().unwrap());
    let large = vec![b' '; (8 << 20) + 1];
    let good = case(1, Some("abc")).to_json().into_bytes();
    block_on(async {
        bucket.plant("Vault/large.json", &large).await;
        bucket.plant("Vault/broken.json", b"{\"format\": 1}").await;
        bucket.plant("Vault/latin.json", b"\xff").await;
        bucket.plant("Vault/.hidden.json", &good).await;
        bucket.plant("Vault/run.sh", b"#!/bin/sh").await;
        bucket.plant("Vault/good.json", &good).await;
    });
    let (mut sync, shared) = bucket.host(one.path());
    run(&mut sync).unwrap();
    run(&mut sync).unwrap();
    let names: Vec<_> =
        fs::read_dir(one.path().join("Vault")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["good.json"]);
    assert_eq!((shared.count().taken, shared.count().skipped), (1, 5));
    assert_eq!(block_on(bucket.all()).len(), 6);
}

#[test]
fn a_finding_whose_name_is_taken_by_something_else_goes_beside_it() {
    let (bucket, one) = (Bucket::new(), tempfile::tempdir().unwrap());
    block_on(bucket.plant("Vault/abc.json", b"mine"));
    let (mut sync, shared) = bucket.host(one.path());
    write(one.path(), 1, Some("abc"));
    run(&mut sync).unwrap();
    let all = block_on(bucket.all());
    assert_eq!(all.len(), 2);
    assert!(all.contains(&("Vault/abc.json".into(), b"mine".to_vec())), "what is somebody's stays");
    assert!(
        all.iter()
            .any(|(name, bytes)| name.starts_with("Vault/abc-") && bytes == case(1, Some("abc")).to_file().as_bytes())
    );
    assert_eq!(calls(one.path(), "Vault/abc.json"), 1);
    assert_eq!(shared.count().waiting, 0);
}

#[test]
fn files_of_the_folder_that_are_no_cases_do_not_go_into_the_bucket() {
    let (bucket, one) = (Bucket::new(), tempfile::tempdir().unwrap());
    fs::create_dir(one.path().join("Vault")).unwrap();
    fs::write(one.path().join("Vault/notes.json"), "{}").unwrap();
    fs::write(one.path().join("Vault/secret.key"), "x").unwrap();
    let (mut sync, shared) = bucket.host(one.path());
    run(&mut sync).unwrap();
    assert!(block_on(bucket.all()).is_empty());
    assert_eq!(shared.count().waiting, 0);
}

/// Starts the thread on that bucket; what it tells comes out of the channel.
fn start(
    bucket: &std::sync::Arc<Bucket>,
    folder: &Path,
    scope: SyncScope,
) -> (BackgroundSync, std::sync::mpsc::Receiver<SyncEvent>) {
    let (tell, told) = std::sync::mpsc::channel();
    let (sync, shared) = bucket.host(folder);
    let never = Duration::from_secs(3600);
    let tell = move |news| tell.send(news).unwrap();
    (BackgroundSync::with_step(sync, shared, folder.to_owned(), scope, never, tell).unwrap(), told)
}

#[test]
fn a_campaign_begins_with_what_others_found_and_its_end_sends_its_own() {
    let (bucket, one) = (Bucket::new(), tempfile::tempdir().unwrap());
    block_on(bucket.plant("Vault/def.json", case(1, Some("def")).to_json().as_bytes()));
    block_on(bucket.plant("Other/ghi.json", case(1, Some("ghi")).to_json().as_bytes()));
    let (syncing, told) = start(&bucket, one.path(), SyncScope::Folder("Vault".into()));
    syncing.first(|| false).unwrap();
    assert!(one.path().join("Vault/def.json").exists() && !one.path().join("Other").exists());
    assert!(syncing.shared().take_new().is_empty(), "the campaign reads the folder itself");
    write(one.path(), 1, Some("abc"));
    let count = syncing.stop();
    assert_eq!((count.taken, count.given, count.waiting), (1, 1, 0));
    assert!(told.try_recv().is_err(), "a good night needs no words");
}

#[test]
fn a_corpus_without_a_folder_for_the_plugin_is_taken_whole_where_that_is_wanted() {
    let (bucket, one) = (Bucket::new(), tempfile::tempdir().unwrap());
    block_on(bucket.plant("def.json", case(1, Some("def")).to_json().as_bytes()));
    let (syncing, _told) = start(&bucket, one.path(), SyncScope::FolderOrAll("Vault".into()));
    syncing.first(|| false).unwrap();
    syncing.stop();
    assert!(one.path().join("def.json").exists());
}

#[test]
fn wrong_credentials_end_it_before_the_campaign_begins() {
    let (bucket, one) = (Bucket::new(), tempfile::tempdir().unwrap());
    bucket.is(BucketState::Refuses);
    let (syncing, told) = start(&bucket, one.path(), SyncScope::Folder("Vault".into()));
    let error = syncing.first(|| false).unwrap_err();
    assert_eq!(error.to_string(), "`s3://nights/corpus` refuses: AccessDenied");
    syncing.stop();
    assert!(told.try_recv().is_err(), "the error is the one time that it is told");
}

#[test]
fn a_bucket_that_is_away_at_first_is_told_and_used_when_it_is_back() {
    let (bucket, one) = (Bucket::new(), tempfile::tempdir().unwrap());
    bucket.is(BucketState::Away);
    let (syncing, told) = start(&bucket, one.path(), SyncScope::Folder("Vault".into()));
    syncing.first(|| false).unwrap();
    write(one.path(), 1, Some("abc"));
    bucket.is(BucketState::Well);
    assert_eq!(syncing.stop().waiting, 0);
    let told: Vec<_> = told.iter().collect();
    assert!(matches!(&told[..], [SyncEvent::Alone(RemoteError::Unreachable { .. }), SyncEvent::Back]), "{told:?}");
}

#[test]
fn a_bucket_that_never_answers_keeps_nobody_who_wants_to_stop() {
    let (bucket, one) = (Bucket::new(), tempfile::tempdir().unwrap());
    bucket.is(BucketState::Hangs);
    let (syncing, _told) = start(&bucket, one.path(), SyncScope::Folder("Vault".into()));
    syncing.first(|| true).unwrap();
    bucket.is(BucketState::Well);
    syncing.stop();
}
