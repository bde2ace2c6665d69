"""Where files are: local, S3, manifests, whole-or-nothing outputs."""

from poseline.store.uri import fetch

__all__ = ["fetch"]
