"""Bots of Teams over the Bot Framework's REST protocol, v3."""
