"""The `compare` component."""
