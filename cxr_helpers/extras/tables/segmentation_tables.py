    """Return title → picture of held-out synthetic images in a random variant: true outlines first, then predicted ones."""
