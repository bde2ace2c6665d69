"""The `dataset-join` component."""
