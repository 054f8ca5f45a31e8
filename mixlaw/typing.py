"""The type that every module shares."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
"""An array of float64; the suffix of a variable's name gives its shape, such as w_RxS."""
