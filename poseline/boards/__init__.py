"""The boards, and what a model costs on them."""
