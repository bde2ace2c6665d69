"""Where files are: local, S3, manifests, whole-or-nothing outputs."""
