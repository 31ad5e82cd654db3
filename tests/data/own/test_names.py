"""What a stated name can be: a data set's, or a path."""

import pytest

from genbench.core.errors import ConfigError
from genbench.data import DataConfig
from genbench.data.own.names import looks_like_a_path


@pytest.mark.parametrize("name", ["x" * 300, "x" * 5000, "a\0b"])
def test_a_name_that_no_file_can_have_is_that_of_an_unknown_data_set(name):
    assert not looks_like_a_path(name)
    with pytest.raises(ConfigError, match="unknown data set"):
        DataConfig.read({"name": name}, "data")
