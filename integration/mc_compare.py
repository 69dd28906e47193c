"""What memcached says beside what a proxy says: fixtures of the tests that compare both. A file of tests has
them by importing their names.

A `place` is memcached, a proxy over one node or a proxy over three, one after the other.
"""

import pytest

PLACES = ["direct", "one_node", "three_nodes"]


class Pair:
    """Memcached and a proxy; a test's own class says how it connects to them."""

    connection = None

    def __init__(self, places, name):
        self.direct, self.proxied = places["direct"], places[name]

    def ask(self, *pieces):
        """What each says to these bytes until it closes."""
        both = []
        for place in (self.direct, self.proxied):
            with self.connection(place.address) as conn:
                both.append(conn.drain(*pieces))
        return both


@pytest.fixture(params=PLACES)
def place(request, mc_places):
    return mc_places[request.param]


@pytest.fixture
def no_direct(mc_places):
    if not mc_places["three_nodes"].proxy:
        pytest.skip("this is about the proxy")


@pytest.fixture
def proxied(no_direct, mc_places):
    """A proxy over three nodes, for what is not as with memcached."""
    return mc_places["three_nodes"]
