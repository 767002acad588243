"""D-AR's check: people whose facts stand at drawn places, and figures by place."""

import check_d_ar
import pytest
from check_d_ar import Known, figures, slope
from made_up_people import KINDS, PLACES, people

from hf_selfdemo.core.manifest import read_json


def test_every_person_has_a_name_of_their_own_and_a_fact_of_every_kind():
    made = people(60, 0)
    assert len({person.name for person in made}) == 60
    assert all(sorted(fact.kind for fact in person.facts) == sorted(KINDS) for person in made)
    assert all(fact.value in KINDS[fact.kind].values for person in made for fact in person.facts)
    assert people(60, 0) == made != people(60, 1)


def test_kinds_stand_at_all_places():
    at = {(person.facts[place - 1].kind, place) for person in people(60, 0) for place in PLACES}
    assert len(at) == len(KINDS) ** 2


def test_each_kind_has_twenty_different_answers():
    assert all(len(set(kind.values)) == len(kind.values) == 20 for kind in KINDS.values())


def test_slope_is_that_of_the_line():
    assert slope([[1.0, 1.5, 2.0, 2.5, 3.0], [0.0, 0.0, 0.0, 0.0, 0.0]]) == pytest.approx(0.25)


def test_figures_by_place():
    plain = [[Known(float(place), place, place == 1) for place in PLACES] for _ in range(3)]
    even = [[Known(2.0, 2, True) for _ in PLACES] for _ in range(3)]
    found = figures({"plain": plain, "d_ar": even})
    nats = found["Nats per token of the answer"]
    assert [nats["plain"][f"place {place}"]["value"] for place in PLACES] == [1, 2, 3, 4, 5]
    assert nats["plain"]["slope"]["value"] == 1 and nats["d_ar"]["slope"]["value"] == 0
    assert found["Rank of the answer among 20"]["d_ar"]["all"]["value"] == 2
    assert (
        found["Right replies"]["plain"]["place 1"]["hits"] == 3
        and found["Right replies"]["plain"]["all"]["total"] == 15
    )
    change = found["Change from plain training to D-AR"]
    assert change["nats per token"]["place 5"]["value"] == -3 and change["nats per token"]["slope"]["interval"] == (
        -1,
        -1,
    )


def test_the_check_runs_and_its_record_tells_what_was_done(command, tmp_path):
    check_d_ar.main([*command, "--people", "4", "--train_tokens", "600"])
    record = read_json(tmp_path / "records" / "d_ar.json")
    assert [line.split()[1] for line in record["commands"]] == ["demonstrate", "train"] * 2
    assert record["arms"]["plain"]["training"]["rows"] == 4 + 2 * 5 and set(record["versions"]) >= {"torch", "trl"}
    assert set(record["figures"]["Rank of the answer among 20"]) == {"base", "plain", "d_ar"}
    nats = [
        record["figures"]["Nats per token of the answer"][name]["all"]["value"] for name in ("base", "plain", "d_ar")
    ]
    assert len(set(nats)) == 3 and str(tmp_path) not in str(record)
