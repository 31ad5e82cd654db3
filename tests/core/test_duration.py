"""Work that cannot end is refused; what takes months is not."""

import pytest

from genbench.core.duration import A_SECOND, YEAR, require_time
from genbench.core.errors import ConfigError


def test_what_ends_within_a_year_passes():
    require_time(A_SECOND * YEAR, "training")


@pytest.mark.parametrize("years", [2, 10**9, 10**400])
def test_what_does_not_is_refused_with_the_years(years):
    with pytest.raises(ConfigError, match=rf"^training would take over {years:,} years, at "):
        require_time(A_SECOND * YEAR * years + 1, "training")
