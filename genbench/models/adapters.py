"""Adapters that add what a model lacks for a likelihood, under a stated assumption.

An autoencoder gets a prior fitted to its codes; a generator gets Gaussian noise around its images.
The base model is kept as ``base``, in eval mode; fitted parameters are buffers, so they are stored.
"""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, MixtureSameFamily, MultivariateNormal

from genbench.core.capabilities import Autoencodes, Decodes, Encodes, HasPrior, missing
from genbench.core.tensors import device_of, float_dtype, independent_normal
from genbench.models.fitted import FittedModule
from genbench.models.mixtures import fit_mixture

PriorKind = Literal["gaussian", "mixture"]
JITTER = 1e-6
"""Added to each variance of a fitted prior."""


class _Adapter(FittedModule):
    """Wraps a trained base model, which stays in eval mode, batch statistics included."""

    def __init__(self, base: nn.Module) -> None:
        super().__init__()
        self.base: Any = base
        base.eval()

    def train(self, mode: bool = True) -> "_Adapter":
        """Set the mode of the adapter; the base stays in eval mode."""
        super().train(mode)
        self.base.eval()
        return self

    def prior(self) -> Distribution:
        """Return the base's p(z): batch (), event (D,)."""
        p: Distribution = self.base.prior()
        return p

    def decode(self, z: Tensor) -> Tensor:
        """Return the base's image of each code; any leading dimensions."""
        image: Tensor = self.base.decode(z)
        return image

    def sample(self, n: int) -> Tensor:
        """Return the images of n draws from the prior, without noise."""
        return self.decode(self.prior().sample(torch.Size((n,))))


def _like(model: nn.Module) -> dict[str, Any]:
    """Return dtype and device of the base's weights."""
    dtype = float_dtype(model, torch.get_default_dtype())
    return {"dtype": dtype, "device": device_of(model, torch.device("cpu"))}


class WithFittedPrior(_Adapter):
    """An autoencoder with p(z) fitted to the codes of training data.

    ``gaussian`` is one normal with a full covariance; ``mixture`` has ``n_components`` of them.
    Both are fitted by maximum likelihood, with ``JITTER`` added to each variance. The prior
    describes the codes; the autoencoder was trained without it and still has no density of images.

    References:
        Ghosh et al. 2020, section 4, for the fit after training.
    """

    def __init__(
        self,
        model: nn.Module,
        kind: PriorKind = "gaussian",
        n_components: int = 10,
    ) -> None:
        if lacking := missing(model, Autoencodes):
            names = ", ".join(lacking)
            raise ValueError(f"a prior is fitted to codes, but the model has no {names}")
        super().__init__(model)
        self.kind = kind
        self.n_components = 1 if kind == "gaussian" else n_components
        like = torch.empty(0, **_like(model))
        self.weights = nn.Buffer(like.new_empty(0))  # (M,)
        self.means = nn.Buffer(like.new_empty(0, 0))  # (M, D)
        self.scale_tril = nn.Buffer(like.new_empty(0, 0, 0))  # (M, D, D)

    def fit(self, codes: Tensor, seed: int = 0) -> None:
        """Fit the prior to training codes (N, D); ``seed`` initialises the mixture."""
        weights, means, covariances = fit_mixture(codes, self.n_components, "full", JITTER, seed)
        self.put(weights=weights, means=means, scale_tril=torch.linalg.cholesky(covariances))

    def prior(self) -> Distribution:
        """Return p(z): batch (), event (D,); its log density is differentiable in z.

        Raises:
            ValueError: ``fit`` was not called and no fit was loaded.
        """
        if not len(self.weights):
            raise ValueError("the prior is not fitted yet: call fit(codes) first")
        if len(self.weights) == 1:
            return MultivariateNormal(
                self.means[0], scale_tril=self.scale_tril[0], validate_args=False
            )
        return MixtureSameFamily(
            Categorical(probs=self.weights, validate_args=False),
            MultivariateNormal(self.means, scale_tril=self.scale_tril, validate_args=False),
            validate_args=False,
        )

    def encode(self, x: Tensor) -> Tensor:
        """Return the base's code (B, D)."""
        code: Tensor = self.base.encode(x)
        return code


class WithObservationNoise(_Adapter):
    """A generator with p(x given z) = N(x; decode(z), scale^2 I): an assumption, not a fact.

    Its likelihood is that of the noisy images and depends on ``scale``, which must be stated with
    every number. Use :func:`with_observation_noise`, which keeps the base's encoder.

    References:
        Wu, Burda, Salakhutdinov, Grosse 2017, section 3.
    """

    def __init__(self, model: nn.Module, scale: float, image_shape: Sequence[int]) -> None:
        if lacking := missing(model, HasPrior) + missing(model, Decodes):
            raise ValueError(f"noise is added to a generator, but the model has no {lacking[0]}")
        if not scale > 0:
            raise ValueError(f"scale must be positive, not {scale}")
        super().__init__(model)
        self.image_shape = tuple(image_shape)
        self.scale = nn.Buffer(torch.tensor(scale, **_like(model)))

    def observation_model(self, z: Tensor) -> Distribution:
        """Return N(decode(z), scale^2 I): batch = leading dimensions of z, event (C, H, W)."""
        mean = self.decode(z).reshape(*z.shape[:-1], *self.image_shape)
        return independent_normal(mean, self.scale.expand_as(mean), len(self.image_shape))


class EncodingWithObservationNoise(WithObservationNoise):
    """The same for a base that has an encoder."""

    def encode(self, x: Tensor) -> Tensor:
        """Return the base's code (B, D)."""
        code: Tensor = self.base.encode(x)
        return code


def with_observation_noise(
    model: nn.Module, scale: float, image_shape: Sequence[int]
) -> WithObservationNoise:
    """Return an adapter that has ``encode`` if and only if the base has it.

    Args:
        model: Has ``prior()`` and ``decode(z)``.
        scale: Standard deviation of the noise, in units of intensity.
        image_shape: (C, H, W).

    Raises:
        ValueError: The model lacks a method, or the scale is not positive.
    """
    adapter = EncodingWithObservationNoise if isinstance(model, Encodes) else WithObservationNoise
    return adapter(model, scale, image_shape)
