"""What each mode needs, in Python for the command line and in CEL for Kubernetes."""
