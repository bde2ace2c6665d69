"""The `resolve` component."""
