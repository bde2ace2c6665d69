"""The `search-plan` component."""
