"""How a benchmark is timed: warmed up, and waiting for the device inside the timed callable."""

import platform

import pytest
import torch

from tests.benchmarks.workloads import DEVICE, synchronised


def pytest_benchmark_update_machine_info(config, machine_info):
    """Say what the numbers depend on; two files are comparable where these agree."""
    machine_info["torch"] = torch.__version__
    machine_info["threads"] = torch.get_num_threads()
    cuda = DEVICE.type == "cuda"
    machine_info["device"] = torch.cuda.get_device_name() if cuda else platform.processor() or "cpu"


@pytest.fixture
def measure(benchmark):
    """Time a callable that treats so many images, after ``warm_up`` calls; return the last result.

    ``extra_info`` holds images per second, from the median time, and whatever else is given.
    """

    def go(function, images, warm_up=1, **known):
        call = synchronised(function)
        for _ in range(warm_up):
            call()
        result = benchmark(call)
        benchmark.extra_info.update(known, device=DEVICE.type, images=images)
        if benchmark.stats is not None:  # None under --benchmark-disable
            benchmark.extra_info["images_per_second"] = images / benchmark.stats.stats.median
        return result

    return go
