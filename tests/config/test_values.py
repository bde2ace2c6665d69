import pytest
from hypothesis import given
from hypothesis import strategies as st

from poseline.config.models.literals import LayerRange, parse_layers, parse_number, parse_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1/127.5", 1 / 127.5),
        ("1./255", 1 / 255),
        ("1/255.", 1 / 255),
        ("-1/2", -0.5),
        ("1e-7", 1e-7),
        (".5", 0.5),
        ("(192, 192, 3)", (192, 192, 3)),
        ("(-0.1,0.1)", (-0.1, 0.1)),
        ("(1/2, 3)", (0.5, 3)),
        ("(5,)", (5,)),
        ("()", ()),
        ("[[192,192],[224,224]]", ((192, 192), (224, 224))),
        ("None", None),
        ("True", True),
        ("imagenet", "imagenet"),
        ("__import__('os')", "__import__('os')"),
        ("(1, 2", "(1, 2"),
        ("1)(2", "1)(2"),
        ("1/2/3", "1/2/3"),
        ("9" * 5000, "9" * 5000),
        ("(" * 500 + ")" * 500, None),
    ],
)
def test_reads_the_quirks_of_existing_files(text, value):
    read = parse_value(text)
    if value is None and "(" in text:  # deeper than any config: read without recursing to the end
        while isinstance(read, tuple):
            read = read[0]
        assert isinstance(read, str)
    else:
        assert read == value


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("(0:154)", (LayerRange(0, 154),)),
        ("(0:-1)", (LayerRange(0, -1),)),
        ("3:7", (LayerRange(3, 7),)),
        ("(50:)", (LayerRange(50, None),)),
        ("(:)", (LayerRange(None, None),)),
        ("(0)", (0,)),
        ("(8, 110:121, -1)", (8, LayerRange(110, 121), -1)),
    ],
)
def test_reads_layers(text, parts):
    assert parse_layers(text).parts == parts


@pytest.mark.parametrize("text", ["a:b", "", "()", "(1:2:3)", "(0:154", "1 2", "(,)"])
def test_text_that_names_no_layers(text):
    assert parse_layers(text) is None


layer_parts = st.one_of(
    st.integers(-300, 300),
    st.builds(LayerRange, *[st.none() | st.integers(-300, 300)] * 2),
)


@given(st.lists(layer_parts, min_size=1, max_size=5), st.integers(1, 200))
def test_layers_select_as_python_slices_do(parts, count):
    expected = set()
    for part in parts:
        numbers = list(range(count))
        if isinstance(part, LayerRange):
            expected |= set(numbers[slice(*part)])
        elif -count <= part < count:
            expected.add(numbers[part])
    selection = parse_layers(f"({', '.join(map(str, parts))})")
    assert selection.of(count) == sorted(expected)
    assert parse_layers(str(selection)) == selection


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_survive_their_text(number):
    assert parse_number(repr(number)) == number


@given(st.integers(-(10**6), 10**6), st.integers(1, 10**6))
def test_fractions_are_quotients(above, below):
    assert parse_number(f"{above}/{below}") == above / below


@given(st.recursive(st.integers(), lambda inner: st.lists(inner, min_size=1).map(tuple)))
def test_tuples_survive_their_text(value):
    def depth(item):
        return 1 + max(map(depth, item)) if isinstance(item, tuple) else 0

    if depth(value) <= 16 and len(repr(value)) <= 4096:
        assert parse_value(repr(value)) == value


@given(st.text() | st.text("0123456789.,()[]/-+eE: "))
def test_any_text_is_a_value_or_a_division_by_zero(text):
    for parse in (parse_value, parse_layers):
        try:
            parse(text)
        except ValueError as error:
            assert "zero denominator" in str(error)
