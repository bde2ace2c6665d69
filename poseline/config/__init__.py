"""The only schema: pydantic models, their loading, and everything generated from them."""
