"""Looks for a planted defect with Hypothesis: `test_with_hypothesis.py PLUGIN RULE HOOK SEED SECONDS`. RULE `none` is
found nowhere, and counts calls until time is up.

A strategy for each kind of value, drawn as the session goes on, since answers depend on what was asked. Hypothesis takes
the constants of the plugin's code into its texts and numbers by itself. No database, no deadline, no limit but time.
"""
import functools
import sys

from hypothesis import HealthCheck, Phase, given, seed, settings, strategies as st

import test_sessions

@functools.lru_cache(None)
def text_or_one_of(pool):
    return st.one_of(st.text(), st.sampled_from(pool))


@functools.lru_cache(None)
def one_of(pool):
    return st.sampled_from(pool)


@functools.lru_cache(None)
def numbers(low, high):
    return st.integers(low, high)


@functools.lru_cache(None)
def yes_or_no(probability):
    # Hypothesis has no weighted choice of its own; one in so many, as its documentation advises.
    return st.integers(0, 19).map(lambda number: number < 20 * probability)


class Source:
    """Choices by Hypothesis's strategies."""

    def __init__(self, data):
        self.draw = data.draw

    def yes(self, probability):
        return self.draw(yes_or_no(probability))

    def number(self, low, high):
        return self.draw(numbers(low, high))

    def item(self, pool):
        return self.draw(one_of(pool))

    def text(self, pool):
        return self.draw(text_or_one_of(pool))


def main():
    folder, rule, hook, number, seconds = sys.argv[1:]
    hunt = test_sessions.Hunt(test_sessions.Tested(folder), rule, hook, float(seconds))

    def sessions(data):
        hunt.one(Source(data))

    unlimited = settings(
        max_examples=10**9,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    # Hypothesis ends by itself where it believes to have seen everything; then it begins anew.
    run = int(number) * 1000
    while True:
        seed(run)(unlimited(given(st.data())(sessions)))()
        run += 1


if __name__ == "__main__":
    main()
