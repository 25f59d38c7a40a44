"""Tests that need neither AWS nor a network."""
