"""The `dataset-convert` component."""
