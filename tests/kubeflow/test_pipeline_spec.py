import contextlib
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from poseline.kubeflow.pipeline_spec import VersionSpec

COMPILED = Path(__file__).parents[2] / "pipelines/compiled/chain_tqe.yaml"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["root", "components", "dag", "tasks", "componentRef", "name", "executorLabel"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


def test_the_templates_of_a_chain():
    pipeline, platform = yaml.safe_load_all(COMPILED.read_text())
    spec = VersionSpec.parse({"pipeline_spec": pipeline, "platform_spec": platform})
    assert spec.pipeline.info.name == "poseline-chain-tqe"
    templates = spec.templates()
    assert {"train", "quantize", "finish"} <= set(templates)
    assert all(name.endswith("system-container-impl") for name in templates.values())
    assert VersionSpec.parse(pipeline).templates().keys() == templates.keys()


@given(st.dictionaries(st.sampled_from(["root", "components", "pipelineInfo"]), VALUES))
def test_whatever_a_server_answers_is_read_or_refused(spec):
    with contextlib.suppress(ValidationError):
        assert isinstance(VersionSpec.parse(spec).templates(), dict)


@pytest.mark.parametrize("spec", [{"components": []}, {"root": {"dag": {"tasks": {"a": 3}}}}])
def test_what_is_no_pipeline_is_refused(spec):
    with pytest.raises(ValidationError):
        VersionSpec.parse(spec)
