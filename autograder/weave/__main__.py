"""`python -m autograder.weave`."""

import sys

from autograder.weave import main

sys.exit(main(sys.argv[1:]))
