"""hpsearch: hyper-parameter sweeps for people who fine-tune text classifiers on one GPU."""

__all__ = ["__version__"]

__version__ = "0.1.0"
