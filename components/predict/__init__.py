"""The `predict` component."""
