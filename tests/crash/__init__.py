"""The crash test: processes end at any point, and nothing is lost, nothing is twice."""
