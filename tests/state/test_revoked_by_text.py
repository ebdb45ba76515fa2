"""`koci-proxy keys revoke` while routes.yaml is no YAML: by the text of its `state`, and never somewhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from .test_key_commands import Koci, commander, found

BROKEN = 'styles: {ink: "in ink}\n'


@pytest.mark.parametrize("broken", [BROKEN, "models: [\n", "- x\n", "x: \xff\n"])
def test_a_key_is_revoked_while_routes_yaml_is_no_yaml(tmp_path: Path, url: str, broken: str) -> None:
    routes, koci = tmp_path / "routes.yaml", written(tmp_path, f'state: "{url}"\n')
    plain = koci("keys", "new", "shop").stdout.strip()
    routes.write_bytes((routes.read_text(encoding="utf-8") + broken).encode("latin-1"))
    assert koci("keys", "list").exit_code == 1
    revoked = koci("keys", "revoke", "shop")
    assert (revoked.exit_code, revoked.stdout) == (0, "revoked shop\n"), revoked.stderr
    assert "routes.yaml is not readable as YAML; by its text the keys are in" in revoked.stderr
    assert found(url, plain) is None
    assert "there is no live key 'shop'" in koci("keys", "revoke", "shop").stderr


@pytest.mark.parametrize(
    "line",
    [
        "state: sqlite:///koci.db  # and jobs; or postgresql://…",
        "state: 'sqlite:///koci.db'",
        'state: "sqlite:///${KOCI_TEST_NAME}.db"',
        "state: sqlite:///${KOCI_TEST_NONE:-koci}.db",
        "state: ${file:url.txt}\n# state: sqlite:///other.db",
    ],
)
def test_where_the_keys_are_is_read_from_the_text_as_from_yaml(
    tmp_path: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KOCI_TEST_NAME", "koci")
    (tmp_path / "url.txt").write_text("sqlite:///koci.db\n", encoding="utf-8")
    made = written(tmp_path, line)
    assert made("keys", "new", "shop").exit_code == 0
    assert (tmp_path / "koci.db").exists()
    assert written(tmp_path, line, BROKEN)("keys", "revoke", "shop").exit_code == 0


def test_without_a_state_it_is_the_default_where_that_is_there(tmp_path: Path) -> None:
    assert written(tmp_path, "")("keys", "new", "shop").exit_code == 0
    assert written(tmp_path, "# state: sqlite:///other.db", BROKEN)("keys", "revoke", "shop").exit_code == 0


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("", "there is no database {folder}/data/koci.db"),
        ("state: sqlite:///gone.db", "there is no database {folder}/gone.db"),
        ("state: ${KOCI_TEST_NONE}", "the variable KOCI_TEST_NONE is not set"),
        ("state: sqlite:///koci.db\nstate: sqlite:///two.db", "leaves open"),
        (" state: sqlite:///koci.db", "leaves open"),
        ("state sqlite:///koci.db", "leaves open"),
        ("stat: sqlite:///koci.db", "leaves open"),
        ('"state": sqlite:///koci.db', "leaves open"),
        ("state: >\n  sqlite:///koci.db", "leaves open"),
        ("state: sqlite:///koci.db\n  more", "leaves open"),
        ("state: 'sqlite:///koci.db", "leaves open"),
        ("state: {a: b}", "leaves open"),
        ("state:", "leaves open"),
    ],
)
def test_a_key_is_revoked_in_no_other_database_than_the_house_s(tmp_path: Path, lines: str, why: str) -> None:
    assert written(tmp_path, "state: sqlite:///koci.db")("keys", "new", "shop").exit_code == 0
    files = sorted(tmp_path.iterdir())
    told = written(tmp_path, lines, BROKEN)("keys", "revoke", "shop")
    assert told.exit_code == 1
    assert told.stderr.startswith("Error: NOT revoked: routes.yaml")
    assert why.format(folder=tmp_path) in told.stderr
    assert told.stderr.endswith("; DELETE /admin/keys/shop on the running proxy does it\n")
    assert sorted(tmp_path.iterdir()) == files
    assert written(tmp_path, "state: sqlite:///koci.db", BROKEN)("keys", "revoke", "shop").exit_code == 0


def test_a_state_that_stands_there_twice_is_none(tmp_path: Path) -> None:
    twice = "state: sqlite:///koci.db\nstate: sqlite:///two.db"
    told = written(tmp_path, twice)("keys", "revoke", "shop")
    assert "NOT revoked: routes.yaml says twice where the keys are; DELETE /admin/keys/shop" in told.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["routes.yaml"]


def written(folder: Path, *lines: str) -> Koci:
    """A house with these lines in its routes.yaml."""
    head = "platforms: {openai: openai}\nmodels: {picture: {to: sandbox-openai/gpt-image-2}}"
    (folder / "routes.yaml").write_text("\n".join((head, *lines)), encoding="utf-8")
    return commander(folder / "routes.yaml")
