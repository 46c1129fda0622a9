"""Pictures drawn by Pillow, in processes of their own; needs the extra ``media``."""

from chorally_core.adapters.pictures.drawing import DrawnApart

__all__ = ["DrawnApart"]
