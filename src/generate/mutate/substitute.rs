//! Input-to-state: where one side of a comparison came from the session, the other side is put there.

use crate::{
    case::{Session, Value},
    generate::{Comparison, Domain, contract_violation},
};

/// Sessions in which one operand of a comparison stands where the other came from, the likeliest first.
pub fn substitutions(domain: &Domain, session: &Session, comparisons: &[Comparison]) -> Vec<Session> {
    let mut found = Vec::new();
    for comparison in comparisons {
        for (old, new) in [(&comparison.left, &comparison.right), (&comparison.right, &comparison.left)] {
            let mut changed = session.clone();
            replace(&mut changed, old, new);
            if changed != *session && contract_violation(&changed, domain).is_none() {
                found.push(changed);
            }
        }
    }
    found
}

fn replace(session: &mut Session, old: &Value, new: &Value) {
    for (_, value) in session.calls.iter_mut().flat_map(|call| &mut call.arguments).filter(|(_, value)| value == old) {
        value.clone_from(new);
    }
}
