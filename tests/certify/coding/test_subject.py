"""Verdicts on a file: what came back, and how long it is."""

import math

import numpy as np
import pytest

from genbench.certify.coding.coder import Coded
from genbench.certify.coding.stored_claims import Claim
from genbench.certify.coding.subject import Subject
from genbench.core.estimate import NotApplicableError

N = 1_000
IMAGES = np.arange(N * 4, dtype=np.uint8).reshape(N, 1, 2, 2)
SENT = IMAGES.tobytes()


def subject(bits_claimed, bits_found, draw_error=0.0, n_initial=0):
    n_bytes = round(bits_found * N / 8) + 2 * n_initial
    coded = Coded("bits back", False, 256, N, n_initial, bytes(n_bytes))
    claim = Claim("bound", -bits_claimed * math.log(2), draw_error * math.log(2))
    return Subject("vae: bound", IMAGES, coded, claim)


def verdicts(*args, decoded=SENT, **kwargs):
    return subject(*args, **kwargs).verdicts(decoded)


@pytest.mark.parametrize(
    ("claimed", "found", "verdict"),
    [(20, 20.04, "pass"), (20, 20.24, "fail"), (20, 19.84, "pass"), (20, 19.76, "fail")],
)
def test_a_file_may_differ_by_a_hundredth_of_the_claim(claimed, found, verdict):
    _, length = verdicts(claimed, found)
    assert (length.verdict, length.tolerance) == (verdict, pytest.approx(0.2))
    assert length.found == pytest.approx(found)
    assert length.expected == "20 bits an image"


def test_the_reason_says_which_side_is_wrong():
    longer, shorter = verdicts(20, 24)[1].reason, verdicts(20, 16)[1].reason
    assert longer.startswith("the file is 4 bits an image longer than claimed: the claim promises")
    assert shorter.startswith("the file is 4 bits an image shorter than claimed: the claim leaves")


def test_more_bits_than_pixels_claimed_to_be_certain_fail():
    assert verdicts(-3, 5)[1].verdict == "fail"


def test_initial_bits_are_no_part_of_the_length():
    assert verdicts(20, 20.04, n_initial=500)[1].found == pytest.approx(20.04)


def test_four_errors_of_the_draws_are_allowed():
    assert verdicts(20, 20.4, draw_error=0.1)[1].verdict == "pass"
    assert verdicts(20, 20.48, draw_error=0.1)[1].verdict == "fail"


def test_images_that_came_back_are_compared_byte_by_byte():
    changed = bytearray(SENT)
    changed[5] ^= 1
    changed[7] ^= 1
    for decoded, n_wrong in ((SENT, 0), (bytes(changed), 1), (b"", N), (SENT[:4], N - 1)):
        came_back, _ = verdicts(20, 20, decoded=decoded)
        assert came_back.found == n_wrong
        assert came_back.verdict == ("fail" if n_wrong else "pass")


def test_what_could_not_be_decoded_fails_with_the_reason():
    came_back, _ = verdicts(20, 20, decoded="the code ends before the last image")
    assert (came_back.verdict, came_back.reason) == ("fail", "the code ends before the last image")
    assert math.isnan(came_back.found)


def test_a_comparison_that_could_hardly_fail_is_refused():
    subject(1.0, 1.0).require_enough_images()
    subject(0.0, 1.0).require_enough_images()
    subject(1.0, 0.1).require_enough_images()
    with pytest.raises(NotApplicableError, match="with 1000 images its file may differ by 10%"):
        subject(0.48, 0.48).require_enough_images()
