"""Cases of recurrent layers and wrappers; generate_cases.py runs them.

K and L are the Keras that is asked, 2 or 3, and its layers; generate_cases.py sets them.
"""
from golden import *

L = K.layers
CLASSES = {}
# Those whose files or answers are others in Keras 3.
KERAS3 = []


def file(f):
    CLASSES[f.__name__] = f
    return f
