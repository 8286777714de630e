//! Hosts that share a bucket in memory, without a clock.

use std::{fs, path::Path, sync::atomic::Ordering, time::Duration};

use super::{
    background_sync::{BackgroundSync, SyncEvent, SyncScope},
    error::RemoteError,
    testing::{BucketState, FakeBucket, block_on, sync_once},
};
use crate::corpus::{Corpus, read_case, testing::case};

fn write(folder: &Path, calls: usize, fingerprint: Option<&str>) {
    Corpus::open(folder.join("Vault")).unwrap().write(&case(calls, fingerprint)).unwrap();
}

fn calls(folder: &Path, name: &str) -> usize {
    read_case(&folder.join(name)).unwrap().session.calls.len()
}

#[test]
fn what_one_host_finds_reaches_the_others_and_is_new_there_once() {
    let (bucket, one, two) = (FakeBucket::new(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ((mut first, _), (mut second, shared)) = (bucket.host(one.path()), bucket.host(two.path()));
    write(one.path(), 2, Some("abc"));
    Corpus::open(one.path().join("Vault")).unwrap().seeds().write_beside(&case(1, None)).unwrap();
    sync_once(&mut first).unwrap();
    sync_once(&mut second).unwrap();
    let new = shared.take_new();
    assert_eq!(new.len(), 2);
    assert!(new.contains(&two.path().join("Vault/abc.json")), "{new:?}");
    assert_eq!(calls(two.path(), "Vault/abc.json"), 2);
    assert_eq!(Corpus::open(two.path().join("Vault")).unwrap().seeds().read_all().unwrap().len(), 1);
    sync_once(&mut second).unwrap();
    assert!(shared.take_new().is_empty());
    assert_eq!(shared.count().sent, 0, "what came from the bucket is not sent back");
}

#[test]
fn the_smaller_case_of_a_finding_reaches_every_host_in_any_order() {
    for order in [[3, 1], [1, 3]] {
        let (bucket, one, two) = (FakeBucket::new(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let ((mut first, _), (mut second, _)) = (bucket.host(one.path()), bucket.host(two.path()));
        write(one.path(), order[0], Some("abc"));
        write(two.path(), order[1], Some("abc"));
        sync_once(&mut first).unwrap();
        sync_once(&mut second).unwrap();
        sync_once(&mut first).unwrap();
        assert_eq!([calls(one.path(), "Vault/abc.json"), calls(two.path(), "Vault/abc.json")], [1, 1]);
        assert_eq!(block_on(bucket.all()).len(), 1);
    }
}

#[test]
fn a_case_that_became_smaller_is_exchanged_again() {
    let (bucket, one, two) = (FakeBucket::new(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ((mut first, _), (mut second, shared)) = (bucket.host(one.path()), bucket.host(two.path()));
    write(one.path(), 3, Some("abc"));
    sync_once(&mut first).unwrap();
    sync_once(&mut second).unwrap();
    write(one.path(), 1, Some("abc"));
    sync_once(&mut first).unwrap();
    sync_once(&mut second).unwrap();
    assert_eq!(calls(two.path(), "Vault/abc.json"), 1);
    assert_eq!(shared.take_new().len(), 2);
}

#[test]
fn a_bucket_without_conditional_writes_works_too() {
    let (bucket, one) = (FakeBucket::new(), tempfile::tempdir().unwrap());
    bucket.set(BucketState::Unconditional);
    let (mut host, _) = bucket.host(one.path());
    write(one.path(), 3, Some("abc"));
    sync_once(&mut host).unwrap();
    write(one.path(), 1, Some("abc"));
    sync_once(&mut host).unwrap();
    assert_eq!(block_on(bucket.all()), [("Vault/abc.json".to_owned(), case(1, Some("abc")).to_file().into_bytes())]);
}

#[test]
fn nothing_is_lost_while_the_bucket_is_unreachable_and_a_later_start_sends_it() {
    let (bucket, one) = (FakeBucket::new(), tempfile::tempdir().unwrap());
    let (mut host, shared) = bucket.host(one.path());
    write(one.path(), 1, Some("abc"));
    bucket.set(BucketState::Unreachable);
    assert!(matches!(sync_once(&mut host), Err(RemoteError::Unreachable { .. })));
    assert_eq!(shared.count().unsent, 1);
    // The process is killed here. The next start knows only the folder.
    drop(host);
    bucket.set(BucketState::Working);
    let (mut host, shared) = bucket.host(one.path());
    sync_once(&mut host).unwrap();
    assert_eq!((shared.count().sent, shared.count().unsent), (1, 0));
    assert_eq!(block_on(bucket.all()).len(), 1);
}

#[test]
fn an_aborted_synchronization_goes_on_later() {
    let (bucket, one) = (FakeBucket::new(), tempfile::tempdir().unwrap());
    for number in 0..40 {
        write(one.path(), 1, Some(&format!("abc{number}")));
    }
    let (mut host, shared) = bucket.host(one.path());
    bucket.set(BucketState::Fails(1));
    assert!(sync_once(&mut host).is_err(), "the listing failed");
    sync_once(&mut host).unwrap();
    assert_eq!((block_on(bucket.all()).len(), shared.count().unsent), (40, 0));
    for number in 40..80 {
        write(one.path(), 1, Some(&format!("abc{number}")));
    }
    // The listing succeeds, and one of the objects fails.
    block_on(async {
        let half = host.sync_once();
        let _ = tokio::time::timeout(Duration::ZERO, half).await;
    });
    sync_once(&mut host).unwrap();
    assert_eq!((block_on(bucket.all()).len(), shared.count().unsent), (80, 0));
}

#[test]
fn an_unchanged_corpus_costs_one_listing_and_no_seed_is_downloaded() {
    let (bucket, one) = (FakeBucket::new(), tempfile::tempdir().unwrap());
    let (mut host, _) = bucket.host(one.path());
    write(one.path(), 1, None);
    write(one.path(), 2, None);
    sync_once(&mut host).unwrap();
    sync_once(&mut host).unwrap();
    let (mut later, _) = bucket.host(one.path());
    sync_once(&mut later).unwrap();
    assert_eq!(bucket.gets.load(Ordering::Relaxed), 0);
}

#[test]
fn a_bucket_that_refuses_writes_is_read_nevertheless() {
    let (bucket, one) = (FakeBucket::new(), tempfile::tempdir().unwrap());
    block_on(bucket.plant("Vault/def.json", case(1, Some("def")).to_json().as_bytes()));
    bucket.set(BucketState::RefusesWrites);
    let (mut host, shared) = bucket.host(one.path());
    write(one.path(), 1, Some("abc"));
    let error = sync_once(&mut host).unwrap_err();
    assert!(!error.is_passing() && error.hint().is_some(), "{error}");
    assert_eq!(calls(one.path(), "Vault/def.json"), 1);
    assert_eq!(shared.count().unsent, 1);
}

#[test]
fn hostile_objects_are_skipped_counted_and_left_where_they_are() {
    let (bucket, one) = (FakeBucket::new(), tempfile::tempdir().unwrap());
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
    let (mut host, shared) = bucket.host(one.path());
    sync_once(&mut host).unwrap();
    sync_once(&mut host).unwrap();
    let names: Vec<_> =
        fs::read_dir(one.path().join("Vault")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["good.json"]);
    assert_eq!((shared.count().received, shared.count().skipped), (1, 5));
    assert_eq!(block_on(bucket.all()).len(), 6);
}

#[test]
fn a_finding_gets_another_name_if_its_own_belongs_to_another_object() {
    let (bucket, one) = (FakeBucket::new(), tempfile::tempdir().unwrap());
    block_on(bucket.plant("Vault/abc.json", b"mine"));
    let (mut host, shared) = bucket.host(one.path());
    write(one.path(), 1, Some("abc"));
    sync_once(&mut host).unwrap();
    let all = block_on(bucket.all());
    assert_eq!(all.len(), 2);
    assert!(all.contains(&("Vault/abc.json".into(), b"mine".to_vec())), "the other object stays");
    assert!(
        all.iter()
            .any(|(name, bytes)| name.starts_with("Vault/abc-") && bytes == case(1, Some("abc")).to_file().as_bytes())
    );
    assert_eq!(calls(one.path(), "Vault/abc.json"), 1);
    assert_eq!(shared.count().unsent, 0);
}

#[test]
fn files_of_the_folder_that_are_not_cases_are_not_uploaded() {
    let (bucket, one) = (FakeBucket::new(), tempfile::tempdir().unwrap());
    fs::create_dir(one.path().join("Vault")).unwrap();
    fs::write(one.path().join("Vault/notes.json"), "{}").unwrap();
    fs::write(one.path().join("Vault/secret.key"), "x").unwrap();
    let (mut host, shared) = bucket.host(one.path());
    sync_once(&mut host).unwrap();
    assert!(block_on(bucket.all()).is_empty());
    assert_eq!(shared.count().unsent, 0);
}

/// Starts the thread. Its events come out of the channel.
fn start(
    bucket: &std::sync::Arc<FakeBucket>,
    folder: &Path,
    scope: SyncScope,
) -> (BackgroundSync, std::sync::mpsc::Receiver<SyncEvent>) {
    let (send, events) = std::sync::mpsc::channel();
    let (host, shared) = bucket.host(folder);
    let never = Duration::from_secs(3600);
    let listen = move |event| send.send(event).unwrap();
    (BackgroundSync::with_synchronizer(host, shared, folder.to_owned(), scope, never, listen).unwrap(), events)
}

#[test]
fn a_run_begins_with_the_cases_of_others_and_its_end_sends_its_own() {
    let (bucket, one) = (FakeBucket::new(), tempfile::tempdir().unwrap());
    block_on(bucket.plant("Vault/def.json", case(1, Some("def")).to_json().as_bytes()));
    block_on(bucket.plant("Other/ghi.json", case(1, Some("ghi")).to_json().as_bytes()));
    let (background, events) = start(&bucket, one.path(), SyncScope::Folder("Vault".into()));
    background.first(|| false).unwrap();
    assert!(one.path().join("Vault/def.json").exists() && !one.path().join("Other").exists());
    assert!(background.shared().take_new().is_empty(), "the run reads the folder itself");
    write(one.path(), 1, Some("abc"));
    let count = background.stop();
    assert_eq!((count.received, count.sent, count.unsent), (1, 1, 0));
    assert!(events.try_recv().is_err(), "there is no event if all goes well");
}

#[test]
fn a_corpus_without_a_folder_for_the_plugin_can_be_synchronized_as_a_whole() {
    let (bucket, one) = (FakeBucket::new(), tempfile::tempdir().unwrap());
    block_on(bucket.plant("def.json", case(1, Some("def")).to_json().as_bytes()));
    let (background, _events) = start(&bucket, one.path(), SyncScope::FolderOrAll("Vault".into()));
    background.first(|| false).unwrap();
    background.stop();
    assert!(one.path().join("def.json").exists());
}

#[test]
fn wrong_credentials_are_an_error_before_the_run_begins() {
    let (bucket, one) = (FakeBucket::new(), tempfile::tempdir().unwrap());
    bucket.set(BucketState::Refuses);
    let (background, events) = start(&bucket, one.path(), SyncScope::Folder("Vault".into()));
    let error = background.first(|| false).unwrap_err();
    assert_eq!(error.to_string(), "`s3://nights/corpus` refuses: AccessDenied");
    background.stop();
    assert!(events.try_recv().is_err(), "the error is reported once");
}

#[test]
fn a_bucket_that_is_unreachable_at_first_is_used_when_it_is_back() {
    let (bucket, one) = (FakeBucket::new(), tempfile::tempdir().unwrap());
    bucket.set(BucketState::Unreachable);
    let (background, events) = start(&bucket, one.path(), SyncScope::Folder("Vault".into()));
    background.first(|| false).unwrap();
    write(one.path(), 1, Some("abc"));
    bucket.set(BucketState::Working);
    assert_eq!(background.stop().unsent, 0);
    let events: Vec<_> = events.iter().collect();
    assert!(matches!(&events[..], [SyncEvent::Alone(RemoteError::Unreachable { .. }), SyncEvent::Back]), "{events:?}");
}

#[test]
fn a_bucket_that_never_answers_does_not_delay_a_stop() {
    let (bucket, one) = (FakeBucket::new(), tempfile::tempdir().unwrap());
    bucket.set(BucketState::Hangs);
    let (background, _events) = start(&bucket, one.path(), SyncScope::Folder("Vault".into()));
    background.first(|| true).unwrap();
    bucket.set(BucketState::Working);
    background.stop();
}
