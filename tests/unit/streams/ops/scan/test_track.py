"""What a file states of itself, in words."""

from streams.contract.records import Provenance
from streams.contract.records.fingerprints import Aigc
from streams.contract.vocabulary import Extent
from streams.ops.scan.track import provenance_of


def test_statements_of_a_file_in_words() -> None:
    assert provenance_of(None) is None
    assert provenance_of(Provenance(state="untrusted")) is None
    both = Provenance(state="untrusted", extent=Extent.ALL, aigc=Aigc(label="1"))
    assert provenance_of(both) == "C2PA untrusted: All; AIGC label 1"
