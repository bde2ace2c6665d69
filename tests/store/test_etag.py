import pytest

from poseline.store import etag


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "object"
    path.write_bytes(b"0123456789" * 10)
    return path


@pytest.mark.parametrize("sizes", [[100], [40, 40, 20], [50, 50], [30, 60, 10], [1] * 100])
def test_an_etag_of_parts_is_compared_whatever_their_sizes(file, sizes):
    tag = etag.of_parts(file, sizes)
    told = dict(enumerate(sizes, 1)).get
    assert not etag.contradicts(file, tag, told)
    file.write_bytes(b"0123456789" * 9 + b"012345678x")
    assert etag.contradicts(file, tag, told)


def test_what_the_storage_does_not_tell_is_not_held_against_a_file(file):
    other = etag.of_content(b"other")
    assert etag.contradicts(file, other, lambda _: None)
    assert not etag.contradicts(file, f'{other[:-1]}-3"', lambda _: None)
    assert not etag.contradicts(file, f'{other[:-1]}-3"', lambda _: 100)  # it gives the whole
    assert not etag.contradicts(file, '"a-name-of-another-form"', lambda _: 40)
