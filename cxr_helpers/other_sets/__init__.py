"""Sets beside the films of children, each read in the layout in which it is published: labels, skin lesions, brain slices."""
