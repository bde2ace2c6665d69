"""Train pose models for microcontrollers as a production line."""

__version__ = "0.1.0"
