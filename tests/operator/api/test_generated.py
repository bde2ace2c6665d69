from pathlib import Path
from typing import get_args

from poseline.config.models.general import OperationMode
from poseline.config.schema.generate import generate
from poseline.operator.api import crd, rbac, reference
from poseline.operator.api.kinds import Chain

ROOT = Path(__file__).parents[3]


def test_nothing_generated_is_stale():
    outputs = {**crd.OUTPUTS, **rbac.OUTPUTS, **reference.OUTPUTS}
    assert generate(ROOT, check=True, outputs=outputs) == []


def test_the_chains_are_those_of_the_config():
    modes = {mode for mode in get_args(OperationMode) if mode.startswith("chain_")}
    assert {f"chain_{chain}" for chain in get_args(Chain)} == modes


def test_the_role_has_no_more_than_it_needs():
    for rule in (*rbac.SERVED, *rbac.OWN):
        assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
        assert "secrets" not in rule["resources"]
