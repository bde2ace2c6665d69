"""The Helm chart's values: their models, and the files generated from them."""
