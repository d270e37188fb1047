"""Explanation methods by name (`methods`), one module each: `method(model, images, target)` returns one map per image.

`images` are raw pixels in 0..255; `target` is +1 (what speaks for PNEUMONIA) or -1 (for NORMAL), one for all images
or one per image. Every method explains the log-odds of PNEUMONIA, never the saturating probability, on a private
float32 copy of the model, so that neither the model nor the images are changed. What hides a region (`hiding`) is the
same for all methods that hide some.
"""
