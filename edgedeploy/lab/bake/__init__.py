"""Build the virtual board's image without root: packages in, a disk with its boot files out.

Everything in this folder is part of the recipe's hash: a change here means a new image.
"""
