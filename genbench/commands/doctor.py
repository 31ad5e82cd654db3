"""``doctor``: versions, devices, data and folders, each with a fix."""

import os
import platform
from argparse import Namespace
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from genbench.commands.hardware import Diagnosis, hardware
from genbench.commands.shared import Commands, add_command, add_folders, out
from genbench.commands.streams import terminal
from genbench.core.errors import ExitCode
from genbench.core.texts import aligned
from genbench.version import __version__


def add_parser(commands: Commands) -> None:
    """Add ``doctor``."""
    parser = add_command(commands, "doctor", "versions, device, data, and what to fix")
    add_folders(parser, "data-dir")
    parser.set_defaults(body=doctor)


_HEADS = ("what", "state", "what to do")


def doctor(arguments: Namespace) -> int:
    """Examine what runs depend on; exit 2 if something must be fixed."""
    findings = [
        Diagnosis("genbench", __version__),
        Diagnosis("python", platform.python_version()),
        *map(_package, ("numpy", "pandas", "pydantic", "safetensors")),
        _torch(),
        _torchvision(),
        *_with_torch(arguments.data_dir),
        _folder(Path("results")),
    ]
    out(aligned([finding[:3] for finding in findings], _HEADS, terminal()))
    return ExitCode.OK if all(finding.healthy for finding in findings) else ExitCode.USAGE


def _package(name: str) -> Diagnosis:
    try:
        return Diagnosis(name, version(name))
    except PackageNotFoundError:
        return Diagnosis(name, "missing", f"python -m pip install {name}", healthy=False)


def _torch() -> Diagnosis:
    try:
        torch = import_module("torch")
    except (ImportError, OSError) as error:
        return Diagnosis("torch", f"cannot be imported: {error}", "reinstall torch", healthy=False)
    major, minor = (int(part) for part in torch.__version__.split(".")[:2])
    fits = (2, 11) <= (major, minor) <= (2, 15)
    advice = "" if fits else "tested with torch 2.11 to 2.15"
    return Diagnosis("torch", torch.__version__, advice, healthy=fits)


def _torchvision() -> Diagnosis:
    """Import it: a build that does not match torch is installed but fails here."""
    try:
        return Diagnosis("torchvision", import_module("torchvision").__version__, "optional")
    except ModuleNotFoundError:
        return Diagnosis("torchvision", "not installed", "optional; only tests use it")
    except (ImportError, RuntimeError, OSError) as error:
        reason = str(error).splitlines()[0]
        advice = "optional; does not match torch: install both together from the same index"
        return Diagnosis("torchvision", f"cannot be imported: {reason}", advice)


def _with_torch(data_dir: Path | None) -> list[Diagnosis]:
    """Examine what needs torch, if it can be imported."""
    try:
        import_module("torch")
    except (ImportError, OSError):  # said already
        return []
    return [*hardware(), *_data(data_dir)]


def _data(data_dir: Path | None) -> list[Diagnosis]:
    from genbench.data import data_home, datasets
    from genbench.data.fetch import verify
    from genbench.data.storage import data_command

    home = data_home(data_dir)
    is_file = home.exists() and not home.is_dir()
    advice = "a file, no folder: choose another --data-dir" if is_file else ""
    findings = [Diagnosis("data directory", str(home), advice, healthy=not is_file)]
    for name in datasets:
        states = {row["status"] for row in verify(name, home)}
        state = "damaged" if "damaged" in states else "missing" if "missing" in states else "ok"
        advice = "" if state == "ok" else data_command("fetch", name, home)
        findings.append(Diagnosis(f"data: {name}", state, advice, healthy=state != "damaged"))
    return findings


def _folder(folder: Path) -> Diagnosis:
    nearest = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    if not nearest.is_dir():
        return Diagnosis("results folder", f"{nearest} is a file", "use --results", healthy=False)
    if os.access(nearest, os.W_OK):
        return Diagnosis("results folder", "writable")
    return Diagnosis("results folder", f"{nearest} is not writable", "use --results", healthy=False)
