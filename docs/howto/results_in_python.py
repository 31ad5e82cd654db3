"""Run a suite, look at its headline numbers, compare two models, hold it against a baseline."""

import genbench
from genbench.testing import write_baseline

quick = {"train.epochs": 2, "evaluate.metrics": ["elbo", "iw_log_likelihood", "kl"]}
frame = genbench.run(
    "digits", models=["vae", "beta_vae"], settings=quick, seeds=2, limit=200, report=False
)
print(frame)

table = genbench.table("digits")  # models x headline numbers, best first
print(table)
print(table.attrs["answer"])
genbench.style(table).to_html("table.html")

differences = genbench.compare("vae", "beta_vae", suite="digits")
print(differences[["metric", "verdict", "difference", "low", "high"]])

write_baseline(frame, "digits.json")
verdicts = genbench.check("digits", "digits.json")
assert verdicts.attrs["passed"]
assert set(verdicts["verdict"]) == {"same"}
