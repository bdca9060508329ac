"""*Detector*: what it answers, how sure it is, what a candidate would answer, how it runs."""

from typing import Final

from deploy.dashboards.panels import Board, Panel

OUTCOMES: Final = 'earmark_outcomes_total{model=~"$model"}'
ABSTAINED: Final = 'earmark_outcomes_total{model=~"$model", outcome=~"uncertain|not_assessable"}'
MARKED: Final = 'earmark_marks_total{model=~"$model"}'
MARKED_FOUND: Final = 'earmark_marks_total{model=~"$model", outcome=~"identified|suspected"}'
MARKED_HEARD: Final = 'earmark_marks_total{model=~"$model", outcome!="not_assessable"}'
SCORE: Final = (
    "histogram_quantile({}, sum by (le) "
    '(rate(earmark_score_bucket{{model=~"$model"}}[$__rate_interval])))'
)
SCORING: Final = (
    "histogram_quantile({}, sum by (le) "
    '(rate(earmark_stage_seconds_bucket{{processor="classify", stage="score"}}[$__rate_interval])))'
)
BATCH: Final = (
    "sum(rate(earmark_batch_size_sum[$__rate_interval]))"
    " / sum(rate(earmark_batch_size_count[$__rate_interval]))"
)
SHADOW: Final = 'earmark_shadow_total{model=~"$model"}'
DISTANCE: Final = (
    "histogram_quantile({}, sum by (le, shadow) "
    "(rate(earmark_shadow_probability_distance_bucket[$__rate_interval])))"
)

EVERYBODY: Final = (
    "max by (population, measure) "
    '(earmark_reference_drift{{deliverer="all", model=~"$model", measure=~"{}"}})'
)

FALSE: Final = (
    "max by (of, tier, evidence) "
    '(earmark_false_positive_share{{by="kind", model=~"$model", bound="{}"}})'
)
FALSE_CASES: Final = (
    'max by (of, tier, evidence) (earmark_false_positive_cases{by="kind", model=~"$model"})'
)
ACCEPTED: Final = "max by (tier) (earmark_accepted_false_positive_share)"
FOUND: Final = 'max by (of, evidence) (earmark_recall_share{{model=~"$model", bound="{}"}})'
FOUND_CASES: Final = 'max by (of, evidence) (earmark_recall_cases{model=~"$model"})'

BOARD: Final = Board(
    "earmark-detector",
    "Earmark / Detector",
    "Answers, scores, abstentions, the shadow model, batches",
    [
        (
            "Answers",
            [
                Panel(
                    "Outcomes",
                    "Share of each answer",
                    [
                        (
                            f"sum by (outcome) (rate({OUTCOMES}[$__rate_interval]))"
                            " / ignoring(outcome) group_left"
                            f" sum(rate({OUTCOMES}[$__rate_interval]))",
                            "{{outcome}}",
                        )
                    ],
                    "percentunit",
                    "stack",
                ),
                Panel(
                    "Abstentions",
                    "uncertain and not_assessable: a rise is a new generator or a new format",
                    [
                        (
                            f"sum by (outcome) (increase({ABSTAINED}[$__range]))"
                            " / ignoring(outcome) group_left"
                            f" sum(increase({OUTCOMES}[$__range]))",
                            "{{outcome}}",
                        )
                    ],
                    "percentunit",
                ),
                Panel(
                    "Abstentions by reason",
                    "uncertain: analysed, not sure; the others: it cannot know, and why. What is "
                    "out of distribution (a new generator, a new format) shows here first",
                    [
                        (
                            "sum by (reason) (increase("
                            'earmark_abstained_total{model=~"$model"}[$__range]))'
                            " / ignoring(reason) group_left"
                            f" sum(increase({OUTCOMES}[$__range]))",
                            "{{reason}}",
                        )
                    ],
                    "percentunit",
                    "stack",
                ),
                Panel(
                    "Models in service",
                    "Workers by digest; two for longer than a rollout is an alert",
                    [("count by (model, digest) (earmark_model_info)", "workers")],
                    "short",
                    "table",
                    24,
                ),
            ],
        ),
        (
            "Against marks in files",
            [
                Panel(
                    "Recall on marked files",
                    "Share of files with a generator's mark that the detector finds; free of "
                    "reviews. What it cannot assess is left out",
                    [
                        (
                            f"sum by (generator) (increase({MARKED_FOUND}[$__range]))"
                            f" / sum by (generator) (increase({MARKED_HEARD}[$__range]))",
                            "{{generator}}",
                        )
                    ],
                    "percentunit",
                    width=12,
                ),
                Panel(
                    "Marks by generator",
                    "What the detector answers where the file carries a mark",
                    [
                        (
                            f"sum by (generator, outcome) (increase({MARKED}[$__range]))",
                            "generator, outcome",
                        )
                    ],
                    "short",
                    "matrix",
                    12,
                ),
                Panel(
                    "Watermarks",
                    "Found by generator and outcome, and recordings that a watermark detector "
                    "failed on; empty unless EARMARK_WATERMARKS names one",
                    [
                        (
                            "sum by (generator, outcome) "
                            "(increase(earmark_watermarks_total[$__range]))",
                            "{{generator}} {{outcome}}",
                        ),
                        (
                            "sum by (detector) "
                            "(increase(earmark_watermark_faults_total[$__range]))",
                            "{{detector}} failed",
                        ),
                    ],
                    "short",
                    width=24,
                ),
            ],
        ),
        (
            "Against people's rulings",
            [
                Panel(
                    "False positives by kind of music",
                    "Share of people's tracks that are identified or suspected, with the 95 % "
                    'interval; an alert where "at least" is above "accepted". Too few cases: '
                    "none",
                    [
                        (FALSE.format("share"), "share"),
                        (FALSE.format("low"), "at least"),
                        (FALSE.format("high"), "at most"),
                        (FALSE_CASES, "cases"),
                        (f"{FALSE_CASES} * 0 + on(tier) group_left {ACCEPTED}", "accepted"),
                    ],
                    "short",
                    "table",
                    24,
                ),
                Panel(
                    "Recall by generator and kind of music",
                    "Of marked files by generator, of a random sample by kind of music; with the "
                    "95 % interval. Too few cases: none",
                    [
                        (FOUND.format("share"), "share"),
                        (FOUND.format("low"), "at least"),
                        (FOUND.format("high"), "at most"),
                        (FOUND_CASES, "cases"),
                    ],
                    "short",
                    "table",
                    12,
                ),
                Panel(
                    "Suspected of people's music",
                    "Against the rate that is set",
                    [
                        (
                            'max by (of, evidence) (earmark_false_positive_share{by="kind", '
                            'tier="suspected", bound="share"})',
                            "{{of}} ({{evidence}})",
                        ),
                        (
                            'max(earmark_accepted_false_positive_share{tier="suspected"})',
                            "accepted",
                        ),
                    ],
                    "percentunit",
                    width=12,
                ),
            ],
        ),
        (
            "Scores",
            [
                Panel(
                    "Score",
                    "Raw scores, by bucket",
                    [
                        (
                            "sum by (le) "
                            '(increase(earmark_score_bucket{model=~"$model"}[$__rate_interval]))',
                            "{{le}}",
                        )
                    ],
                    "short",
                    "heat",
                    12,
                ),
                Panel(
                    "Score, quantiles",
                    "A drift of the whole distribution shows in the median",
                    [
                        (SCORE.format(one), f"p{int(float(one) * 100)}")
                        for one in ("0.1", "0.5", "0.9")
                    ],
                    "short",
                    width=12,
                ),
            ],
        ),
        (
            "Against the release",
            [
                Panel(
                    "PSI from the release, with its 95 % interval",
                    "The newest scores against the histogram in the model's manifest, whatever the "
                    'share of AI; below "by chance" it means nothing',
                    [(EVERYBODY.format("psi.*"), "{{population}}: {{measure}}")],
                    "short",
                ),
                Panel(
                    "KS from the release, with its 95 % interval",
                    "The same as the largest distance of the two distributions",
                    [(EVERYBODY.format("ks.*"), "{{population}}: {{measure}}")],
                    "short",
                ),
                Panel(
                    "Share of AI that explains the scores",
                    "An estimate without threshold; with how many scores it is made of",
                    [
                        (
                            "max by (model, population) "
                            '(earmark_estimated_ai_share{deliverer="all", model=~"$model"})',
                            "{{model}} {{population}}",
                        )
                    ],
                    "percentunit",
                ),
                Panel(
                    "By deliverer",
                    "PSI of each of the twenty that deliver most; a new format or encoder is one "
                    "deliverer's, a new generator everybody's",
                    [
                        (
                            "max by (population, deliverer) "
                            '(earmark_reference_drift{measure="psi", model=~"$model"})',
                            "PSI",
                        ),
                        (
                            "max by (population, deliverer) "
                            '(earmark_reference_drift_cases{model=~"$model"})',
                            "scores",
                        ),
                    ],
                    "short",
                    "table",
                    24,
                ),
            ],
        ),
        (
            "Drift",
            [
                Panel(
                    "Drift of scores",
                    'The newest against those before; below "by chance" it means nothing',
                    [("max by (model, measure) (earmark_drift)", "{{model}}: {{measure}}")],
                    "short",
                    width=12,
                ),
                Panel(
                    "p-values of human recordings",
                    "Distance from uniform, where a person found no AI",
                    [
                        (
                            "max by (model, measure) (earmark_p_value_distance)",
                            "{{model}}: {{measure}}",
                        )
                    ],
                    "short",
                    width=12,
                ),
            ],
        ),
        (
            "Shadow",
            [
                Panel(
                    "The shadow model beside the released one",
                    "What a candidate (EARMARK_SHADOW_MODEL) would have answered",
                    [(f"sum by (result) (rate({SHADOW}[$__rate_interval]))", "{{result}}")],
                    "cpm",
                    "stack",
                    12,
                ),
                Panel(
                    "Distance of probabilities",
                    "How far apart the two are",
                    [(DISTANCE.format("0.5"), "p50"), (DISTANCE.format("0.95"), "p95")],
                    "percentunit",
                    width=12,
                ),
            ],
        ),
        (
            "How it runs",
            [
                Panel(
                    "Device use",
                    "Share of the time in which the scoring thread has the device",
                    [
                        (
                            "sum by (instance) (rate(earmark_stage_seconds_sum"
                            '{processor="classify", stage="score"}[$__rate_interval]))',
                            "{{instance}}",
                        )
                    ],
                    "percentunit",
                    width=6,
                ),
                Panel(
                    "Batch size",
                    "Observations scored together, mean",
                    [(BATCH, "mean")],
                    "short",
                    width=6,
                ),
                Panel(
                    "Scoring",
                    "Seconds for a batch",
                    [(SCORING.format("0.5"), "p50"), (SCORING.format("0.95"), "p95")],
                    "s",
                    width=6,
                ),
                Panel(
                    "Decoded",
                    "Decoded and scored, or reused since the content was known",
                    [
                        ("sum by (how) (rate(earmark_decodes_total[$__rate_interval]))", "{{how}}"),
                        (
                            "sum by (how) (rate(earmark_classified_total[$__rate_interval]))",
                            "classified: {{how}}",
                        ),
                    ],
                    "ops",
                    "stack",
                    6,
                ),
            ],
        ),
    ],
    variables=[("model", "earmark_outcomes_total", "model")],
)
