"""Tables of the supplement."""
