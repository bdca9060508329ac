"""The templates as evidence; ``detector.evidence.templates`` scores them."""

from typing import Final

from detector.evidence.branch import NO_TRACE_P, SCORE_DIGITS, Branch, Context, Recording
from detector.evidence.templates import TemplateMatch
from detector.types import Evidence


class TemplatesBranch(Branch[TemplateMatch]):
    """Fixed lines of the spectrum that match a known decoder's."""

    name = "templates"

    def search(self, recording: Recording) -> TemplateMatch | None:
        """Return the best template."""
        lines = recording.lines
        if lines is None:
            return None
        scores = lines.template_set.scores(lines.units, lines.population)
        best = int(scores.argmax())
        rule = lines.attribution
        return TemplateMatch(
            round(float(scores[best]), SCORE_DIGITS),
            lines.template_set.names[best],
            rule.name(lines.template_set, scores, lines.population) if rule else None,
        )

    def evidence(self, finding: TemplateMatch, context: Context) -> Evidence:
        """Return the sentence, which is always given; it names a generator only in a finding."""
        p_value = context.p_value(self.name, finding.score)
        compared = context.compared(self.name, finding.score, "match a known decoder equally well")
        if p_value > context.alpha and p_value >= NO_TRACE_P:
            sentence = f"The fixed lines of the spectrum match no known decoder; {compared}"
        elif p_value > context.alpha:
            sentence = (
                "The fixed lines of the spectrum faintly resemble those of a known decoder, not "
                f"above what human recordings show; {compared}"
            )
        elif context.scores.looped:
            sentence = (
                f"The fixed lines of the spectrum resemble those of {finding.nearest}, but a loop "
                f"or a moved level draws such lines too; {compared}"
            )
        elif finding.named is not None:
            sentence = f"The fixed lines of the spectrum match those of {finding.named}; {compared}"
        else:
            sentence = (
                f"The fixed lines of the spectrum resemble those of {finding.nearest}, not clearly "
                f"enough to name it; {compared}"
            )
        return Evidence(self.name, finding.score, sentence)

    def generator(self, finding: TemplateMatch) -> str | None:
        """Return the generator, where the match is clear enough."""
        return finding.named


BRANCH: Final = TemplatesBranch()
