"""Tests of the connector SDK by itself."""
