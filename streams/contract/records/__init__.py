"""The records of all events: the chain is exported here, the others by reviews, rights, policy.

Every record is frozen, carries ``schema_version`` and tolerates unknown fields, so that
an older reader survives a newer writer (additive evolution only). The schemas publish
the docstrings of records, so a change of one changes a schema. A record's content is
a pure function of its input and of versioned registries: no wall clock, no random ids.
Processing it again gives the same bytes and the same id. The time at which a processor
wrote a record is the Kafka record's own timestamp.

Each event carries forward what the next processor needs, so the chain is

    UploadReceived -> TrackFingerprinted -> TrackClassified -> TrackLabelled
                                                            -> TrackDecided -> DecisionApplied
                                                            -> ReviewRequested
"""

from streams.contract.records.analyses import *
from streams.contract.records.base import *
from streams.contract.records.decisions import *
from streams.contract.records.fingerprints import *
from streams.contract.records.labels import *
from streams.contract.records.uploads import *
from streams.contract.vocabulary import Certainty as Certainty
from streams.contract.vocabulary import Component as Component
from streams.contract.vocabulary import Contains as Contains
from streams.contract.vocabulary import Dimension as Dimension
from streams.contract.vocabulary import Extent as Extent
from streams.contract.vocabulary import LabelSource as LabelSource
from streams.contract.vocabulary import Outcome as Outcome
