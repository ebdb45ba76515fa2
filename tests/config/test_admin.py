"""An admin token of the house's own: taken where it cannot be guessed, and never shown."""

from __future__ import annotations

import pytest

from koci_proxy.config import ConfigError, load

from .conftest import ENVIRON, GOOD, Write

TOKEN = "uT4-qkZ9vX_2mWc7Rb1Nw8Ys3"
ROUTES = GOOD + "admin: ${KOCI_ADMIN_TOKEN}\n"


def test_a_token_that_nobody_can_guess(write: Write) -> None:
    house = load(write({"routes.yaml": ROUTES}), {**ENVIRON, "KOCI_ADMIN_TOKEN": TOKEN})
    assert house.admin == TOKEN
    assert TOKEN in house.secrets
    assert TOKEN not in repr(house)


def test_one_from_a_file(write: Write) -> None:
    routes = GOOD + "admin: ${file:token}\n"
    assert load(write({"routes.yaml": routes, "token": f"{TOKEN}\n"}), ENVIRON).admin == TOKEN


def test_none(write: Write) -> None:
    assert load(write({"routes.yaml": GOOD}), ENVIRON).admin is None


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("", "must not be empty"),
        ("hunter2", "can be guessed: it has 7 characters; 24 are the least"),
        (TOKEN[:23], "can be guessed: it has 23 characters"),
        ("x9Kq2" * 6, "can be guessed: it repeats itself"),
        ("admin-secret-token-admin-secret", "can be guessed: it is made of common words"),
        (TOKEN + " ", "holds a space or a letter that no header can carry"),
        (TOKEN + "\n", "holds a space or a letter"),
        (TOKEN + "ü", "holds a space or a letter"),
    ],
)
def test_a_weak_one_is_refused_with_its_place_and_not_shown(token: str, why: str, write: Write) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write({"routes.yaml": ROUTES}), {**ENVIRON, "KOCI_ADMIN_TOKEN": token})
    (complaint,) = [str(one) for one in caught.value.complaints]
    assert complaint.startswith("routes.yaml:5:8: admin: ")
    assert why in complaint
    assert not token or token not in complaint


def test_a_variable_that_is_not_set(write: Write) -> None:
    with pytest.raises(ConfigError, match="admin: the variable KOCI_ADMIN_TOKEN is not set"):
        load(write({"routes.yaml": ROUTES}), ENVIRON)
