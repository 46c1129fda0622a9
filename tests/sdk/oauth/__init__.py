"""Tests of consents, grants and their renewal."""
