"""Many gradients of one loss at the same parameters, each with its own noise."""

from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from genbench.core.objective import Batch, Objective
from genbench.core.seeding import Stream
from genbench.training.joint.recorded_noise import NoiseRecorder, NoiseReplay
from genbench.training.joint.stacked_parameters import ObjectiveModule

AT_ONCE = 100


def gradient_draws(
    model: nn.Module, objective: Objective, batch: Batch, n: int, stream: Stream
) -> dict[str, Tensor]:
    """Return n gradients of the loss of a batch by parameter name, (n, size of the parameter).

    The noise of draw i comes from the stream's child i, independently of n.
    """
    call = ObjectiveModule(model)
    values = {name: p.detach() for name, p in call.named_parameters()}
    with NoiseRecorder() as recorder:
        objective(model, batch)
    noise = recorder.allocate(n)
    recorder.fill(noise, [stream.child(i).generator() for i in range(n)])

    def loss(parameters: dict[str, Tensor], drawn: list[Tensor]) -> Tensor:
        with NoiseReplay(drawn):
            value: Tensor = functional_call(call, parameters, (objective, batch)).value
        return value

    gradients = vmap(lambda drawn: grad(loss)(values, drawn), chunk_size=AT_ONCE)(noise)
    return {name.removeprefix("model."): g.flatten(1) for name, g in gradients.items()}
