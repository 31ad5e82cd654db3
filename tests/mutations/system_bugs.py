"""Bugs of the collection in storage, training, statistics, gates and clocks."""

import numpy as np
import torch

from genbench import cli
from genbench.bench import compare as bench_compare
from genbench.bench import timing
from genbench.bench.rows import key_of
from genbench.comparison import bootstrap
from genbench.core import files, statistics
from genbench.core.errors import ExitCode, StorageError
from genbench.data import storage
from genbench.data.loaders import Dataset
from genbench.gate import keys
from genbench.results import blocks, sealed_folder
from genbench.runs.spec import RunSpec
from genbench.training.guard import Guard
from tests.comparison import test_bootstrap as bootstrap_tests
from tests.core import test_statistics as statistics_tests
from tests.mutations.mutation import Mutation
from tests.mutations.system_oracles import (
    changed_artifact,
    failed_write,
    last_good_step,
    renamed_benchmark,
    renamed_metric,
    storage_exit_code,
    the_clock_waits_for_the_device,
    training_without_the_test_data,
    unpacked_bytes,
)
from tests.results import test_blocks as blocks_tests
from tests.runs import test_spec as spec_tests

REAL_CELL = blocks.cell_of
REAL_IDENTITY = RunSpec.identity
REAL_WRITE = files.write_atomic
REAL_HELD_OUT = Dataset.held_out
REAL_FAIL = cli._fail
REAL_GRAD = torch.autograd.grad


def identity_without_the_content(patch):
    def identity(self, data_digest):
        found = REAL_IDENTITY(self, data_digest)
        return found | {"data": {k: v for k, v in found["data"].items() if k != "digest"}}

    patch.setattr(RunSpec, "identity", identity)


def stored_files_known_by_name(patch):
    def checked(self, relative):
        return self.path / relative if relative in self._digests() else None

    patch.setattr(sealed_folder.SealedFolder, "checked", checked)


def lost_seeds_vanish(patch):
    patch.setattr(blocks_tests, "cell_of", lambda rows: REAL_CELL(rows[rows["status"] == "ok"]))


def best_seed_reported(patch):
    def best(rows):
        return REAL_CELL(rows[rows["value"] == rows["value"].max()])

    patch.setattr(blocks_tests, "cell_of", best)


def epoch_chosen_on_the_test_data(patch):
    def held_out(self, split):
        return REAL_HELD_OUT(self, "test" if split == "validation" else split)

    patch.setattr(Dataset, "held_out", held_out)


def bad_gradients_become_zero(patch):
    def grad(*args, **options):
        found = REAL_GRAD(*args, **options)
        return tuple(g if g is None else g.nan_to_num(0.0, 0.0, 0.0) for g in found)

    patch.setattr(torch.autograd, "grad", grad)
    patch.setattr(Guard, "watch", lambda self, value: None)


def seed_of_the_bootstrap_ignored(patch):
    patch.setattr(bootstrap, "numpy_generator", lambda seed, *name: np.random.default_rng())


def failed_writes_are_a_remark(patch):
    def write(path, content):
        try:
            REAL_WRITE(path, content)
        except StorageError:
            return

    patch.setattr(files, "write_atomic", write)


def storage_errors_end_in_success(patch):
    def fail(message, code, debug):
        REAL_FAIL(message, code, debug)
        return int(ExitCode.OK)

    patch.setattr(cli, "_fail", fail)


def unpacked_files_unchecked(patch):
    def compare(path, payload, pin, what, unpack_to=None):
        return storage.Finding(path, "ok", pin, payload)

    patch.setattr(storage, "_compare", compare)


def only_common_benchmarks(patch):
    real = bench_compare.require_comparable

    def require(old, new, machine):
        common = {key_of(row) for row in old} & {key_of(row) for row in new}
        real(*([r for r in rows if key_of(r) in common] for rows in (old, new)), machine)

    patch.setattr(bench_compare, "require_comparable", require)


def only_common_metrics(patch):
    real = keys.mismatches

    def mismatches(baseline, current, broken=()):
        common = {e.key for e in baseline} & {e.key for e in current}
        return real(*([e for e in side if e.key in common] for side in (baseline, current)), broken)

    patch.setattr(keys, "mismatches", mismatches)


def clock_stops_before_the_device(patch):
    patch.setattr(timing, "synchronise", lambda device: None)


def data_not_paired(patch):
    """The error of a difference as if the two sides had seen different images."""
    real = statistics_tests.difference

    def unpaired(first, second, **options):
        shuffled = {seed: values[::-1] for seed, values in second.items()}
        return real(first, shuffled, **options)

    patch.setattr(statistics_tests, "difference", unpaired)


def seeds_left_out_of_the_error(patch):
    patch.setattr(statistics, "_seed_samples", lambda first, second, by_seed: [])


def corrected_for_one_test(patch):
    patch.setattr(statistics_tests, "holm", list)


SYSTEM_BUGS = [
    Mutation(
        "20",
        "the identity of a run forgets the content of its data",
        identity_without_the_content,
        spec_tests.test_the_data_digest_changes_the_identity,
    ),
    Mutation("20", "stored files known by name", stored_files_known_by_name, changed_artifact),
    Mutation(
        "21", "lost seeds vanish", lost_seeds_vanish, blocks_tests.test_lost_seeds_are_counted
    ),
    Mutation(
        "22",
        "the best seed is reported",
        best_seed_reported,
        blocks_tests.test_seed_spread_stays_apart_from_the_standard_error_over_the_test_set,
    ),
    Mutation(
        "22",
        "the best epoch is chosen on the test data",
        epoch_chosen_on_the_test_data,
        training_without_the_test_data,
    ),
    Mutation("23", "bad gradients become zero", bad_gradients_become_zero, last_good_step),
    Mutation(
        "24",
        "the seed of the bootstrap is ignored",
        seed_of_the_bootstrap_ignored,
        bootstrap_tests.test_draws_do_not_depend_on_who_else_is_compared,
    ),
    Mutation("27", "failed writes are a remark", failed_writes_are_a_remark, failed_write),
    Mutation(
        "27", "storage errors end in success", storage_errors_end_in_success, storage_exit_code
    ),
    Mutation("28", "unpacked files unchecked", unpacked_files_unchecked, unpacked_bytes),
    Mutation(
        "29", "only common benchmarks are compared", only_common_benchmarks, renamed_benchmark
    ),
    Mutation("29", "only common metrics are compared", only_common_metrics, renamed_metric),
    Mutation(
        "30",
        "the clock stops before the device",
        clock_stops_before_the_device,
        the_clock_waits_for_the_device,
    ),
]

STATISTICS_RISKS = [
    Mutation(
        "-",
        "differences not paired by image",
        data_not_paired,
        statistics_tests.test_with_one_seed_it_is_the_paired_t_test,
    ),
    Mutation(
        "-",
        "seeds left out of the error",
        seeds_left_out_of_the_error,
        statistics_tests.test_where_the_data_agree_it_is_welchs_test_over_seeds,
    ),
    Mutation(
        "-",
        "p-values not corrected",
        corrected_for_one_test,
        statistics_tests.test_holm_steps_down_and_never_decreases,
    ),
]
