"""Data that users hand to evaluate: what is accepted, and the one line that says what is wrong."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

import genbench
from genbench.core.errors import ConfigError
from genbench.evaluation.user.data import read_data
from genbench.evaluation.user.layout import check_layout
from tests.evaluation.helpers import LINEAR, Conditional, PlainVae, UserVae, X, small_gan
from tests.inference.exact_models import WrongPosterior

BINARY = torch.rand(12, 784, generator=torch.Generator().manual_seed(0)).round()
Y = torch.arange(len(X)) % 3
PARZEN = "parzen_log_likelihood"


def refusal(*arguments, **options):
    with pytest.raises(ConfigError) as caught:
        genbench.evaluate(*arguments, **({"evaluators": "elbo"} | options))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8, bool])
def test_a_numpy_array_counts_as_the_tensor_of_its_numbers(dtype):
    array = BINARY.numpy().astype(dtype)
    array.setflags(write=False)
    of_array = genbench.evaluate(PlainVae(), array.astype(np.float64), evaluators="kl")
    of_tensor = genbench.evaluate(PlainVae(), BINARY.double(), evaluators="kl")
    pd.testing.assert_frame_equal(of_array, of_tensor)
    as_it_is = genbench.evaluate(UserVae(), array, evaluators="kl")
    pd.testing.assert_frame_equal(as_it_is, genbench.evaluate(UserVae(), BINARY, evaluators="kl"))


@pytest.mark.parametrize(
    "hold",
    [
        torch.Tensor.tolist,
        list,
        lambda x: [row.numpy() for row in x],
        TensorDataset,
        lambda x: TensorDataset(x, Y[: len(x)]),
        lambda x: DataLoader(TensorDataset(x), batch_size=5),
        lambda x: DataLoader([{"image": row, "label": 0} for row in x], batch_size=5),
        lambda x: Stream(x),
    ],
)
def test_what_holds_the_same_images_gives_the_same_table(hold):
    before = torch.get_rng_state()
    found = genbench.evaluate(UserVae(), hold(BINARY), evaluators="elbo")
    pd.testing.assert_frame_equal(found, genbench.evaluate(UserVae(), BINARY, evaluators="elbo"))
    assert torch.equal(torch.get_rng_state(), before)


class Stream(IterableDataset):
    def __init__(self, x):
        self.x = x

    def __iter__(self):
        return iter(self.x)


def test_the_labels_of_a_data_set_are_read_with_it_unless_others_are_given():
    found = genbench.evaluate(Conditional(), TensorDataset(X, Y), evaluators="elbo")
    pd.testing.assert_frame_equal(found, genbench.evaluate(Conditional(), X, Y, evaluators="elbo"))
    zeros = torch.zeros_like(Y)
    found = genbench.evaluate(Conditional(), TensorDataset(X, Y), zeros, evaluators="elbo")
    expected = genbench.evaluate(Conditional(), X, zeros, evaluators="elbo")
    pd.testing.assert_frame_equal(found, expected)


def test_pil_images_are_intensities_with_the_channels_first():
    levels = (torch.arange(2 * 3 * 4 * 3) % 256).reshape(2, 3, 4, 3).byte()
    rgb, _ = read_data([Image.fromarray(image.numpy()) for image in levels])
    assert torch.equal(rgb, levels.permute(0, 3, 1, 2) / 255)
    grey, _ = read_data([Image.fromarray(image.numpy()) for image in levels[..., 0]])
    assert torch.equal(grey, levels[..., :1].permute(0, 3, 1, 2) / 255)
    bits, _ = read_data([Image.fromarray((levels[0, ..., 0] > 9).numpy())])
    assert torch.equal(bits[0, 0], (levels[0, ..., 0] > 9).float())


class Labelled(Dataset):
    """Images as torchvision's data sets hold them: PIL images and numbers."""

    def __init__(self, levels):
        self.levels = levels

    def __len__(self):
        return len(self.levels)

    def __getitem__(self, i):
        return Image.fromarray(self.levels[i].numpy()), i % 3


def test_a_data_set_of_pil_images_is_read_with_its_labels():
    levels = (torch.arange(5 * 4 * 3) * 4).reshape(5, 4, 3).byte()
    x, y = read_data(Labelled(levels))
    assert torch.equal(x, levels.unsqueeze(1) / 255)
    assert y.tolist() == [0, 1, 2, 0, 1]


def test_images_with_their_channels_last_are_refused_with_the_permutation():
    class Channels(PlainVae):
        def __init__(self):
            super().__init__(event=(2, 5, 7))

    x = torch.rand(9, 5, 7, 2).round().double()
    assert refusal(Channels(), x) == (
        "x has data of shape (5, 7, 2), the model's images have shape (2, 5, 7):"
        " x.permute(0, 3, 1, 2) puts the numbers in that order"
    )
    found = genbench.evaluate(Channels(), x.permute(0, 3, 1, 2), evaluators="elbo")
    assert found.status.tolist() == ["ok"]


def test_whole_numbers_are_refused_where_intensities_are_meant():
    message = refusal(WrongPosterior(LINEAR), (X.abs() * 9).byte())
    assert "x holds whole numbers up to" in message
    assert "pass x / " in message


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
def test_numpy_labels_count_as_tensors(dtype):
    labels = Y.numpy().astype(dtype)
    found = genbench.evaluate(Conditional(), X.numpy(), labels, evaluators="elbo")
    expected = genbench.evaluate(Conditional(), X, Y, evaluators="elbo")
    pd.testing.assert_frame_equal(found, expected)
    assert expected.status.tolist() == ["ok"]


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ([[0.0, 1.0], [1.0]], ("x is a list of parts of different lengths",)),
        ([BINARY[0], BINARY[1, :9]], ("x[0] has shape (784,) and x[1] (9,): pass one size",)),
        (["a"], ("does not hold numbers",)),
        (iter(BINARY), ("pass a tensor or a NumPy array", "list() reads it")),
        (BINARY + 0j, ("x has dtype torch.complex64: pass real numbers",)),
        (BINARY / 0, ("x: 12 of 12 data hold NaN or infinite numbers; the first is x[0]",)),
        (BINARY * 255, ("from 0 to 255, lies outside", "as by (x / 255 >= 0.5).float()")),
        (BINARY * 2 - 1, ("from -1 to 1, lies outside", "as by ((x + 1) / 2 >= 0.5).float()")),
        ((BINARY * 255).byte(), ("from 0 to 255, lies outside",)),
        (pd.DataFrame({"pixel": [0.0]}), ("x is a DataFrame", "to_numpy()")),
        (None, ("x is a NoneType", "a tensor or a NumPy array (N, ...)")),
        (np.array(["a"]), ("x: an array of <U1 does not hold numbers",)),
        (torch.tensor(1.0), ("x is a single number",)),
    ],
)
def test_what_is_no_data_is_named(x, words):
    message = refusal(UserVae(), x)
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (Y.reshape(-1, 1), ("shape (501, 1)", "y.flatten()")),
        (torch.nn.functional.one_hot(Y), ("shape (501, 3)", "y.argmax(1) of one-hot rows")),
        (Y.float(), ("torch.float32", "y.long()")),
        (Y - 1, ("the label -1",)),
        (Y + 1, ("the label 3", "0 to 2")),
        ([*Y.tolist(), "a"], ("does not hold numbers",)),
        (Y[:3], ("y has 3 labels for 501 data",)),
    ],
)
def test_what_are_no_labels_is_named(y, words):
    message = refusal(Conditional(), X, y)
    assert all(word in message for word in words), message


def test_a_label_that_a_model_cannot_look_up_is_a_failed_row_that_names_it():
    class Own(Conditional):
        n_classes = None  # it does not say how many there are

        def given(self, y):
            view = super().given(y)
            view.posterior = lambda x: torch.zeros(3)[y]
            return view

    frame = genbench.evaluate(Own(), X, Y + 1, evaluators="elbo")
    assert frame.status.tolist() == ["failed"]
    assert frame.reason.str.startswith("posterior(x) raised IndexError: index 3").all()
    asked = ": y has the label 3; does the model have so many classes?"
    assert frame.reason.str.endswith(asked).all()


def test_data_of_another_size_are_refused_with_both_shapes():
    message = refusal(UserVae(), BINARY[:, :256].reshape(-1, 1, 16, 16))
    assert "(1, 16, 16), 256 numbers" in message
    assert "(784,), 784 numbers" in message
    assert "x has data of shape (), 1 numbers each" in refusal(UserVae(), BINARY[0])


def test_images_whose_dimensions_stand_in_another_order_are_refused():
    message = refusal(WrongPosterior(LINEAR), X.permute(0, 1, 3, 2))
    assert "shape (1, 4, 3), the model's images have shape (1, 3, 4)" in message
    assert "x.permute" in message


@pytest.mark.parametrize(
    ("shape", "of_model"),
    [
        ((784,), (1, 28, 28)),
        ((1, 28, 28), (784,)),
        ((28, 28), (1, 28, 28)),
        ((28, 28, 1), (1, 28, 28)),
        ((3, 4, 5), (3, 4, 5)),
        ((1,), ()),
    ],
)
def test_flat_data_and_dimensions_of_one_pass(shape, of_model):
    check_layout(shape, of_model)


@pytest.mark.parametrize(
    ("shape", "of_model"),
    [((32, 32, 3), (3, 32, 32)), ((20, 28), (28, 20)), ((4, 7), (28, 28)), ((2, 392), (28, 28))],
)
def test_other_layouts_do_not(shape, of_model):
    with pytest.raises(ConfigError, match="x has data of shape"):
        check_layout(shape, of_model)


def test_rows_of_another_length_are_refused_with_the_reshape():
    with pytest.raises(ConfigError, match=r": x\.reshape\(-1, 1, 4, 16\), if you mean that,"):
        check_layout((1, 8, 8), (1, 4, 16))


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        (
            lambda n: torch.zeros(60, 12),
            "sample(1000) returned a tensor (60, 12) of float32; expected images (1000, 1, 3, 4)",
        ),
        (
            lambda n: torch.zeros(n, 3, 4, 1).permute(0, 2, 1, 3),
            "sample(1000) returned a tensor (1000, 4, 3, 1) of float32; expected images"
            " (1000, 1, 3, 4): .permute(0, 2, 1, 3)",
        ),
        (
            lambda n: None,
            "sample(1000) returned None (is a return missing?); expected images (1000, 1, 3, 4)",
        ),
    ],
)
def test_a_sample_that_is_not_n_images_is_a_failed_row(returned, reason):
    class Own:
        def sample(self, n):
            return returned(n)

    frame = genbench.evaluate(Own(), X, evaluators=PARZEN, options={PARZEN: {"scale": 0.3}})
    assert frame.status.tolist() == ["failed"]
    assert frame.reason.tolist() == [reason]


def test_a_sampler_that_keeps_its_word_is_scored():
    options = {PARZEN: {"scale": 0.3, "n_samples": 100}}
    frame = genbench.evaluate(small_gan(), X, evaluators=PARZEN, options=options)
    assert frame.status.tolist() == ["ok"]


def test_a_gan_with_batch_norm_is_scored_on_a_single_image_or_says_why_not():
    class Own(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = torch.nn.Sequential(torch.nn.Linear(2, 12), torch.nn.BatchNorm1d(12))

        def sample(self, n):
            return self.net(torch.randn(n, 2)).sigmoid()

    model = Own().train()
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        model.sample(1)
    options = {PARZEN: {"scale": 0.3, "n_samples": 100}, "mmd2": {"bandwidth": 1.0}}
    frame = genbench.evaluate(model, X[:1], None, (PARZEN, "mmd2"), options)
    assert frame.status.tolist() == ["ok", "failed"]
    assert frame.reason[1] == "a distance between data needs at least two of them"
    assert genbench.check_model(model, X[:1]).verdict.isin(["pass", "note"]).all()


def test_one_name_is_not_its_letters():
    one = genbench.evaluate(PlainVae(), BINARY.double(), evaluators="elbo")
    pd.testing.assert_frame_equal(
        one, genbench.evaluate(PlainVae(), BINARY.double(), evaluators=("elbo",))
    )
    assert one.metric.tolist() == ["elbo"]


def test_gradients_are_taken_under_inference_mode_too():
    options = {"inference_gap": {"n_data": 5, "n_steps": 2, "n_pairs": 1, "n_samples": 3}}
    model = PlainVae()
    with torch.inference_mode():
        x = BINARY.double() + 0.0
        frame = genbench.evaluate(model, x, evaluators="inference_gap", options=options)
    assert set(frame.status) == {"ok"}
