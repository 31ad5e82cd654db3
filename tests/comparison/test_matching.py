import pytest

from genbench.comparison import NotComparableError
from genbench.core.errors import ExitCode


def changed(place, metric, **values):
    """A second suite in which some rows differ."""
    name = place.copy("other")
    place.rewrite(lambda row: row | values if row["metric"] == metric else row, name)
    return name


def metrics(found):
    return {line.match.column.metric for line in found.lines}


def test_another_protocol_is_refused_and_both_are_named(place):
    def dynamic(row):
        return row | {"protocol": row["protocol"].replace("static", "dynamic")}

    place.rewrite(dynamic, place.copy("other"))
    with pytest.raises(NotComparableError) as error:
        place.compare("tiny", "other")
    assert error.value.exit_code == ExitCode.BASELINE == 6
    assert "vae: A has digits@" in str(error.value)
    assert "/static(" in str(error.value)
    assert "/dynamic(" in str(error.value)
    assert len(str(error.value).splitlines()) <= 10


def test_one_model_of_another_protocol_is_enough_to_refuse(place):
    def density(row):
        other = row["protocol"].replace("mass", "density")
        return row | {"protocol": other} if row["model"] == "vae" else row

    place.rewrite(density, place.copy("other"))
    with pytest.raises(NotComparableError, match="vae: A has"):
        place.compare("tiny", "other")
    assert place.compare("tiny:beta_vae", "other:beta_vae").lines


def test_a_bound_given_the_label_never_meets_one_of_the_image(stored):
    found = stored.compare("tiny:vae", "tiny:cvae")
    (line,) = [line for line in found.lines if line.match.column.metric == "iw_log_likelihood"]
    assert line.match.block.protocol.condition == ""
    assert line.difference.value == pytest.approx(-2.0)  # 2.3 more if it were given the label


def test_other_options_are_left_out_and_named(place):
    other = changed(place, "iw_log_likelihood", options='{"chunk_size":50,"n_samples":50}')
    found = place.compare("tiny", other)
    assert "iw_log_likelihood" not in metrics(found)
    assert "elbo" in metrics(found)
    assert any("only A has iw_log_likelihood" in line and "100" in line for line in found.left_out)
    assert any("only B has iw_log_likelihood" in line and "50" in line for line in found.left_out)


def test_another_evaluator_version_is_left_out(place):
    found = place.compare("tiny", changed(place, "elbo", evaluator_version="2"))
    assert "elbo" not in metrics(found)
    assert any(line.startswith("only B has elbo v2") for line in found.left_out)


def test_another_kind_is_left_out_and_both_are_named(stored):
    found = stored.compare("tiny:vae", "tiny:linear_gaussian")
    assert metrics(found) == {"reconstruction_log_prob"}
    assert "vae, elbo: A is a lower bound, B is exact" in found.left_out


def test_another_number_of_images_is_left_out(place):
    found = place.compare("tiny", changed(place, "elbo", n="200"))
    assert "elbo" not in metrics(found)
    assert "vae, elbo: over 300 and 200 images" in found.left_out


def test_a_result_without_all_its_seeds_is_left_out(place):
    def diverged(row):
        lost = (row["model"], row["seed"], row["metric"]) == ("vae", "1", "elbo")
        return row | {"status": "diverged", "value": ""} if lost else row

    place.rewrite(diverged, place.copy("other"))
    found = place.compare("tiny:vae", "other:vae")
    assert "vae, elbo: B has 1 of 2 seeds" in found.left_out
    assert "elbo" not in metrics(found)


def test_numbers_that_say_nothing_of_a_model_are_not_compared(stored):
    found = stored.compare("tiny", "tiny")
    assert not {"parzen_log_likelihood", "bdmc_gap", "kl"} & metrics(found)
    assert "parzen_log_likelihood, since it ranks models wrongly" in found.left_out


def test_a_single_number_per_seed_needs_several_seeds_or_an_error_of_its_own(place):
    assert "mmd2" in metrics(place.compare("tiny", "tiny"))
    place.rewrite(lambda row: row if row["seed"] == "0" else None)
    alone = place.compare("tiny:vae", "tiny:beta_vae")
    assert "mmd2" in metrics(alone)
    assert "active_units_sweep" not in " ".join(metrics(alone))
    place.rewrite(lambda row: row | ({"stderr": ""} if row["metric"] == "mmd2" else {}))
    found = place.compare("tiny:vae", "tiny:beta_vae")
    assert "mmd2" not in metrics(found)
    assert any("mmd2" in line and "no error of its own" in line for line in found.left_out)


def test_suites_without_a_common_model_are_refused(place):
    other = place.copy("other")
    place.rewrite(lambda row: row | {"model": f"new_{row['model']}"}, other)
    with pytest.raises(NotComparableError, match=r"A and B have no model in common.*SUITE:MODEL"):
        place.compare("tiny", other)


def test_a_suite_of_studies_alone_has_no_model(place):
    place.rewrite(lambda row: None, place.copy("other"))
    with pytest.raises(NotComparableError, match="; other has none "):
        place.compare("tiny", "other")


def test_models_of_one_side_are_named(place):
    other = place.copy("other")
    place.rewrite(lambda row: row if row["model"] != "vae_twin" else None, other)
    assert "only A has vae_twin" in place.compare("tiny", other).left_out


def test_models_without_a_common_number_are_refused_with_the_reasons(place):
    place.rewrite(lambda row: row if row["metric"] in ("elbo", "log_likelihood") else None)
    with pytest.raises(NotComparableError, match="no numbers in common\nvae, elbo: A is a lower"):
        place.compare("tiny:vae", "tiny:linear_gaussian")
