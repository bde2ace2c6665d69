"""A set of drawn people: a stand-in for real pictures that needs no download."""
