"""Pages of artists from templates."""

from streams.contract.translations import languages
from streams.web.artist.render import PAGES, STATIC, name_of


def test_every_language_calls_itself_by_its_name() -> None:
    assert [name_of(one) for one in languages()] == ["English", "Deutsch"]
    assert name_of("fr") == "Français"


def test_a_template_loads_nothing_from_elsewhere() -> None:
    for name in PAGES.list_templates():
        source = PAGES.loader.get_source(PAGES, name)[0]  # type: ignore[union-attr]
        assert "http" not in source
        assert "style=" not in source, "the content security policy refuses it"
        assert "onclick" not in source
    assert (STATIC / "artist.css").exists()
