"""The callables and small objects that a case may name as an argument; the same ones in the kernel and in a worker."""

from autograder.probes import training as _training  # noqa: F401  (registers its probes)
from autograder.probes.makers import make, probe

__all__ = ["make", "probe"]
