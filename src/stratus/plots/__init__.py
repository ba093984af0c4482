"""Every picture, one function each: plain arrays in, a figure or a page out.

This room knows no models and no crystals. Nothing here shows a window or keeps a figure: save what
you get with :func:`stratus.plots.figure.save_figure`.
"""
