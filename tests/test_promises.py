"""Each promise about security names a test that is there."""
import re

import pytest

from promises import PROMISES, ROOT


@pytest.mark.parametrize("test", sorted({promise[1] for promise in PROMISES}))
def test_is_there(test):
    name, _, function = test.partition("::")
    source = (ROOT / "tests" / name).read_text(encoding="utf-8")
    assert not function or re.search(r"^def %s\(" % function, source, re.M)
