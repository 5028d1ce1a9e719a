"""HA and persist modes together: what runs, and what is refused with both options named."""

import pytest

from amp.ha.modes import HaMode, PersistMode, combined
from amp.kit.errors import Invalid

H, P = HaMode, PersistMode


@pytest.mark.parametrize("ha", [None, *H])
@pytest.mark.parametrize("persist", list(P))
def test_every_combination(ha: HaMode | None, persist: PersistMode) -> None:
    refused = (persist is P.DISABLED and ha in (H.MASTER, H.STANDBY, H.HOT_STANDBY, H.HOT_BACKUP)) or (
        persist is P.CLEAN and ha in (H.STANDBY, H.HOT_STANDBY, H.HOT_BACKUP)
    )
    if refused:
        with pytest.raises(Invalid) as refusal:
            combined(ha, persist)
        assert f"highAvailabilityMode={ha}" in refusal.value.message
        assert f"persistMode={persist}" in refusal.value.message
    elif persist is P.DISABLED:
        assert combined(ha, persist) is H.DISABLED
    else:
        assert combined(ha, persist) is (ha or H.AUTO)
