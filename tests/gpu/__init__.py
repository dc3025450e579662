"""Everything on a GPU, with one command: `pytest tests/gpu`. P2V_GPU_TABLE names a file for the table.

Needs torch, torchvision, NumPy, SciPy, scikit-image, scikit-learn and pytest only.
"""

from tests.gpu import stand_ins

stand_ins.install()
