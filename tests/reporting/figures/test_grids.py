"""Where each image of a grid stands."""

import numpy as np

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
