"""Where each image of a grid stands."""

import io

import numpy as np
import pytest
from PIL import Image

from genbench.reporting.figures import grids


def numbered(*shape):
    """One-pixel images, each with its own intensity."""
    return np.arange(np.prod(shape), dtype=np.uint8).reshape(*shape, 1, 1, 1)


def test_the_manifold_is_laid_out_row_by_row_without_gaps():
    images = np.arange(2 * 3 * 1 * 4 * 2, dtype=np.uint8).reshape(2, 3, 1, 4, 2)
    grid = grids.manifold_grid({"manifold": images})
    assert grid.shape == (8, 6, 1)
    for row, column in np.ndindex(2, 3):
        tile = grid[4 * row : 4 * row + 4, 2 * column : 2 * column + 2, 0]
        assert (tile == images[row, column, 0]).all()


def test_a_path_stands_between_its_two_images():
    arrays = {"interpolations": numbered(2, 3), "interpolation_ends": 100 + numbered(2, 2)}
    grid = grids.interpolation_grid(arrays)[1::2, :, 0]
    assert grid[0][[1, 8, 10, 12, 19]].tolist() == [100, 0, 1, 2, 101]
    assert grid[1][[1, 8, 10, 12, 19]].tolist() == [102, 3, 4, 5, 103]
    assert (grid[:, 3:7] == 255).all()


def test_no_grid_without_its_tensors():
    assert grids.manifold_grid({}) is None
    assert grids.interpolation_grid({"interpolations": numbered(1, 3)}) is None


def test_grid_places_each_image_in_its_tile():
    images = np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1) + 100
    assert grids.tiled(images, 2)[1::2, 1::2, 0].tolist() == [[100, 101], [102, 58]]
    classes = np.arange(4, dtype=np.uint8).reshape(2, 2, 1, 1, 1)  # class 0: 0, 1; class 1: 2, 3
    grid = grids.class_grid({"class_samples": classes})
    assert grid is not None
    assert grid[1::2, 1::2, 0].tolist() == [[0, 2], [1, 3]]


def test_a_strip_holds_the_first_samples_edge_to_edge():
    samples = np.arange(3 * 3 * 2 * 4, dtype=np.uint8).reshape(3, 3, 2, 4)
    strip = grids.sample_strip({"samples": samples}, 2)
    assert strip is not None
    assert strip.shape == (2, 8, 3)
    assert (strip[:, 4:] == samples[1].transpose(1, 2, 0)).all()
    assert grids.sample_strip({"samples": samples}).shape == (2, 12, 3)


def test_a_strip_of_a_conditional_model_shows_one_sample_of_each_class():
    strip = grids.sample_strip({"class_samples": numbered(3, 4)}, 10)
    assert strip is not None
    assert strip[0, :, 0].tolist() == [0, 4, 8]


def test_reconstructions_are_no_samples():
    images = numbered(3)
    assert grids.sample_strip({"reconstructions": images, "originals": images}) is None


def coloured(n, *shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def test_the_page_shows_every_colour_as_it_is():
    images = coloured(64, 3, 6, 5)
    grid = grids.sample_grid({"samples": images})
    assert grid is not None
    png = np.asarray(Image.open(io.BytesIO(grids.grid_png(grid))))
    factor = png.shape[1] // grid.shape[1]
    assert (png[::factor, ::factor] == grid).all()
    assert (grid[1:7, 1:6] == np.moveaxis(images[0], 0, -1)).all()


@pytest.mark.parametrize(
    ("shape", "columns"),
    [((1, 28, 20), 8), ((1, 1, 1), 8), ((1, 1, 9), 3), ((1, 5, 200), 1), ((3, 200, 5), 51)],
)
def test_a_grid_of_long_images_is_not_much_longer_than_one_of_squares(shape, columns):
    grid = grids.sample_grid({"samples": coloured(64, *shape)})
    assert grid is not None
    assert (grid.shape[1] - 1) / (shape[2] + 1) == columns
    assert 0.4 < grid.shape[0] / grid.shape[1] < 2.5


def test_large_images_in_colour_are_fewer_and_then_smaller():
    fewer = grids.sample_grid({"samples": coloured(64, 3, 64, 64)})
    assert fewer is not None
    assert fewer.shape == (4 * 65 + 1, 8 * 65 + 1, 3)
    pairs = {"originals": coloured(16, 3, 128, 128), "reconstructions": coloured(16, 3, 128, 128)}
    rows = grids.reconstruction_grid(pairs)
    assert rows is not None
    assert rows.shape == (2 * 129 + 1, 8 * 129 + 1, 3)
    small = grids.reduced(rows)
    assert small.size <= 1.01 * grids.MOST_NUMBERS
    assert small.shape[0] / small.shape[1] == pytest.approx(rows.shape[0] / rows.shape[1], 0.01)
    assert np.allclose(small.mean(axis=(0, 1)), rows.mean(axis=(0, 1)), atol=1.0)


def test_reducing_averages_areas_of_each_channel():
    grid = np.zeros((4, 4, 3), dtype=np.uint8)
    grid[::2, :, 0] = 200
    assert grids.reduced(grid, 12).tolist() == [[[100, 0, 0]] * 2] * 2
    assert grids.reduced(grid, 48) is grid
    grey = np.full((4, 4, 1), 7, dtype=np.uint8)
    assert grids.reduced(grey, 4).tolist() == [[[7]] * 2] * 2


def test_a_strip_has_as_many_samples_as_fit():
    wide = grids.sample_strip({"samples": coloured(64, 1, 5, 200)})
    high = grids.sample_strip({"samples": coloured(64, 1, 200, 5)})
    assert wide is not None
    assert high is not None
    assert (wide.shape, high.shape) == ((5, 200, 1), (200, 320, 1))


def test_a_long_image_stands_in_the_middle_of_its_tile():
    tiles = grids.padded(np.full((2, 3, 1, 9), 7, dtype=np.uint8))
    assert tiles.shape == (2, 3, 4, 9)
    assert (tiles[:, :, 1] == 7).all()
    assert (tiles[:, :, [0, 2, 3]] == 58).all()
    square = np.ones((2, 1, 8, 5))
    assert (grids.padded(square) == square).all()
