"""Pictures come in their order, and from threads only where they take long."""

import threading
import time
from collections import Counter
from dataclasses import dataclass

import pytest

from poseline.data.coco import Picture
from poseline.data.picture_batches import converted
from poseline.data.picture_choice import Chosen
from poseline.data.picture_conversion import Converted

NAMES = [Chosen(f"{n}.jpg", str(n)) for n in range(24)]


class Annotations:
    def picture(self, name):
        return Picture(name, 8, 8, ())


@dataclass
class Converter:
    """Takes its time, and says what thread it was in."""

    slow: set[str]

    def convert(self, picture, stem):
        if picture.name in self.slow:
            time.sleep(0.005)
        return Converted(Counter(kept=1), threading.get_ident())


def threads_of(slow, **options):
    given = {"jobs": 2, "batch": 4} | options
    work = converted(NAMES, Annotations(), Converter({n.name for n in slow}), **given)
    found = list(work)
    assert [name for name, _ in found] == [name for name, _ in NAMES]
    return [each.made for _, each in found]


def test_pictures_that_are_only_copied_get_no_thread():
    assert set(threads_of([])) == {threading.get_ident()}


def test_slow_pictures_get_threads_after_the_first_batch():
    here, found = threading.get_ident(), threads_of(NAMES)
    assert set(found[:4]) == {here}
    assert here not in found[4:]


def test_what_comes_after_slow_pictures_is_done_here_again():
    here, found = threading.get_ident(), threads_of(NAMES[:4])
    assert here not in found[4:8]
    assert set(found[-4:]) == {here}


def test_one_job_has_no_thread():
    assert set(threads_of(NAMES, jobs=1)) == {threading.get_ident()}


@pytest.mark.parametrize("at", [1, 9])
def test_an_error_ends_it(at):
    class Broken(Converter):
        def convert(self, picture, stem):
            if stem == str(at):
                raise OSError("full")
            return super().convert(picture, stem)

    with pytest.raises(OSError, match="full"):
        list(converted(NAMES, Annotations(), Broken({"0.jpg"}), jobs=2, batch=4))
