"""The operator's view of Kubeflow, on the double."""

import pytest
from support.kfp_double.package import PACKAGE
from support.kfp_double.server import serving

from poseline.errors import BackendError
from poseline.operator.experiments.runs import Runs
from poseline.operator.settings import Settings


def test_a_deleted_version_is_uploaded_again():
    with serving() as server:
        runs = Runs(Settings(kubeflow_host=server.url, kubeflow_timeout=5), "")
        with runs._kubeflow:  # closed at the end
            old = runs.prepare(PACKAGE)
            assert runs.prepare(PACKAGE) is old
            del server.objects.versions[old.id]
            with pytest.raises(BackendError, match="not found"):
                runs.submit("one", old, {}, "")
            new = runs.prepare(PACKAGE)
            runs.submit("one", new, {}, "")
    assert new.id != old.id and len(server.objects.runs) == 1
