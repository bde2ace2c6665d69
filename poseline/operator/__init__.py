"""The Kubernetes operator: plan, handlers, status."""
