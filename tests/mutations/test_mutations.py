"""Bugs that the field has shipped, injected on purpose: each turns a test of ours red.

The numbers are those of the collection that genbench was built against. A mutation patches the real
function; its oracle is an ordinary test of the other folders, called as a function. Those of the
likelihoods, the rest are in ``field_bugs.py``; risks of our own making are in ``own_risks.py``:

    1   sign                             exact value under the true posterior
    2   K rounded to the chunk           draws and encodings are counted
    3   encoder rerun                    the same count
    4   grey pixels accepted             one grey pixel at the end is enough
    5   surrogate as a bound             enumerated expectation of the bound
    6   spread instead of error          standard error from the values per datum
    7   divided by the requested K       exact value under the true posterior, uneven chunks
    8   negative ELBO                    exact value; a degraded decoder
    9   weights of a loss                gradient by normalised weights; enumerated expectation
    15  last batch, survivors            n and mean over the full set; one bad datum
    16  training's factors in the bound  exact value under the true posterior
    17  step size adapts                 every weighted step is the pilot's
    18  scale from the test data         other test data, same scale: Parzen, assumed noise
    19  the wrong model's number         each model by itself; a degraded decoder
    26  one draw for all K               enumerated expectation of the bound
"""

import pytest

from tests.mutations.field_bugs import FIELD_BUGS
from tests.mutations.own_risks import OWN_RISKS

MUTATIONS = [*FIELD_BUGS, *OWN_RISKS]
OF_LIKELIHOODS = {*range(1, 10), *range(15, 20), 26}
RED = (AssertionError, pytest.fail.Exception)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: f"{m.number} {m.name}")
def test_mutation_turns_an_oracle_red(mutation, monkeypatch):
    mutation.oracle()
    mutation.inject(monkeypatch)
    with pytest.raises(RED):
        mutation.oracle()


def test_every_mutation_has_a_name_of_its_own():
    names = [mutation.name for mutation in MUTATIONS]
    assert len(set(names)) == len(names)


def test_every_bug_that_touches_a_likelihood_is_on_the_list():
    assert {str(number) for number in OF_LIKELIHOODS} <= {m.number for m in FIELD_BUGS}
