"""Names of real GPUs, what is free on them, and what ``doctor`` says."""

import pytest
import torch

from genbench.commands.hardware import hardware
from genbench.core.devices import free_gpu_bytes, pick_device, use_device, why_unusable
from genbench.core.errors import ConfigError
from genbench.core.seeding import generators_kept
from genbench.runs.provenance import provenance
from genbench.selftest import linear, run_checks


def test_the_first_gpu_has_three_names_and_works(cuda):
    first = torch.device("cuda:0")
    assert pick_device("auto") == pick_device("cuda") == use_device("cuda:0") == first
    assert torch.zeros(1, device=cuda).device == first
    assert why_unusable(first) == ""


def test_a_gpu_beyond_the_last_one_is_refused_in_one_sentence(cuda):
    beyond = torch.cuda.device_count()
    with pytest.raises(ConfigError, match=rf"^device: 'cuda:{beyond}' .* finds .*cuda:0"):
        pick_device(f"cuda:{beyond}")


def test_free_memory_is_part_of_all_memory(cuda):
    total = torch.cuda.get_device_properties(cuda).total_memory
    assert 0 < free_gpu_bytes(cuda) <= total


def test_generators_come_back_after_draws_on_the_gpu(cuda):
    generator = torch.cuda.default_generators[torch.cuda.current_device()]
    before = generator.get_state()
    with generators_kept(start=3):
        first = torch.randn(5, device=cuda)
    assert torch.equal(generator.get_state(), before)
    with generators_kept(start=3):
        assert torch.equal(torch.randn(5, device=cuda), first)


def test_doctor_has_a_healthy_line_for_each_gpu(cuda):
    lines = {line.what: line for line in hardware()}
    for index in range(torch.cuda.device_count()):
        line = lines[f"gpu cuda:{index}"]
        assert line.healthy
        assert torch.cuda.get_device_name(index) in line.state
        assert " free" in line.state


def test_a_run_records_the_gpu(cuda):
    assert provenance(cuda)["device"] == torch.cuda.get_device_name()
    assert "evaluated_on" not in provenance(cuda)


def test_estimators_agree_with_exact_answers_on_the_device(device):
    checks = run_checks([linear.true_posterior, linear.trained_form], device)
    assert [check for check in checks if not check.passed] == []
