"""Every row of the taxonomy: its certificate, and its code as a program of at most 15 lines."""

import math
import re
from pathlib import Path

import pytest
import torch

from torsor.errors import ConfigError
from torsor.taxonomy import ALIVE, EXACT, ROWS, find, measure

pytestmark = pytest.mark.filterwarnings("ignore::torsor.errors.BottleneckWarning")
PLANE = ["E1", "E3", "E4", "E5", "E6a", "E6b", *(f"E{k}" for k in range(7, 17))]
SPACE = [f"E{k}" for k in range(20, 30)]
SYSTEMS = ["S1", "S2", "S6", "S7", "S8", "S9", "S10", "S12", "S13", "S14"]


def test_the_rows_that_there_should_be():
    assert set(PLANE + SPACE + SYSTEMS + ["E2", "E17", "E18", "E19"]) <= set(ROWS)
    assert all(row.id == identity and row.name and row.space and row.group for identity, row in ROWS.items())


@pytest.mark.parametrize("identity", ROWS)
def test_certificate(identity):
    measured = measure(ROWS[identity])
    assert measured.certificates
    for c in measured.certificates:
        assert c.ok, c
        assert 0 <= c.error <= c.budget and c.unconstrained > ALIVE and c.norm > 0
        if c.outside is not None:
            assert c.outside > ALIVE and c.sensitivity > ALIVE and c.elements >= 16
        if c.refinement:
            assert all(a > b for a, b in zip(c.refinement, c.refinement[1:], strict=False))
        else:
            assert c.budget == EXACT or c.elements == 0
    assert measured.ok


@pytest.mark.parametrize("identity", ROWS)
def test_code_runs_in_a_fresh_namespace(identity):
    code = ROWS[identity].code
    assert code.startswith(("from torsor import", "import torch\nfrom torsor")) and "row" not in code.splitlines()[0]
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 15, code
    namespace: dict = {}
    exec(compile(code, identity, "exec"), namespace)
    build = namespace[re.search(r"^def (\w+)\(\)", code, re.MULTILINE).group(1)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        built = build()
    built = built if isinstance(built, list | tuple) else [built]
    for here, there in zip(built, ROWS[identity].networks(), strict=True):
        if isinstance(here, torch.nn.Module):
            pairs = zip(here.parameters(), there.parameters(), strict=True)
            assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("identity", [i for i in ROWS if i.startswith("E")])
def test_networks_have_two_convolutions_multiplicities_and_a_nonlinearity(identity):
    from torsor.nn import Conv

    for net in ROWS[identity].networks():
        convs = [layer for layer in net if isinstance(layer, Conv)]
        assert len(convs) >= 2 and len(net) > len(convs)
        for rep in (net.in_rep, *(conv.out_rep for conv in convs)):
            terms = [term for m, term in rep.terms for _ in range(m)]
            assert max(terms.count(term) for term in terms) >= 2


def test_weights_are_random_and_the_seed_is_respected():
    row, state = ROWS["E3"], torch.random.get_rng_state()
    one, other, again = (row.networks(seed)[0][0].weight for seed in (0, 1, 0))
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_documentation_lists_every_row():
    page = (Path(__file__).parents[2] / "docs" / "pages" / "taxonomy.md").read_text(encoding="utf-8")
    assert all(f"| **{identity}** |" in page for identity in ROWS)


def test_find():
    assert find("e6B") is ROWS["E6b"]
    with pytest.raises(ConfigError, match=r"'E99'; there are E1, E2, E3"):
        find("E99")


def test_a_measured_row_as_plain_numbers():
    data = measure(ROWS["E3"]).to_dict()
    assert {"id", "ok", "error", "budget", "seconds"} <= set(data)
    assert data["id"] == "E3" and data["ok"] is True and data["budget"] == EXACT and math.isfinite(data["error"])
    assert data["networks"][0]["refinement"] == [] and data["networks"][0]["ok"] is True
