"""Two metrics of your own; run as a script, the file checks them against known answers."""

import torch
from torch.distributions import Bernoulli, Independent, Normal

import genbench


@genbench.evaluator(
    name="flip_rate",
    needs="posterior, observation_model",
    unit="share",
    better="lower",
    kind="exact",
    margin=0.03,  # how far it may move before `check` cares
)
def flip_rate(block):
    """Share of the pixels that are on the wrong side of 1/2 in a reconstruction."""
    z = block.model.posterior(block.x).mean
    rebuilt = block.model.observation_model(z).mean
    return ((rebuilt > 0.5) != (block.x > 0.5)).flatten(1).double().mean(dim=1)


def relative_distance(values):
    """Return the distance of two mean images, from values (N, 2, pixels)."""
    of_data, of_model = values.mean(dim=0)
    return (of_data - of_model).norm() / of_data.norm()


@genbench.evaluator(
    name="distance_of_means",
    needs="sample",
    unit="share",
    better="lower",
    kind="estimate",
    margin=0.02,
    reduce=relative_distance,
    leaderboard="samples",
)
def distance_of_means(block):
    """Distance between the mean images of model and data, as a share of the latter's norm."""
    images = block.model.sample(len(block.x))
    return torch.stack([block.x.flatten(1), images.flatten(1)], dim=1)


class HalfWhite:
    """A model whose every image has a white upper half: both metrics are known."""

    image = torch.ones(1, 4, 4).index_fill(1, torch.tensor([2, 3]), 0.0)

    def prior(self):
        return Independent(Normal(torch.zeros(1), torch.ones(1)), 1)

    def posterior(self, x):
        return self.prior().expand((len(x),))

    def observation_model(self, z):
        return Independent(Bernoulli(self.image.expand(*z.shape[:-1], 1, 4, 4)), 3)

    def sample(self, n):
        return self.image.expand(n, 1, 4, 4)


if __name__ == "__main__":
    white = torch.ones(20, 1, 4, 4)
    metrics = ("flip_rate", "distance_of_means")
    frame = genbench.evaluate(HalfWhite(), white, evaluators=metrics)
    print(frame)
    assert frame["value"].round(6).tolist() == [0.5, round(0.5**0.5, 6)]
