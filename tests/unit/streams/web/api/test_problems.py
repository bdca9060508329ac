"""Problems."""

from starlette.testclient import TestClient


def test_what_is_not_there_is_404(program: TestClient) -> None:
    for path in (
        *("uploads/upl_0", "uploads/upl_0/decision", "tracks/none", "tracks/none/story"),
        "decisions/dec_0",
        *(
            "decisions/dec_0/statement",
            "decisions/dec_0/evidence",
            "decisions/dec_0/evidence.png",
            "appeals/apl_0",
            "nowhere",
        ),
    ):
        answer = program.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (
            *(404, "application/problem+json"),
        )
