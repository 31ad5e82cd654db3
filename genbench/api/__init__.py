"""The Python interface, a module per kind of call; heavy imports wait inside the functions."""

from genbench.api.loading import load_data, load_model, load_results
from genbench.api.running import run, run_and_report

__all__ = ["load_data", "load_model", "load_results", "run", "run_and_report"]
