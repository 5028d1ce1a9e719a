"""The plane's object: one name, one place."""

import pytest

from amp.ha.founding import Founding, check_name, check_place
from amp.kit.errors import Invalid


def test_a_copy_of_a_bucket_is_refused_with_what_to_do() -> None:
    founding = Founding("p", "s", birth="s3://old/amp")
    check_place(founding, "s3://old/amp")
    check_place(founding, "s3://old/amp at http://127.0.0.1:9000")  # through another address
    check_place(Founding("p", "s"), "s3://new/amp")  # of a version that did not say
    with pytest.raises(Invalid, match=r"s3://new/amp holds a copy of the plane of s3://old/amp.*amp.plane.moved=true"):
        check_place(founding, "s3://new/amp")


def test_another_plane_is_refused() -> None:
    check_name(Founding("p", "s", name="mine"), "mine")
    check_name(Founding("p", "s"), "any")
    with pytest.raises(Invalid, match="but the store holds the plane 'mine'"):
        check_name(Founding("p", "s", name="mine"), "other")
