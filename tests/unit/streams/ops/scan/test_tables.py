"""The tables of a scan, from made-up files."""

from streams.ops.scan.tables import COLUMNS, Report
from streams.policy.identity import Differences
from tests.support.scanned import catalogue


def test_tracks_are_counted_by_artist_release_and_deliverer() -> None:
    report = Report.of(*catalogue())
    total = report.total
    assert (total.tracks, total.ai, total.marked, total.unreadable, report.unread) == (
        8,
        2,
        1,
        1,
        1,
    )
    assert (total.duplicates, total.renamed, total.seconds) == (3, 3, 6 * 180.0)
    artists = {one.name: one.row("artist") for one in report.counts["artist"]}
    assert next(iter(artists)) == "Nova", "findings come first"
    assert (artists["Nova"]["identified"], artists["Nova"]["suspected"]) == (1, 1)
    assert artists[""]["tracks"] == 2
    assert artists["Other Name"]["renamed"] == 1
    assert [one.name for one in report.counts["release"]] == ["Sky", "", "Harbour"]
    assert {one.name: one.tracks for one in report.counts["deliverer"]} == {"D1": 2, "D2": 1, "": 5}
    assert report.generators == {"Suno": 1}
    for kind, table in (("artist", "artists"), ("folder", "folders")):
        assert all(tuple(one.row(kind)) == COLUMNS[table] for one in report.counts[kind])


def test_duplicates_are_grouped_and_other_names_are_marked() -> None:
    report = Report.of(*catalogue())
    (group,) = report.duplicates
    assert [track.path for track in group.tracks] == [f"/music/b{n}.mp3" for n in (1, 3, 2)]
    assert group.differ == Differences(artist=True)
    assert group.match_class == "near_duplicate"
    ((first, second, seconds),) = report.parts
    assert (first.path, second.path, seconds) == ("/music/a1.flac", "/music/b1.mp3", 30.0)
    rows = list(report.duplicate_rows())
    assert [row["other_artist"] for row in rows] == [True] * 3
    assert all(tuple(row) == COLUMNS["duplicates"] for row in rows)


def test_each_file_is_a_row() -> None:
    rows = list(Report.of(*catalogue()).track_rows())
    assert all(tuple(row) == COLUMNS["tracks"] for row in rows)
    assert [row["status"] for row in rows[-2:]] == ["unreadable", "not_read"]
    assert (rows[0]["marks"], rows[0]["extent"]) == ("Suno (tag)", "Unknown")
    assert (rows[2]["artist"], rows[2]["release"]) == ("The Boats", "Harbour")
    assert (rows[3]["artist"], rows[3]["title"]) == ("Other Name", "Boats")
    assert [row["duplicate_group"] for row in rows] == [None, None, 1, 1, 1, None, None, None]
    assert rows[6]["reason"] == "undecodable"
    unreadable = list(Report.of(*catalogue()).unreadable_rows())
    assert [tuple(row) for row in unreadable] == [COLUMNS["unreadable"]]


def test_nothing_is_a_report() -> None:
    report = Report.of([], [])
    assert (report.total.tracks, report.duplicates, list(report.track_rows())) == (0, [], [])
