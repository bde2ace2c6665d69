"""The `dataset-split` component."""
