"""A claim, the file that it is held against, and what is concluded."""

from dataclasses import dataclass

from genbench.certify.coding.apart import Decoded
from genbench.certify.coding.coder import Coded, Images
from genbench.certify.coding.stored_claims import Claim
from genbench.certify.verdict import Verdict, fault, judge
from genbench.core.estimate import NotApplicableError
from genbench.core.units import nats_to_bits

SHARE = 0.01
"""By what part of the claim a file may be longer or shorter."""
DECODED, LENGTH = "decoded images", "length of the file"
"""The checks."""
EQUAL = "0 differ"
_HEAD_BITS = 48
"""What the coder adds to any number of images, at most."""
_N_ERRORS = 4
_WIDEST = 0.05


@dataclass(frozen=True)
class Subject:
    """A model of the suite with its images in a file.

    Attributes:
        name: The model and the claim, as tables of verdicts name them.
        images: The grey levels that were coded.
        coded: What the file holds.
        claim: The stored one.
    """

    name: str
    images: Images
    coded: Coded
    claim: Claim

    def verdicts(self, decoded: Decoded) -> list[Verdict]:
        """Return whether the images came back, and whether the file is as long as claimed."""
        return [self._came_back(decoded), self._length()]

    def _came_back(self, decoded: Decoded) -> Verdict:
        if isinstance(decoded, str):
            return fault(self.name, DECODED, EQUAL, decoded)
        n = self.images[0].size
        pairs = zip(_pieces(decoded, n), _pieces(self.images.tobytes(), n), strict=False)
        n_equal = sum(found == sent for found, sent in pairs)
        n_wrong = max(len(self.images), len(decoded) // n) - n_equal
        reason = f"{n_wrong} of {len(self.images)} images came back with other pixels"
        return judge(self.name, DECODED, "=", 0.0, float(n_wrong), 0.0, reason, EQUAL)

    @property
    def claimed(self) -> float:
        """Bits an image, by the claim."""
        return -nats_to_bits(self.claim.nats)

    @property
    def found(self) -> float:
        """Bits an image, by the file."""
        return self.coded.n_bits / self.coded.n_images

    @property
    def tolerance(self) -> float:
        """A hundredth of the claim; or what noise and the head of the coder are, if that is more.

        The latents that bits back draws are noise of four standard errors.
        """
        noise = _N_ERRORS * nats_to_bits(self.claim.draw_error)
        return max(SHARE * abs(self.claimed), noise + _HEAD_BITS / self.coded.n_images)

    def require_enough_images(self) -> None:
        """Refuse a comparison that could hardly fail.

        Raises:
            NotApplicableError: The tolerance is more than a twentieth of the length.
        """
        share = self.tolerance / max(self.claimed, self.found)
        if share > _WIDEST:
            n = self.coded.n_images
            raise NotApplicableError(f"with {n} images its file may differ by {share:.0%} anyway")

    def _length(self) -> Verdict:
        claimed, found, tolerance = self.claimed, self.found, self.tolerance
        longer = found > claimed
        reason = (
            f"the file is {abs(found - claimed):.3g} bits an image"
            f" {'longer' if longer else 'shorter'} than claimed: the claim"
            f" {'promises more than the model keeps' if longer else 'leaves out what it could say'}"
        )
        expected = f"{claimed:.4g} bits an image"
        return judge(self.name, LENGTH, "=", claimed, found, tolerance, reason, expected)


def _pieces(content: bytes, n: int) -> list[bytes]:
    return [content[start : start + n] for start in range(0, len(content), n)]
