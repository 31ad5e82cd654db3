"""The classifier two-sample test: can a classifier tell samples from the reference?"""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from genbench.core.estimate import Estimate, mean_and_stderr
from genbench.core.fitting import fit_repeatably
from genbench.core.seeding import Stream
from genbench.samples.checks import require_sets

LEAST = 40
"""Rows of each set: half of them train a classifier."""
Classifier = Literal["logistic", "net"]


@dataclass(frozen=True)
class TwoSampleTest(Estimate):
    """The accuracy of a classifier on data that it was not trained on, 1/2 for equal sets.

    Attributes:
        auc: Probability that it scores a sample above an image of the reference.
        p_value: Probability of this accuracy or a higher one for equal distributions, exact.
    """

    auc: float
    p_value: float


def c2st(x: Tensor, y: Tensor, stream: Stream, classifier: Classifier = "net") -> TwoSampleTest:
    """Train a classifier on half of the rows and test it on the other half.

    Rows are paired at random, half of the pairs train. Of each other pair a coin keeps one row, so
    that labels are independent: whatever the classifier is, the number of correct answers is
    Binomial(n, 1/2) if both distributions are equal, and binomial in any case. The AUC needs no
    coin and uses all rows of the second half. Of the larger set as many rows are used as the
    smaller one has.

    Args:
        x: Features of samples, (N, d).
        y: Features of the reference, (M, d).
        stream: Of pairs, coins and starting weights.
        classifier: Logistic regression, or a net of one hidden layer.

    Raises:
        NotApplicableError: Fewer than 40 rows in one of them.

    References:
        Lopez-Paz, Oquab 2017, section 3.
    """
    from scipy.stats import binom  # takes half a second to load

    require_sets(x, y, LEAST, "half of them train a classifier")
    draws = stream.child("halves").generator()
    train, test = _halves(x, y, draws)  # (n, 2, d), the reference first
    coins = torch.randint(2, (len(test),), generator=draws)
    fitted = _classifier(classifier, int(torch.randint(2**31, (), generator=draws)))
    labels = torch.tensor([0, 1]).repeat(len(train))
    fit_repeatably(fitted, train.flatten(0, 1), labels)
    scores = torch.from_numpy(fitted.predict_proba(test.flatten(0, 1).numpy())[:, 1])
    scores = scores.reshape(-1, 2)
    kept = scores.gather(1, coins.unsqueeze(1)).squeeze(1)
    hits = (kept > 0.5) == coins
    accuracy = mean_and_stderr(hits.double())
    p_value = float(binom.sf(int(hits.sum()) - 1, len(hits), 0.5))
    return TwoSampleTest(accuracy.value, accuracy.stderr, accuracy.n, auc_of(*scores.T), p_value)


def auc_of(lower: Tensor, higher: Tensor) -> float:
    """Return the share of pairs in which the second score is larger; a draw counts one half.

    Example:
        >>> auc_of(torch.tensor([0.1, 0.4]), torch.tensor([0.4, 0.6]))
        0.875
    """
    from scipy.stats import rankdata

    ranks = rankdata(torch.cat((higher, lower)).numpy())[: len(higher)]
    return float((ranks.mean() - (len(higher) + 1) / 2) / len(lower))


def _halves(x: Tensor, y: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return random pairs (reference, sample) in two halves, each (n, 2, d) on the CPU."""
    n = min(len(x), len(y))
    rows = [each.cpu()[torch.randperm(len(each), generator=draws)[:n]] for each in (y, x)]
    pairs = torch.stack(rows, dim=1)
    return pairs[: n // 2], pairs[n // 2 :]


def _classifier(name: Classifier, seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if name == "logistic":
        return make_pipeline(StandardScaler(), LogisticRegression())
    net = MLPClassifier((32,), learning_rate_init=0.01, early_stopping=True, random_state=seed)
    return make_pipeline(StandardScaler(), net)
