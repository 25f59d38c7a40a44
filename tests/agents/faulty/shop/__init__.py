"""Agents that keep every rule; each file beside this package spoils one of them in one place."""
