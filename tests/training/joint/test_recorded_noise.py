"""What is recorded of random draws."""

import torch
from torch.nn.functional import dropout

from genbench.training.joint.recorded_noise import NoiseRecorder


def test_a_recorder_knows_what_was_drawn():
    with NoiseRecorder() as recorder:
        torch.rand(2, 3)
        dropout(torch.ones(4), 0.5)
    assert [tuple(draw.shape) for draw in recorder.draws] == [(2, 3), (4,)]
    assert recorder.numel == 10
