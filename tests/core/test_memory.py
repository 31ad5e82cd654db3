"""Memory that is available, and refusal of what cannot fit."""

import os
import platform
from pathlib import Path

import pytest

from genbench.core.errors import ConfigError, DataError
from genbench.core.memory import available_bytes, require_memory, return_freed_memory, sized

MEMINFO = "MemTotal: 2000 kB\nMemFree: 10 kB\nMemAvailable: 1000 kB\nSwapFree: 24 kB\n"


def machine(root, files):
    for name, content in ({"proc/meminfo": MEMINFO} | files).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return available_bytes(root)


def test_available_is_what_the_machine_has_left_with_its_swap(tmp_path):
    assert machine(tmp_path, {}) == 1024 * 1024


@pytest.mark.parametrize("of", ["job", "."])
def test_the_limit_of_a_control_group_or_of_one_above_it_counts(tmp_path, of):
    group = f"sys/fs/cgroup/{of}"
    files = {
        "proc/self/cgroup": "0::/job\n",
        "sys/fs/cgroup/job/memory.max": "max\n",
        f"{group}/memory.max": "5000\n",
        f"{group}/memory.current": "3000\n",
        f"{group}/memory.stat": "anon 2000\nfile 1000\n",
    }
    assert machine(tmp_path, files) == 3000


def test_the_limit_of_a_control_group_of_version_1_counts(tmp_path):
    group = "sys/fs/cgroup/memory"  # a container's own, though its path is that of the host
    files = {
        "proc/self/cgroup": "4:cpu,memory:/docker/0a\n1:cpuset:/\n",
        f"{group}/memory.limit_in_bytes": "5000\n",
        f"{group}/memory.usage_in_bytes": "3000\n",
        f"{group}/memory.stat": "cache 7\ntotal_cache 500\n",
    }
    assert machine(tmp_path, files) == 2500


def test_a_group_without_limit_changes_nothing(tmp_path):
    files = {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}
    assert machine(tmp_path, files) == 1024 * 1024


def test_available_is_positive_and_below_a_petabyte_here():
    assert 0 < available_bytes() < 10**15


def test_what_fits_passes_and_what_never_fits_is_refused_with_both_sizes():
    require_memory(1, "a byte")
    with pytest.raises(ConfigError, match=r"^x: 2 images would need 5 PB of memory, .* are avail"):
        require_memory(5 * 10**15, "x: 2 images")
    with pytest.raises(DataError, match=r"; use fewer$"):
        require_memory(10**5000, "x", fix="use fewer", error=DataError)


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [(0, "0 bytes"), (1000, "1 kB"), (999_999, "1000 kB"), (10**27, "over 1000 YB")],
)
def test_sizes_have_three_digits(n_bytes, text):
    assert sized(n_bytes) == text


def resident_bytes():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries return it at once")
def test_freed_memory_goes_back_to_the_system():
    blocks = [bytearray(100_000) for _ in range(600)]
    last = bytearray(100_000)  # keeps the heap from shrinking at its end
    full = resident_bytes()
    del blocks
    return_freed_memory()
    assert resident_bytes() < full - 40_000_000
    assert len(last) == 100_000
