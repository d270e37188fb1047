"""Explanation methods by name (`methods`), one module each, which explain the log-odds of PNEUMONIA (`gradcam`)."""
