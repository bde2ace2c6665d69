"""The `search-orders` component."""
