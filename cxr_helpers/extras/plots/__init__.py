"""Figures of the supplement."""
