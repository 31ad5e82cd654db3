"""Runs of models that are shown a part of each image: a protocol for each part."""

from genbench.core.protocol import Protocol
from genbench.results.suite import StoredSuite
from genbench.runs.record import protocol_of

SUITE = """
[data]
name = "digits"
binarisation = "static"
limit = 80

[train]
epochs = 1
batch_size = 20

[[model]]
recipe = "vae"
hidden = [8]
latent_dim = 2

[[model]]
recipe = "nn_pixels"
hidden = [8]

[[model]]
recipe = "cvae_pixels"
hidden = [8]
latent_dim = 2

[[model]]
name = "cvae_column"
recipe = "cvae_pixels"
condition = { kind = "columns", shown = [4] }
hidden = [8]
latent_dim = 2

[evaluate]
metrics = ["elbo", "iw_log_likelihood", "log_likelihood", "prior_log_likelihood", "kl"]
iw_log_likelihood = { n_samples = 5 }
prior_log_likelihood = { n_samples = 5 }
"""


def test_numbers_of_different_parts_never_share_a_table(workplace):
    workplace.suite.write_text(SUITE)
    frame = workplace.run("figures=['completions']").frame
    protocols = frame.groupby("model")["protocol"].unique().map(list).to_dict()
    whole = protocols["vae"][0]
    assert protocols["nn_pixels"] == protocols["cvae_pixels"] == [f"{whole}|pixels:bottom left"]
    assert protocols["cvae_column"] == [f"{whole}|pixels:column 4"]
    suite = StoredSuite.open(workplace.results, "tiny")
    blocks = [[row.model for row in block.rows] for block in suite.blocks]
    assert sorted(blocks) == [["cvae_column"], ["nn_pixels", "cvae_pixels"], ["vae"]]
    values = frame.set_index(["model", "metric"])
    assert values.loc[("nn_pixels", "log_likelihood"), "kind"] == "exact"
    assert values.loc[("cvae_pixels", "prior_log_likelihood"), "status"] == "ok"
    before = workplace.state()
    workplace.run("figures=['completions']")
    assert workplace.state() == before


def test_stored_descriptions_without_the_word_have_the_protocol_they_had():
    dataset = type("Data", (), {"protocol": Protocol.parse("d@1/grey/1+1+1")})()
    described = {"comparable_measure": "mass", "conditional": True}
    assert protocol_of(dataset, described).text == "d@1/grey/1+1+1/mass|label"
    shown = described | {"conditional": False, "shown": "column 3"}
    assert protocol_of(dataset, shown).text == "d@1/grey/1+1+1/mass|pixels:column 3"
    assert protocol_of(dataset, shown).without_label == protocol_of(dataset, shown)
