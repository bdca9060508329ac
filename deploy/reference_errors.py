"""Reasons of errors for ``docs/reference/errors.md``: what each means and what to do.

A test compares them with the codes that the code has (``BadInput`` and its kinds).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

Table = Callable[[tuple[str, ...], Iterable[tuple[str, ...]]], str]


class Reason(NamedTuple):
    """The meaning of a reason, and the remedy."""

    meaning: str
    remedy: str


# Of dead letters, in the order in which an upload meets them.
DEAD_LETTERS: Final[Mapping[str, Reason]] = {
    "invalid_record": Reason(
        "the message is not the record that its topic promises", "mend the producer, deliver again"
    ),
    "unreadable_batch": Reason(
        "a record batch that no client can read; its bytes are not kept",
        "see the alert EarmarkUnreadableBatch, deliver again",
    ),
    "skipped": Reason("an operator passed over it: `earmark topics skip`", "none"),
    "refused_scheme": Reason(
        "the address has a scheme that `EARMARK_URI_SCHEMES` lacks", "mend either, replay"
    ),
    "refused_path": Reason("a file outside of `EARMARK_FILE_ROOTS`", "mend either, replay"),
    "refused_address": Reason(
        "an address that leads inside, or that cannot be parsed", "deliver another address"
    ),
    "unknown_host": Reason("the name of the server is not known", "mend the name, replay"),
    "too_many_redirects": Reason("the server leads on and on", "deliver another address"),
    "missing_file": Reason("no such file or object", "mount or restore it, replay"),
    "unreadable_file": Reason("no permission to read it", "give the right to read, replay"),
    "not_a_file": Reason("a folder, a pipe or a device", "deliver a file"),
    "unreachable": Reason("no answer in any attempt", "replay when it is back"),
    "refused_by_server": Reason("the server refuses the address", "mend the link, deliver again"),
    "hash_mismatch": Reason(
        "the bytes have another SHA-256 than the upload states", "deliver again"
    ),
    "too_large": Reason("more bytes than `EARMARK_FETCH_MAX_BYTES`", "deliver less, or raise it"),
    "empty_file": Reason("no bytes", "deliver again"),
    "unsupported_format": Reason(
        "no container, codec, rate or channel count that is read", "[formats](audio.md)"
    ),
    "no_audio": Reason("a container without an audio stream", "deliver the audio"),
    "undecodable": Reason("not one sample can be decoded", "deliver an undamaged file"),
    "too_long": Reason(
        "longer than `EARMARK_DECODE_MAX_DURATION_S`", "deliver single tracks, or raise it"
    ),
    "too_much_memory": Reason(
        "decoding needs more than `EARMARK_DECODE_MAX_MEMORY_MB`", "raise it, replay"
    ),
    "decode_timeout": Reason(
        "decoding takes more than `EARMARK_DECODE_TIMEOUT_S` or `EARMARK_DECODE_CPU_S`",
        "raise them, or give more CPU, replay",
    ),
    "decoder_crashed": Reason("the decode process died", "report the file"),
    "observation_missing": Reason(
        "the artefact store has lost what was decoded", "[replay a day](../how-to/replay.md)"
    ),
    "observation_altered": Reason("stored bytes have another hash", "look at the store, replay"),
    "observation_unreadable": Reason("stored bytes cannot be read", "look at the store, replay"),
    "observation_version": Reason(
        "decoded by another version of the analysis", "deliver or replay the upload"
    ),
    "not_landmarks": Reason("stored landmarks cannot be read", "look at the store, replay"),
    "not_in_ledger": Reason(
        "the ledger has read past a decision and lacks it",
        "[restore](../how-to/restore.md), replay",
    ),
    "unstorable": Reason("the database refuses a row of the message", "see its detail"),
    "record_too_large": Reason(
        "an output is larger than the broker takes", "deliver less metadata"
    ),
    "attempts_exhausted": Reason(
        "it failed in every attempt while others were handled", "mend what the detail names, replay"
    ),
    "unexpected_error": Reason("a fault of Earmark", "keep the dead letter, and report it"),
}
# Of what is refused before it is an upload: a line `not sent`, a row `not_sent`, a RefusedUpload.
NOT_SENT: Final[Mapping[str, str]] = {
    "not_audio_name": "a file in a folder without an audio extension; name it to send it",
    "empty_folder": "a folder without files",
    "missing_file": "no such file, or a link to nothing",
    "no_such_file": "the same, of the hook's `upload_from_file`",
    "unreadable_file": "no permission, or it cannot be read",
    "not_a_file": "a special file",
    "invalid_json": "a line of a manifest is no JSON object",
    "invalid_upload": "a line or an upload has a wrong or too large value",
    "not_delivered": "the broker did not take it; send it again",
    "refused_scheme": "an address with a scheme that `EARMARK_URI_SCHEMES` lacks",
}
# Of what people and programs ask for.
REQUESTS: Final[Mapping[str, tuple[str, ...]]] = {
    "Accounts and keys": (
        *("bad_name", "bad_password", "bad_role", "bad_distributor", "bad_quota", "name_taken"),
        *("no_such_user", "last_admin", "oidc_account", "oidc_refused", "bad_link", "wrong_login"),
    ),
    "Reviews and appeals": (
        *("not_yours", "bad_verdict", "bad_golden", "already_open", "no_such_appeal"),
        *("no_such_decision", "no_such_step", "outcome_missing", "own_verdict"),
        *("too_many_open", "window_passed", "no_picture"),
    ),
    "Banks and trust anchors": (
        *("bank_exists", "bank_is", "bank_wrong", "no_bank", "item_wrong", "indistinct"),
        *("not_heard", "unknown_track", "wrong_archive", "no_authority", "no_certificate"),
        *("no_folder", "no_such_certificate", "nothing_named", "wrong_arguments"),
    ),
    "Policies, rights, DDEX": (*("not_released", "wrong_snapshot", "wrong_rights", "wrong_ddex"),),
    "The artist's page": (
        *("links_off", "no_such_link", "tampered", "expired", "revoked", "erased"),
        *("too_many_links", "other_decision"),
        *("no_statement", "bad_grounds", "nothing_to_object"),
        *("bad_kind", "bad_content", "too_many_files"),
    ),
    "Rightsholders": (
        *("bad_rightsholder", "no_such_rightsholder", "not_theirs", "no_such_choice"),
        *("bad_choice", "bad_day", "bad_territory", "no_proof", "no_such_request"),
        *("changed_meanwhile", "other_rightsholder"),
    ),
    "Delivery of statements": (
        *("bad_address", "bad_language", "no_such_address", "no_such_statement", "mail_refused"),
    ),
    "Operations": (
        *(
            "bad_webhook",
            "bad_track_id",
            "bad_export",
            "cannot_rewind",
            "cannot_skip",
            "cannot_rebuild",
            "exists",
            "moved",
        ),
        *("no_such_letter", "too_few"),
    ),
}
EXIT_CODES: Final = (
    ("0", "done"),
    ("1", "a fault, named on standard error, or what a check finds (`doctor`, `ledger verify`)"),
    ("2", "a wrong command line"),
    ("3", "`earmark ddex in`: a message withdraws tracks, which is not done by itself"),
    ("130", "`earmark scan`: ended by Ctrl-C; the same command goes on"),
)


def body(table: Table) -> str:
    """Return the body of the page."""
    dead = ((f"`{name}`", one.meaning, one.remedy) for name, one in DEAD_LETTERS.items())
    refused = ((f"`{name}`", meaning) for name, meaning in NOT_SENT.items())
    asked = ((group, " ".join(f"`{name}`" for name in names)) for group, names in REQUESTS.items())
    return "\n\n".join(
        (
            "## Dead letters",
            "The message is kept, and the topic goes on. "
            "[How to replay](../how-to/dead-letters.md).",
            table(("reason", "meaning", "remedy"), dead),
            "## Not sent",
            "Nothing was uploaded: OUT has a row `not_sent`, and the hook's result an error.",
            table(("reason", "meaning"), refused),
            "## Not assessed",
            "[The answer](answer.md) has the reasons for which the detector abstains. The upload "
            "is decided nevertheless.",
            "## Refused requests",
            "Commands print `earmark: REASON: sentence`. The API has the reason as `code` of a "
            "problem ([HTTP API](http.md)); the sentence names the correction.",
            table(("of", "reasons"), asked),
            "## Exit codes",
            table(("code", "meaning"), EXIT_CODES),
        )
    )
