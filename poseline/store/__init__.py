"""Where files are: local, S3, HTTP, manifests, whole-or-nothing outputs."""

from poseline.store.transfer import exists, fetch, listing, listing_hash, publish, writable

__all__ = ["exists", "fetch", "listing", "listing_hash", "publish", "writable"]
