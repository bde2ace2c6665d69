"""From float to int8: one protocol over three tools."""
