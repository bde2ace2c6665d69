"""What Kubeflow's API answers when it does not do what was asked."""

from __future__ import annotations

from poseline.errors import BackendError


class UnreachableError(BackendError):
    """No answer, or one that says to come back: 429 and 5xx. The same call may work later."""


class GarbledError(UnreachableError):
    """An answer that Kubeflow does not give: cut off, without end, or of other types."""


class DeniedError(BackendError):
    """The server does not know who calls, or does not let them: 401, 403, a login page."""


class NotFoundError(BackendError):
    """Kubeflow itself says that the object does not exist; a wrong address is `RefusedError`."""


class RefusedError(BackendError):
    """The server takes the call for wrong, or is not a Kubeflow API; repeating it is of no use."""


class ConflictError(RefusedError):
    """There is an object of this name already: 409."""
