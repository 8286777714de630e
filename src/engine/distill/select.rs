//! Selects the cases that stay for what they run.

use std::collections::HashMap;

use super::{
    cases::{CLASSES, Cases, RemovalReason, Verdict},
    observe::{CaseCoverage, Observed},
    set_cover::{Candidate, small_cover},
};

/// Removes the cases whose coverage the others have. `order` is the order of preference.
pub(super) fn remove_covered(cases: Cases<'_>, order: &[usize], coverage: &[CaseCoverage], verdicts: &mut [Verdict]) {
    // Each thing to cover has a number, for each class of cases that ran it.
    let mut numbers: HashMap<(usize, usize, Observed), usize> = HashMap::new();
    for &index in order {
        let Some((setup, things)) = &coverage[index] else { continue };
        for thing in things {
            let number = numbers.len();
            numbers.entry((cases.class(index), *setup, *thing)).or_insert(number);
        }
    }
    let candidate = |&index: &usize| {
        let class = cases.class(index);
        let mut candidate = Candidate { is_fixed: verdicts[index] == Verdict::Stays, covers: Vec::new() };
        if let Some((setup, things)) = &coverage[index] {
            for covered in (0..CLASSES).filter(|covered| class & covered == class) {
                let number = |thing: &Observed| numbers.get(&(covered, *setup, *thing)).copied();
                candidate.covers.extend(things.iter().filter_map(number));
            }
        }
        candidate
    };
    let candidates: Vec<Candidate> = order.iter().map(candidate).collect();
    let stays = small_cover(&candidates, numbers.len());
    for (&index, stays) in order.iter().zip(stays) {
        if !stays && coverage[index].is_some() && verdicts[index] == Verdict::IfNeeded {
            verdicts[index] = Verdict::Removed(RemovalReason::NothingNew);
        }
    }
}
