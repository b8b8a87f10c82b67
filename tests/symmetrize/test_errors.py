"""What the wrappers refuse."""

import pytest
import torch

from tests.symmetrize.modules import plain
from torsor import groups as G
from torsor import kernels as K
from torsor import nn, symmetrize
from torsor import reps as R
from torsor.errors import ConfigError, FieldTypeError, GroupError


def test_errors():
    C4, one = G.Cyclic(4), R.trivial(G.Cyclic(4))
    net = plain(2, 1, 1)
    with pytest.raises(GroupError, match="needs a compact group"):
        symmetrize.GroupAverage(net, R.trivial(G.O(1, 1)), R.trivial(G.O(1, 1)))
    with pytest.raises(GroupError, match="too many"):
        symmetrize.GroupAverage(net, R.trivial(G.Symmetric(20)), R.trivial(G.Symmetric(20)))
    with pytest.raises(ConfigError, match="maximum"):
        symmetrize.GroupAverage(net, one, R.standard(C4), reduce="max")
    with pytest.raises(FieldTypeError, match="one group"):
        symmetrize.Augment(net, one, R.trivial(G.Cyclic(8)))
    with pytest.raises(FieldTypeError, match="expected fields of type"):
        symmetrize.GroupAverage(net, one, one)(torch.zeros(1, 3, 5, 5))
    with pytest.raises(GroupError, match="SO\\(d\\) and O\\(d\\)"):
        symmetrize.PrincipalFrames(C4)
    with pytest.raises(FieldTypeError, match="regular field"):
        symmetrize.Argmax(nn.Conv(one, one, K.Stencil(3)))
    with pytest.raises(FieldTypeError, match="no axes"):
        symmetrize.PrincipalFrames(G.SO(2))(torch.zeros(2, 1))
