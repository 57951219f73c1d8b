"""Each promise names a test that is there, and a line that is there to be broken."""
import re

import pytest

import promises
import promises_faults

PROMISES = promises.PROMISES + promises_faults.PROMISES
ROOT = promises.ROOT


@pytest.mark.parametrize("test", sorted({promise[1] for promise in PROMISES}))
def test_is_there(test):
    name, _, function = test.partition("::")
    if name.startswith("chaos/"):
        name = "chaos/part_%s.py" % name.partition("/")[2]
    source = (ROOT / "tests" / name).read_text(encoding="utf-8")
    assert not function or re.search(r"^def %s\(" % function, source, re.M)


def test_each_fault_can_still_be_planted():
    sources = {row[2]: (ROOT / "claude_proxy" / row[2]).read_text(encoding="utf-8") for row in PROMISES}
    assert [row[0] for row in PROMISES if row[3] not in sources[row[2]] or row[3] == row[4]] == []
