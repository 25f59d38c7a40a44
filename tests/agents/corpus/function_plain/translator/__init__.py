from .core import translate

__all__ = ["translate"]
