//! A proptest strategy for sessions, over the bytes that they are made from: proptest shrinks by removing and lowering
//! bytes, and every session on the way keeps the contract.

use arbitrary::Unstructured;
use proptest::{collection::vec, num::u8, strategy::Strategy};

use crate::{
    case::Session,
    generate::{Domain, session, session::SESSION_BYTES},
};

/// Sessions of `domain`, as [`session()`] makes them, for property-based tests of your own: of a platform's runtime, a
/// plugin, or a tool that reads cases. No bytes give a plain session, so a failure shrinks towards one.
///
/// ```
/// use hookstorm::{
///     contract::{Hook, Platform, PluginType},
///     generate::{Domain, strategy},
///     trace::PluginTokens,
/// };
/// use proptest::{strategy::{Strategy, ValueTree}, test_runner::TestRunner};
///
/// let domain = Domain::new(PluginType::Aa, Platform::newest(), Hook::ALL.to_vec(), PluginTokens::default());
/// let session = strategy(domain).new_tree(&mut TestRunner::deterministic()).unwrap().current();
/// assert_eq!(session.calls[0].hook, Hook::Authenticate);
/// ```
pub fn strategy(domain: Domain) -> impl Strategy<Value = Session> {
    vec(u8::ANY, 0..=SESSION_BYTES)
        .prop_map(move |bytes| session(&mut Unstructured::new(&bytes), &domain).expect("`session` returns no error"))
}

#[cfg(test)]
mod tests {
    use proptest::{
        strategy::ValueTree,
        test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
    };

    use super::*;
    use crate::{
        contract::{Hook, Platform, PluginType},
        generate::contract_violation,
        trace::PluginTokens,
    };

    #[test]
    fn sessions_of_the_strategy_keep_the_contract_while_they_shrink() {
        let domain = Domain::new(PluginType::Aa, Platform::newest(), Hook::ALL.to_vec(), PluginTokens::default());
        let strategy = strategy(domain.clone());
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        for _ in 0..20 {
            let mut tree = strategy.new_tree(&mut runner).unwrap();
            for step in 0..50 {
                assert_eq!(contract_violation(&tree.current(), &domain), None);
                let moved = if step % 3 == 0 { tree.complicate() } else { tree.simplify() };
                if !moved {
                    break;
                }
            }
        }
    }
}
