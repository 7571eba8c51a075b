"""The helpers of the tests that act on the file behind a disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from loop_devices import replace_on_medium

PAGE = 4096


@pytest.mark.parametrize("extents", [(0, 2), (1, 3, 4, 9), (0, 64, 300, 301, 700)])
def test_a_text_is_replaced_in_every_extent_of_a_sparse_file_and_nothing_else_changes(
    tmp_path: Path, extents: tuple[int, ...]
) -> None:
    file = tmp_path / "disk"
    with file.open("xb") as made:
        for number in extents:
            made.seek(number * PAGE)
            made.write(b"before-%03d" % number + b"the text" + b"after")
        made.truncate(1000 * PAGE)
    expected = file.read_bytes().replace(b"the text", b"spoiled!")
    assert replace_on_medium(file, b"the text", b"spoiled!") == len(extents)
    assert file.read_bytes() == expected
