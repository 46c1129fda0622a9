"""The documentation is true: generated pages are up to date, links lead somewhere, snippets are run."""
