"""Where files are: local, S3, HTTP, manifests, whole-or-nothing outputs."""

from poseline.store.fingerprint import fingerprint
from poseline.store.transfer import exists, fetch, listing, listing_hash, publish, writable

__all__ = ["exists", "fetch", "fingerprint", "listing", "listing_hash", "publish", "writable"]
