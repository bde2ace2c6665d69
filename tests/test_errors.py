import errno
import os

import pytest

from poseline.errors import storage_error


@pytest.mark.parametrize(
    "number",
    [
        "ENOSPC",
        "EDQUOT",
        "EROFS",
        "EACCES",
        "EPERM",
        "ENOTDIR",
        "EISDIR",
        "ENAMETOOLONG",
        "ELOOP",
        "EMFILE",
        "ENFILE",
        "EIO",
        "EFBIG",
        "ENOENT",
    ],
)
def test_each_refusal_of_the_system_has_path_and_remedy(number):
    code = getattr(errno, number)
    error = storage_error(OSError(code, os.strerror(code), "/some/where"))
    assert error.exit_code == 5
    assert "/some/where" in error.message
    assert os.strerror(code) in error.message
    assert error.remedy


def test_a_refusal_without_number_or_path_keeps_its_words():
    assert storage_error(OSError("no such device")).message == "no such device"
    assert storage_error(OSError()).message == "OSError"
    assert "a → b" in storage_error(OSError(errno.EXDEV, "x", "a", None, b"b")).message
