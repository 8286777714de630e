//! [`GrowthWatch`]: finds memory, descriptors, threads or files that grow with the number of calls. A long run is for
//! that.
//!
//! Growth is not the same as warming up or going up and down. The first tenth of the calls is left out, and the rest is
//! cut into five parts. From each part's median to the next there must be growth, by a share of the mean growth: a
//! cache that fills up grows less and less, and one jump affects two parts at most. The whole growth must be large
//! enough to matter. At most 256 samples are kept for any length of the run. If there were more, every second one is
//! dropped, and from then on only every second one is kept.

use super::{
    measured::Growth,
    numbers::{median, rounded},
};

/// How many samples are kept at most.
const SAMPLES: usize = 256;

/// With fewer samples, two for each part, nothing is concluded.
const SAMPLES_LEAST: usize = 2 * PARTS;

/// This part of the calls is left out as warming up.
const WARM_UP: f64 = 0.1;

/// The rest is cut into this number of parts.
const PARTS: usize = 5;

/// From each part to the next there must be this share of the mean growth.
const STEADY: f64 = 0.25;

/// Resources after a number of calls; `None` if unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResourceSample {
    /// Calls that had ended.
    pub calls: u64,
    /// Memory of the plugin's processes.
    pub memory_bytes: Option<u64>,
    /// Open descriptors.
    pub descriptors: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Files in the scratch folder.
    pub files: Option<u64>,
}

/// The samples of one run, in the order of its calls.
#[derive(Clone, Debug)]
pub struct GrowthWatch {
    samples: Vec<ResourceSample>,
    /// One of this many samples is kept.
    stride: u64,
    seen: u64,
    /// The latest sample, kept or not, because the end of the run matters.
    last: Option<ResourceSample>,
}

/// A resource that may grow.
struct GrowthKind {
    name: &'static str,
    of: fn(&ResourceSample) -> Option<u64>,
    /// Less growth than this in all is not reported.
    floor: f64,
    /// Less growth than this for each call is not reported.
    floor_per_call: f64,
}

const GROWTH_KINDS: [GrowthKind; 4] = [
    GrowthKind { name: "memory", of: |sample| sample.memory_bytes, floor: (4u64 << 20) as f64, floor_per_call: 64.0 },
    GrowthKind { name: "descriptors", of: |sample| sample.descriptors, floor: 8.0, floor_per_call: 0.01 },
    GrowthKind { name: "threads", of: |sample| sample.threads, floor: 8.0, floor_per_call: 0.01 },
    GrowthKind { name: "files", of: |sample| sample.files, floor: 8.0, floor_per_call: 0.01 },
];

impl Default for GrowthWatch {
    fn default() -> Self {
        Self::new()
    }
}

impl GrowthWatch {
    /// Without samples.
    pub fn new() -> Self {
        Self { samples: Vec::with_capacity(SAMPLES), stride: 1, seen: 0, last: None }
    }

    /// Adds a sample. One with fewer calls than the one before belongs to another run, and is left out.
    pub fn sample(&mut self, sample: ResourceSample) {
        if self.last.is_some_and(|last| last.calls > sample.calls) {
            return;
        }
        self.last = Some(sample);
        if self.seen.is_multiple_of(self.stride) {
            if self.samples.len() == SAMPLES {
                let mut nth = 0;
                self.samples.retain(|_| {
                    nth += 1;
                    nth % 2 == 1
                });
                self.stride *= 2;
            }
            if self.seen.is_multiple_of(self.stride) {
                self.samples.push(sample);
            }
        }
        self.seen += 1;
    }

    /// The resources that grow, by all samples so far.
    pub fn growth(&self) -> Vec<Growth> {
        GROWTH_KINDS.iter().filter_map(|kind| self.growth_of(kind)).collect()
    }

    fn growth_of(&self, kind: &GrowthKind) -> Option<Growth> {
        let unkept = self.last.filter(|last| self.samples.last().is_some_and(|kept| kept != last));
        let samples = self.samples.iter().chain(&unkept);
        let all: Vec<_> = samples.filter_map(|sample| Some((sample.calls as f64, (kind.of)(sample)? as f64))).collect();
        let (begin, end) = (all.first()?.0, all.last()?.0);
        let warm = begin + WARM_UP * (end - begin);
        let points: Vec<_> = all.into_iter().filter(|(calls, _)| *calls >= warm).collect();
        if points.len() < SAMPLES_LEAST || end <= warm {
            return None;
        }
        let medians = medians(&points);
        let slope = |one: (f64, f64), other: (f64, f64)| (other.1 - one.1) / (other.0 - one.0).max(1.0);
        let per_call = slope(medians[0], medians[PARTS - 1]);
        let is_steady = medians.windows(2).all(|two| slope(two[0], two[1]) >= STEADY * per_call);
        // The medians are closer to each other than the ends are, so the slope is extended to the ends.
        let grown = per_call * (end - warm);
        let is_growth = is_steady && grown >= kind.floor && per_call >= kind.floor_per_call;
        let (from, to) = (points.first()?.1, points.last()?.1);
        is_growth.then(|| Growth {
            what: kind.name.to_owned(),
            per_call: rounded(per_call),
            from,
            to,
            calls: (end - warm) as u64,
        })
    }
}

/// The median of each part of `points`, for both coordinates.
fn medians(points: &[(f64, f64)]) -> [(f64, f64); PARTS] {
    std::array::from_fn(|nth| {
        let part = &points[nth * points.len() / PARTS..(nth + 1) * points.len() / PARTS];
        let median_of = |of: fn(&(f64, f64)) -> f64| median(&part.iter().map(of).collect::<Vec<_>>());
        (median_of(|point| point.0), median_of(|point| point.1))
    })
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::{
        Xoshiro256PlusPlus,
        rand_core::{Rng, SeedableRng},
    };

    use super::*;

    const MB: f64 = (1u64 << 20) as f64;

    /// The growth in a run of so many samples, one after each 100 calls, with the memory that `memory` returns for the
    /// calls.
    fn memory(samples: u64, mut memory: impl FnMut(f64) -> f64) -> Vec<Growth> {
        let mut watch = GrowthWatch::new();
        for nth in 0..samples {
            let calls = nth * 100;
            watch.sample(ResourceSample {
                calls,
                memory_bytes: Some(memory(calls as f64) as u64),
                ..ResourceSample::default()
            });
        }
        watch.growth()
    }

    fn noise(seed: u64) -> impl FnMut() -> f64 {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        move || random.next_u64() as f64 / u64::MAX as f64 - 0.5
    }

    #[test]
    fn memory_that_grows_with_each_call_is_reported_with_its_slope() {
        for samples in [30, 1000, 50_000] {
            let mut noise = noise(samples);
            let growth = memory(samples, |calls| 30.0 * MB + 5_000.0 * calls + MB * noise());
            let [growth] = growth.as_slice() else { panic!("{samples}: {growth:?}") };
            assert_eq!(growth.what, "memory");
            assert!((growth.per_call - 5_000.0).abs() < 600.0, "{growth:?}");
            assert!(growth.to > growth.from && growth.calls > samples * 85, "{growth:?}");
        }
    }

    #[test]
    fn growth_that_accelerates_or_comes_in_steps_is_growth_too() {
        assert_eq!(memory(1000, |calls| 30.0 * MB + 50.0 * MB * (calls / 100_000.0).powi(2)).len(), 1);
        assert_eq!(memory(1000, |calls| 30.0 * MB + 2.0 * MB * (calls / 5_000.0).floor()).len(), 1);
    }

    #[test]
    fn a_cache_that_fills_up_is_no_growth() {
        for full in [0.02, 0.08, 0.2, 0.5] {
            let growth = memory(1000, |calls| 30.0 * MB + 80.0 * MB * (calls / (full * 100_000.0)).min(1.0));
            assert_eq!(growth, [], "full after {full} of the run");
        }
        let growth = memory(1000, |calls| 30.0 * MB + 80.0 * MB * (1.0 - (-calls / 15_000.0).exp()));
        assert_eq!(growth, [], "a cache that fills ever more slowly");
    }

    #[test]
    fn going_up_and_down_is_no_growth() {
        for seed in 0..200 {
            let mut noise = noise(seed);
            assert_eq!(memory(300, |_| 60.0 * MB + 6.0 * MB * noise()), [], "{seed}");
        }
        assert_eq!(memory(1000, |calls| 60.0 * MB + 20.0 * MB * ((calls / 5_000.0) % 1.0)), [], "a saw");
        assert_eq!(memory(1000, |calls| 90.0 * MB - 500.0 * calls), [], "what shrinks");
    }

    #[test]
    fn one_jump_is_no_growth_at_any_place() {
        let mut noise = noise(3);
        for percent in 0..100 {
            // Not from one call to the next, but in a twentieth of the run.
            let done = |calls: f64| ((calls - f64::from(percent) * 1000.0) / 5_000.0).clamp(0.0, 1.0);
            let growth = memory(1000, |calls| 30.0 * MB + 60.0 * MB * done(calls) + 0.1 * MB * noise());
            assert_eq!(growth, [], "a jump after {percent} % of the calls");
        }
    }

    #[test]
    fn a_little_growth_is_not_reported() {
        assert_eq!(
            memory(1000, |calls| 30.0 * MB + 40.0 * calls),
            [],
            "40 bytes a call are not, even if they are 4 MB"
        );
        assert_eq!(memory(100, |calls| 30.0 * MB + 300.0 * calls), [], "3 MB in all are not");
    }

    #[test]
    fn descriptors_threads_and_files_are_watched_separately() {
        let mut watch = GrowthWatch::new();
        for nth in 0..500 {
            watch.sample(ResourceSample {
                calls: nth * 10,
                memory_bytes: None,
                descriptors: Some(12 + nth / 5),
                threads: Some(1 + nth % 3),
                files: (nth % 2 == 0).then_some(nth * 10),
            });
        }
        let growth = watch.growth();
        let found: Vec<_> = growth.iter().map(|growth| growth.what.as_str()).collect();
        assert_eq!(found, ["descriptors", "files"]);
        assert!((growth[0].per_call - 0.02).abs() < 0.001 && (growth[1].per_call - 1.0).abs() < 0.01);
    }

    #[test]
    fn from_a_few_samples_nothing_is_concluded() {
        assert_eq!(memory(0, |_| 0.0), []);
        assert_eq!(memory(8, |calls| MB * calls), []);
        let mut watch = GrowthWatch::new();
        (0..100).for_each(|nth| {
            watch.sample(ResourceSample { calls: 7, memory_bytes: Some(nth << 20), ..ResourceSample::default() })
        });
        assert_eq!(watch.growth(), [], "there was no call meanwhile");
    }

    #[test]
    fn samples_are_thinned_evenly_and_stay_few() {
        let mut watch = GrowthWatch::new();
        for calls in 0..1_000_000 {
            watch.sample(ResourceSample { calls, ..ResourceSample::default() });
            assert!(watch.samples.len() <= SAMPLES);
        }
        let steps: Vec<_> = watch.samples.windows(2).map(|two| two[1].calls - two[0].calls).collect();
        assert!(steps.iter().all(|step| *step == watch.stride), "{steps:?}");
        assert!(watch.samples.len() > SAMPLES / 3 && watch.samples[0].calls == 0);
        watch.sample(ResourceSample::default());
        assert_eq!(watch.last.map(|last| last.calls), Some(999_999), "a sample of another run is left out");
    }
}
