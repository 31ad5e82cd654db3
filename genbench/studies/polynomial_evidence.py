"""Type-II maximum likelihood: the evidence selects the degree of a polynomial regression."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from numpy.polynomial import legendre
from pydantic import NonNegativeInt, PositiveFloat

from genbench.core.options import Count
from genbench.core.plot import Plot
from genbench.core.seeding import Stream, derive
from genbench.models.linear_gaussian import LinearGaussian
from genbench.studies.study import (
    Array,
    Findings,
    Setting,
    StudyCheck,
    StudyOptions,
    at_least,
    equal,
    study,
)

FITTED_DEGREES = (1, 3, 9)
PLOTS = (
    Plot(
        name="evidence",
        title="Log evidence against degree",
        caption="The evidence falls on both sides of the degree that generated the data: a simpler "
        "model cannot explain them, a richer one spreads its mass over data that did not occur.",
        table="degrees",
        x="degree",
        y=("log_evidence",),
        x_label="degree",
        y_label="log p(y), nats",
    ),
    Plot(
        name="errors",
        title="Error of the least-squares fit against degree",
        caption="Root mean squared error. The training error falls with every degree.",
        table="degrees",
        x="degree",
        y=("training", "test"),
        x_label="degree",
        y_label="root mean squared error",
    ),
    Plot(
        name="fits",
        title="Least-squares fits",
        caption="The curve that generated the data, the fit, and the data.",
        kind="points",
        table="fits",
        x="t",
        y=("fit", "truth", "data"),
        panel="degree",
        x_label="t",
        y_label="y",
    ),
)


class EvidenceOptions(StudyOptions):
    """y = sum_k c_k P_k(t) + noise, Legendre polynomials P_k up to ``true_degree``, t in [-1, 1].

    The coefficients are drawn from N(0, 1); the leading one is 1.
    """

    true_degree: NonNegativeInt = 3
    largest_degree: Count = 10
    n_data: Count = 15
    n_test: Count = 200
    noise: PositiveFloat = 0.3
    n_repeats: Count = 50

    def n_numbers(self) -> int:
        """Return how many numbers the largest array holds."""
        return max(self.n_data, self.n_test, self.largest_degree, self.n_repeats) * max(
            self.largest_degree, self.true_degree
        )


def features(t: Array, degree: int) -> Array:
    """Return P_0(t) to P_degree(t), (N, degree + 1)."""
    return np.asarray(legendre.legvander(t, degree))


def log_evidence(y: Array, design: Array, noise: float) -> float:
    """Return log p(y) = log N(y; 0, F F^T + noise^2 I) for coefficients c ~ N(0, I), in nats.

    Regression is the linear-Gaussian model with y as its only datum, the coefficients as its latent
    and the design matrix F as its decoder. F is rotated so that its columns are orthogonal, which
    does not change p(y).
    """
    u, s, _ = np.linalg.svd(design, full_matrices=False)
    model = LinearGaussian(len(s), (1, 1, len(y)))
    model.W.copy_(torch.from_numpy(u * s))
    model.s2.fill_(noise**2)
    return float(model.log_prob(torch.from_numpy(y)[None]))


def by_scipy(y: Array, design: Array, noise: float) -> float:
    """Return the same from the full covariance matrix."""
    from scipy.stats import multivariate_normal  # slow to import

    covariance = design @ design.T + noise**2 * np.eye(len(y))
    return float(multivariate_normal(np.zeros(len(y)), covariance).logpdf(y))


class Sample:
    """Training data, test data and the true curve."""

    def __init__(self, options: EvidenceOptions, stream: Stream) -> None:
        rng = np.random.default_rng(derive(stream.seed, *stream.path))
        self.c = np.append(rng.normal(size=options.true_degree), 1.0)
        self.t, self.t_test = (np.linspace(-1, 1, n) for n in (options.n_data, options.n_test))
        self.y, self.y_test = (
            self.curve(t) + rng.normal(0, options.noise, len(t)) for t in (self.t, self.t_test)
        )

    def curve(self, t: Array) -> Array:
        """Return the noiseless polynomial."""
        return np.asarray(features(t, len(self.c) - 1) @ self.c)


@study("polynomial_evidence", title="The evidence selects the degree", options=EvidenceOptions)
def polynomial_evidence(options: EvidenceOptions, setting: Setting) -> Findings:
    """Log evidence of Bayesian polynomial regression against degree, with errors of the fits."""
    sample = Sample(options, setting.stream.child("data", 0))
    table = by_degree(sample, options)
    tables = {"degrees": table, "fits": _fits(sample), "choices": _choices(options, setting)}
    return Findings(tables, tuple(_checks(table, tables["choices"], options)), PLOTS)


def by_degree(sample: Sample, options: EvidenceOptions) -> pd.DataFrame:
    """Return log evidence, and root mean squared errors of the least-squares fit, per degree."""
    rows = []
    for degree in range(options.largest_degree + 1):
        design, unseen = features(sample.t, degree), features(sample.t_test, degree)
        c, *_ = np.linalg.lstsq(design, sample.y, rcond=None)
        rows.append(
            {
                "degree": degree,
                "log_evidence": log_evidence(sample.y, design, options.noise),
                "log_evidence_scipy": by_scipy(sample.y, design, options.noise),
                "training": _rms(sample.y - design @ c),
                "test": _rms(sample.y_test - unseen @ c),
            }
        )
    return pd.DataFrame(rows)


def _rms(error: Array) -> float:
    return float(np.sqrt((error**2).mean()))


def _fits(sample: Sample) -> pd.DataFrame:
    """Return least-squares fits on a fine grid, the true curve, and the data."""
    t = np.sort(np.concatenate((np.linspace(-1, 1, 301), sample.t)))
    data = dict(zip(sample.t, sample.y, strict=True))
    frames = []
    for degree in FITTED_DEGREES:
        c, *_ = np.linalg.lstsq(features(sample.t, degree), sample.y, rcond=None)
        columns = {"fit": features(t, degree) @ c, "truth": sample.curve(t)}
        frame = pd.DataFrame({"degree": f"degree {degree}", "t": t, **columns})
        frames.append(frame.assign(data=[data.get(v, np.nan) for v in t]))
    return pd.concat(frames, ignore_index=True)


def _choices(options: EvidenceOptions, setting: Setting) -> pd.DataFrame:
    """Count the degrees selected by the evidence and by the training error over many data sets."""
    chosen = []
    for repeat in range(options.n_repeats):
        table = by_degree(Sample(options, setting.stream.child("data", repeat)), options)
        chosen.append((table.log_evidence.argmax(), table.training.argmin()))
    of_evidence, of_training = np.array(chosen).T
    degrees = np.arange(options.largest_degree + 1)
    counts = {"evidence": of_evidence, "training error": of_training}
    shares = {k: [(v == d).mean() for d in degrees] for k, v in counts.items()}
    return pd.DataFrame({"degree": degrees, **shares})


def _checks(
    table: pd.DataFrame, choices: pd.DataFrame, options: EvidenceOptions
) -> Iterator[StudyCheck]:
    error = (table.log_evidence - table.log_evidence_scipy).abs().max()
    yield equal("log evidence against scipy's normal density, largest error, nats", 0, error, 1e-8)
    true, n = options.true_degree, options.n_repeats
    yield equal("degree with the largest evidence", true, table.log_evidence.argmax(), 0.0)
    name = "degree with the smallest training error"
    note = "The training error always prefers the largest degree."
    yield equal(name, options.largest_degree, table.training.argmin(), 0.0, note)
    name = f"share of {n} data sets in which the evidence selects the true degree"
    note = "The evidence is not always right: noise can hide or mimic a term."
    yield at_least(name, 0.8, choices.evidence[true], note=note)
