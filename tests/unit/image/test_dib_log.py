"""What went wrong, out of diskimage-builder's output."""

from __future__ import annotations

from image.dib_log import Diagnosis

OUTPUT = """\
2026-11-20 10:07:25.442 | dib-run-parts 50-trees completed
2026-11-20 10:07:25.442 | dib-run-parts Running /w/tmp/dib_build.7hYJJ7yr/hooks/extra-data.d/60-packages
2026-11-20 10:07:25.445 | /w/tmp/hooks/extra-data.d/60-packages: line 10: install: no such file
2026-11-20 10:07:25.455 | Unmount /w/tmp/dib_build.7hYJJ7yr/mnt/sys
2026-11-20 10:07:25.595 | INFO diskimage_builder.block_device.blockdevice [-] State already cleaned
"""


def test_the_hook_and_its_last_words_are_named_without_the_clean_up() -> None:
    diagnosis = Diagnosis()
    for line in OUTPUT.splitlines():
        diagnosis(line)
    assert diagnosis.sentence() == (
        "the element hook extra-data.d/60-packages failed:\n"
        "    /w/tmp/hooks/extra-data.d/60-packages: line 10: install: no such file"
    )


def test_without_a_hook_it_is_diskimage_builder_itself() -> None:
    diagnosis = Diagnosis()
    diagnosis("fstrim utility is not found")
    assert diagnosis.sentence() == "diskimage-builder failed:\n    fstrim utility is not found"
