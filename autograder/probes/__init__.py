"""The callables and small objects that a case may name as an argument; the same ones in the kernel and in a worker."""

from autograder.probes import judging as _judging  # noqa: F401  (registers its probes)
from autograder.probes import label_errors as _label_errors  # noqa: F401
from autograder.probes import levels as _levels  # noqa: F401
from autograder.probes import named as _named  # noqa: F401
from autograder.probes import networks as _networks  # noqa: F401
from autograder.probes import segmenting as _segmenting  # noqa: F401
from autograder.probes import staged as _staged  # noqa: F401
from autograder.probes import training as _training  # noqa: F401
from autograder.probes import trials as _trials  # noqa: F401
from autograder.probes.makers import make, probe

__all__ = ["make", "probe"]
