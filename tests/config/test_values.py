import pytest
from hypothesis import given
from hypothesis import strategies as st

from poseline.config.values import LayerRange, parse_number, parse_range, parse_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1/127.5", 1 / 127.5),
        ("1./255", 1 / 255),
        ("-1/2", -0.5),
        ("1e-7", 1e-7),
        ("(192, 192, 3)", (192, 192, 3)),
        ("(-0.1,0.1)", (-0.1, 0.1)),
        ("[[192,192],[224,224]]", ((192, 192), (224, 224))),
        ("None", None),
        ("True", True),
        ("imagenet", "imagenet"),
        ("__import__('os')", "__import__('os')"),
        ("(1, 2", "(1, 2"),
    ],
)
def test_reads_the_quirks_of_existing_files(text, value):
    assert parse_value(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("(0:154)", (0, 154)), ("(0:-1)", (0, -1)), ("3:7", (3, 7)), ("(:)", None), ("a:b", None)],
)
def test_reads_ranges_of_layers(text, value):
    assert parse_range(text) == (LayerRange(*value) if value else None)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_survive_their_text(number):
    assert parse_number(repr(number)) == number


@given(st.recursive(st.integers(), lambda inner: st.lists(inner, min_size=1).map(tuple)))
def test_tuples_survive_their_text(value):
    assert parse_value(repr(value)) == value


@given(st.text())
def test_never_fails_on_text_without_a_division(text):
    if "/" not in text:
        parse_value(text)
