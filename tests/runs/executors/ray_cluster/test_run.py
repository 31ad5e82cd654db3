"""A Ray cluster gives the table of one process, whatever happens to its nodes and processes.

One cluster serves all tests: two nodes of one CPU on this machine, in two working directories.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from genbench.core.errors import ConfigError
from genbench.results.metrics_table import TABLE
from genbench.runs.executors.ray_cluster.connection import connected
from genbench.runs.executors.ray_cluster.demand import nodes_of
from genbench.runs.executors.ray_cluster.run import _absolute
from genbench.runs.read_run import EvaluationRequest
from genbench.runs.run_context import RunPlan
from genbench.runs.run_options import RunOptions
from tests.runs.executors.killer import run_with_killer

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.usefixtures("own_registries")
SIZE = {"num_cpus": 1, "object_store_memory": 80 * 2**20}


@pytest.fixture(scope="module")
def cluster():
    """A cluster that was begun as by ``ray start``, in folders of its own."""
    from ray.cluster_utils import Cluster

    folder = Path(tempfile.mkdtemp(prefix="ray"))  # sockets need a short path
    before = Path.cwd()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", str(folder))
        patch.delenv("RAY_ADDRESS", raising=False)
        for name in ("head", "second"):
            (folder / name).mkdir()
        try:
            os.chdir(folder / "head")
            cluster = Cluster(
                initialize_head=True, head_node_args=SIZE | {"include_dashboard": False}
            )
            os.chdir(folder / "second")
            cluster.add_node(**SIZE)
            os.chdir(before)
            yield cluster
        finally:
            os.chdir(before)
            ray.shutdown()
            cluster.shutdown()
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def apart(cluster):
    """The address of the cluster, to which this process is not connected."""
    ray.shutdown()
    return cluster.address


@pytest.fixture
def joined(cluster, workplace):
    """A workplace in a process that is connected: its workers are those of the test before."""
    if not ray.is_initialized():
        before = signal.getsignal(signal.SIGTERM)
        ray.init(cluster.address, log_to_driver=False, logging_level="error")
        signal.signal(signal.SIGTERM, before)
    return workplace


def on_ray(workplace, *settings, **options):
    return workplace.run(*settings, executor="ray", **options)


def table(results):
    return (results / "tiny" / TABLE).read_bytes()


@pytest.mark.parametrize("by", ["option", "variable", "head"])
def test_a_cluster_is_found_by_address_variable_or_head(apart, by, monkeypatch, tmp_path):
    if by == "variable":
        monkeypatch.setenv("RAY_ADDRESS", apart)
    if by == "head":
        folder = Path(os.environ["RAY_TMPDIR"], "ray")
        (folder / "ray_current_cluster").write_text(apart)
    with connected(ray, apart if by == "option" else None):
        assert [node.cpus for node in nodes_of(ray)] == [1, 1]
    assert not ray.is_initialized()


def test_nodes_use_the_data_directory_that_the_driver_states(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GENBENCH_DATA_DIR", raising=False)
    plan = RunPlan("tiny", (), EvaluationRequest((), ()), RunOptions(results=Path("there")))
    assert _absolute(plan).options.results == tmp_path / "there"
    assert _absolute(plan).options.data_dir is None
    monkeypatch.setenv("GENBENCH_DATA_DIR", "data")
    assert _absolute(plan).options.data_dir == tmp_path / "data"
    stated = replace(plan, options=RunOptions(data_dir=Path("other")))
    assert _absolute(stated).options.data_dir == tmp_path / "other"


SCRIPT = '''
import genbench
from genbench.recipes import recipes

class Mine(genbench.Options):
    width: int = 3

@genbench.recipe("mine")
def mine(data, options: Mine, train):
    """Mine."""
    theirs = recipes["linear_gaussian"]
    return theirs.build(data, theirs.options(latent_dim=options.width), train)

frame = genbench.run("mine.toml", executor="ray", results="here", report=False)
print(frame["status"].tolist())
'''
SUITE = """
title = "Mine"
seeds = 2
[data]
name = "digits"
limit = 40
dequantisation = "uniform"
[[model]]
recipe = "mine"
width = 2
[evaluate]
metrics = ["log_likelihood"]
"""


def test_what_a_script_registers_runs_on_a_cluster_in_silence(apart, tmp_path):
    (tmp_path / "mine.toml").write_text(SUITE)
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = os.environ | {"RAY_ADDRESS": apart}
    argv = [sys.executable, "script.py"]
    done = subprocess.run(
        argv, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stderr, done.stdout) == ("", "['ok', 'ok']\n")
    assert (tmp_path / "here" / "mine" / TABLE).exists()


def test_a_cluster_gives_the_table_of_one_process(joined, monkeypatch):
    monkeypatch.chdir(joined.folder)
    there, here = Path("there"), Path("here")
    outcome = on_ray(joined, "seeds=2", results=there, together=True)
    assert [record.status for record in outcome.records] == ["ok"] * 4
    joined.run("seeds=2", results=here, together=True, jobs=1)
    assert table(there) == table(here)
    assert not list(there.glob(".ray*"))


def test_demand_that_no_node_can_meet_is_refused_at_once(joined):
    with pytest.raises(ConfigError, match=r"^a run needs 4 CPUs; the largest node has 1 CPU$"):
        on_ray(joined, cpus_per_run=4)


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="needs Linux's /proc")
def test_results_that_nodes_do_not_share_are_refused(joined, monkeypatch):
    monkeypatch.chdir(Path(os.environ["RAY_TMPDIR"], "head"))
    elsewhere = Path("/proc/self/cwd/results")  # another folder for each working directory
    with pytest.raises(ConfigError, match=r"^node .* sees another results folder: ") as error:
        on_ray(joined, results=elsewhere)
    assert len(str(error.value).splitlines()) == 1
    assert not list(elsewhere.glob(".ray*"))


PLUGIN = '''
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

from genbench.recipes import Built, DataFacts, Options, recipe, recipes
from genbench.training.config import TrainConfig
from NAME_beside import FOLDER, LATENT_DIM

class Fate(Options):
    fate: str

@recipe("NAME")
def fated(data: DataFacts, options: Fate, train: TrainConfig) -> Built:
    """Fits a linear model, or does something worse."""
    theirs = recipes["linear_gaussian"]
    built = theirs.build(data, theirs.options(latent_dim=LATENT_DIM), train)

    def fit(x):
        if options.fate == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if options.fate == "raises":
            raise OSError(28, "No space left on device")
        if options.fate == "waits":
            Path(FOLDER, f"{os.getpid()}.begun").touch()
            while not Path(FOLDER, "go").exists():
                time.sleep(0.05)
        built.closed_form(x)

    return replace(built, closed_form=fit)
'''


@pytest.fixture
def fated(joined):
    """Run models with these fates: ``fated(say, "lives", "dies")``.

    Its recipe has a name of its own: a process of the cluster may have run those of another test.
    """
    own = f"fated_{joined.folder.name}"

    def run(say, *fates, seeds=1):
        suite = SUITE.replace("seeds = 2", f"seeds = {seeds}").partition("[[model]]")[0]
        for fate in fates:
            suite += f'[[model]]\nname = "{fate}"\nrecipe = "{own}"\nfate = "{fate}"\n'
        joined.suite.write_text(suite + '[evaluate]\nmetrics = ["log_likelihood"]\n')
        beside, plugin = joined.folder / f"{own}_beside.py", joined.folder / "fated.py"
        beside.write_text(f"FOLDER = {str(joined.folder)!r}\nLATENT_DIM = 2\n")
        plugin.write_text(PLUGIN.replace("NAME", own))
        return on_ray(joined, plugins=[plugin], say=say)

    return run


def test_a_plugin_runs_on_nodes_and_what_it_does_concerns_its_own_run_only(joined, fated):
    said = []
    outcome = fated(said.append, "dies", "raises", "lives")
    status = {record.spec.name: (record.status, record.reason) for record in outcome.records}
    assert status["lives"] == ("ok", "")
    assert status["raises"] == ("failed", "OSError: [Errno 28] No space left on device")
    assert status["dies"][0] == "failed"
    assert status["dies"][1].startswith("its process ended on node ")
    assert status["dies"][1].endswith(", 3 times")
    assert table(joined.results).count(b"failed") == 2
    assert sum("trying again" in line for line in said) == 2


def test_runs_of_a_node_that_is_lost_go_on_elsewhere(cluster, joined, fated):
    third, said = cluster.add_node(**SIZE), []

    def lose_it():
        while len(list(joined.folder.glob("*.begun"))) < 3:
            time.sleep(0.05)
        cluster.remove_node(third, allow_graceful=False)

    def say(line):
        said.append(line)
        (joined.folder / "go").touch()  # no run ends before the loss was noticed

    loss = Thread(target=lose_it, daemon=True)
    loss.start()
    outcome = fated(say, "waits", seeds=3)
    loss.join()
    assert [record.status for record in outcome.records] == ["ok"] * 3
    assert sum("trying again" in line for line in said) == 1
    assert "lost with node" in " ".join(said)


def test_an_interrupt_leaves_nothing_running(joined):
    def interrupt(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        on_ray(joined, "train.epochs=100000", say=interrupt)
    until = time.monotonic() + 20
    while ray.available_resources().get("CPU") != 2.0:
        assert time.monotonic() < until
        time.sleep(0.1)


def test_runs_whose_processes_die_at_random_give_the_table_of_a_calm_run(joined):
    outcome = run_with_killer(joined.folder, n=20, p=0.3, executor="ray")
    assert (outcome.ok, outcome.killed) == (20, outcome.calm)
    assert outcome.deaths > 3
