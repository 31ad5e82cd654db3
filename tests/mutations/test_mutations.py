"""Bugs that the field has shipped, injected on purpose: each turns a test of ours red.

``bugs.py`` lists the collection that genbench was built against, by number; a mutation patches the
real function, and its oracle is an ordinary test of the other folders, called as a function.
Mutations of likelihoods and samples are in ``field_bugs.py``, those of the gallery of impossible
likelihoods in ``likelihood_bugs.py``, those of storage, training, gates and clocks in
``system_bugs.py``, those of published measures of samples in ``sample_bugs.py``, risks of our own
making in ``own_risks.py`` and ``density_risks.py``. The whole table, number, mutation and oracle,
is printed by ``python -m tests.mutations``.
"""

import pytest

from genbench.certify.gallery.bugs import BUGS as GALLERY
from tests.mutations.bugs import BUGS
from tests.mutations.likelihood_bugs import LIKELIHOOD_BUGS
from tests.mutations.mutation import Mutation
from tests.mutations.walk import MUTATIONS, OF_THE_COLLECTION, caught, oracle_name, turns_red


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: f"{m.number} {m.name}")
def test_mutation_turns_an_oracle_red(mutation, monkeypatch):
    assert turns_red(mutation, monkeypatch)


def test_every_bug_of_the_collection_is_injected():
    assert {m.number for m in OF_THE_COLLECTION} == {str(number) for number in BUGS}
    assert list(BUGS) == list(range(1, 50))


def test_every_mutation_has_a_name_of_its_own():
    names = [mutation.name for mutation in MUTATIONS]
    assert len(set(names)) == len(names)


def test_every_oracle_is_named_in_the_table():
    assert all(len(oracle_name(mutation)) > 4 for mutation in MUTATIONS)


def test_a_bug_that_no_oracle_sees_is_not_counted(monkeypatch):
    blind = Mutation("7", "blind", lambda patch: None, lambda: None)
    assert not turns_red(blind, monkeypatch)
    seen = Mutation("8", "seen", lambda patch: None, lambda: None)
    assert caught([(blind, False), (blind, True), (seen, True)]) == {8}


def test_the_whole_gallery_of_impossible_likelihoods_is_injected():
    assert len(LIKELIHOOD_BUGS) == len(GALLERY) == 12
